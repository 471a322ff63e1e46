import Synchronization

/// A reading of all counters.
package struct Statistics {
  package var shardCount: UInt32 = 0
  package var entries: UInt64 = 0
  package var bytesUsed: UInt64 = 0
  package var bytesResident: UInt64 = 0
  package var bytesLimit: UInt64 = 0
  package var entriesLimit: UInt64 = 0
  package var hits: UInt64 = 0
  package var misses: UInt64 = 0
  package var inserts: UInt64 = 0
  package var updates: UInt64 = 0
  package var deletes: UInt64 = 0
  package var evictions: UInt64 = 0
  package var expirations: UInt64 = 0
  package var refused: UInt64 = 0
  package var removalsLost: UInt64 = 0
  package var expired: UInt64 = 0
  package var entriesBefore: UInt64 = 0

  /// Whether every entry is accounted for: what was there and what came is what
  /// left and what is there, expired or not. Each shard is read under its lock,
  /// between changes, so this holds whatever others do meanwhile.
  package var addsUp: Bool {
    entriesBefore + inserts == deletes + evictions + expirations + entries + expired
  }
}

extension Cache {
  package func statistics() -> Statistics {
    var sum = Statistics()
    var unusedBytes: UInt64 = 0
    forEachExpiryMarked { shard in
      let counters = shard.counters.pointee
      let expired = shard.wheel.state.pointee.expiredCount
      sum.entries += counters.entries - expired
      sum.expired += expired
      sum.entriesBefore += counters.entriesBefore
      sum.inserts += counters.inserts
      sum.updates += counters.updates
      sum.deletes += counters.deletes
      sum.evictions += counters.evictions
      sum.expirations += counters.expirations
      sum.refused += counters.refused
      sum.removalsLost += shard.removals.state.pointee.lost
      for number in 0..<Int(shard.stripeCount) {
        sum.hits += shard.stripe(number).hits
        sum.misses += shard.stripe(number).misses
      }
      let arena = shard.arena
      let charged = arena.span.chargedPages * UInt64(Geometry.page)
      let used = arena.state.pointee.usedUnits * UInt64(Entry.unit)
      unusedBytes += charged > used ? charged - used : 0
    }
    sum.shardCount = shardCount
    sum.bytesResident = region.pagesUsed.relaxed * UInt64(Geometry.page)
    sum.bytesUsed = sum.bytesResident > unusedBytes ? sum.bytesResident - unusedBytes : 0
    sum.bytesLimit = region.bytesLimit.relaxed
    let limit = region.entriesLimit.relaxed
    sum.entriesLimit = limit == UInt64.max ? 0 : limit
    return sum
  }

  package func resetStatistics() {
    forEachShard { shard in
      shard.lock.withLock {
        let counters = shard.counters
        counters.pointee.inserts = 0
        counters.pointee.updates = 0
        counters.pointee.deletes = 0
        counters.pointee.evictions = 0
        counters.pointee.expirations = 0
        counters.pointee.refused = 0
        shard.removals.state.pointee.lost = 0
        counters.pointee.entriesBefore = counters.pointee.entries
        for number in 0..<Int(shard.stripeCount) { shard.stripe(number).resetStatistics() }
      }
    }
  }
}
