import Synchronization

/// What the cache may still take: entries and pages of memory, over all shards.
///
/// The bounds are the cache's, not a shard's share of them, so that a busy
/// shard can use what an idle one does not, and nothing is forgotten before the
/// cache as a whole is full. Each counter is one word; it changes only when the
/// cache grows or shrinks, never when an entry takes another's place.
package struct Budget {
  private let used: UnsafeMutablePointer<Atomic<UInt64>>
  private let limit: UInt64

  /// `limit` as it is now; a budget is made anew for each question.
  package init(used: UnsafeMutablePointer<Atomic<UInt64>>, limit: UInt64) {
    self.used = used
    self.limit = limit
  }

  /// Takes all of `amount` or nothing.
  @inline(__always)
  package func take(_ amount: UInt64) -> Bool {
    var before = used.relaxed
    while before &+ amount <= limit {
      let (exchanged, original) = used.pointee.compareExchange(
        expected: before, desired: before &+ amount, ordering: .relaxed)
      if exchanged { return true }
      before = original
    }
    return false
  }

  @inline(__always)
  package func give(_ amount: UInt64) {
    used.pointee.wrappingSubtract(amount, ordering: .relaxed)
  }

  package var inUse: UInt64 { used.relaxed }
  package var isExceeded: Bool { used.relaxed > limit }
}

extension Region {
  /// Pages of memory, of `Geometry.page` bytes.
  @inline(__always)
  package var pageBudget: Budget {
    // Without a bound: more pages than there can be.
    Budget(used: pagesUsed, limit: bytesLimit.relaxed / UInt64(Geometry.page))
  }
  @inline(__always)
  package var entryBudget: Budget { Budget(used: entriesUsed, limit: entriesLimit.relaxed) }
}
