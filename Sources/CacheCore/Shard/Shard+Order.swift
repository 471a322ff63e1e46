// A shard's entries in the order of forgetting, so that those of several shards can be
// merged into one.

extension Shard {
  /// An entry, and where it stands among those of all shards.
  package struct Standing {
    package var ref: Ref
    /// The policy's group, then the time of last use: the lower is forgotten first.
    package var rank: UInt64
  }

  private static let lastUsedBits: UInt64 = 40

  /// The policy's group and the time of last use: 42 bits.
  package func rank(of ref: Ref) -> UInt64 {
    policy.group(of: ref) << Shard.lastUsedBits | entry(ref).access.lastUsed
  }

  private func standing(_ ref: Ref) -> Standing { Standing(ref: ref, rank: rank(of: ref)) }

  /// The entry that is forgotten first, by all that readers have recorded.
  package var coldest: Standing? { policy.first(in: .coldest).map(standing) }

  /// The first live entry in this order, or the first after another.
  package func firstLive(
    in order: EvictionOrder, after last: Ref? = nil, at now: UInt64
  ) -> Standing? {
    let policy = policy
    var next: Ref?
    if let last {
      next = policy.next(after: last, in: order)
    } else {
      next = policy.first(in: order)
    }
    while let ref = next, !isLive(ref, at: now) { next = policy.next(after: ref, in: order) }
    return next.map(standing)
  }

  /// Forgets one entry, and gives its credit back. False if there is none.
  package func evictOne() -> Bool {
    guard let victim = victim() else { return false }
    evict(victim, for: .bound)
    return true
  }
}
