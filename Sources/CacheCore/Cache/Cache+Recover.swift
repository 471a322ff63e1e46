// After a death: what shards cannot know of each other.

extension Cache {
  /// Makes the budgets what shards have. One who died may have taken what no shard got, or
  /// given back less than it had; recovery of its shard corrects that as far as the shard
  /// can tell, and this does all of it.
  package func settleBudgets() { Shard.settleBudgets(of: region) }
}
