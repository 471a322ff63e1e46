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
  /// Past their deadline, those in their window included.
  package var expired: UInt64 = 0
  package var stale: UInt64 = 0
  package var absent: UInt64 = 0
  package var staleServed: UInt64 = 0
  package var absentServed: UInt64 = 0
  package var entriesBefore: UInt64 = 0

  /// Whether every entry is accounted for: what was there and what came is what
  /// left and what is there, expired or not. Each shard is read under its lock,
  /// between changes, so this holds whatever others do meanwhile.
  package var addsUp: Bool {
    entriesBefore + inserts == deletes + evictions + expirations + entries + expired
  }
}

extension Cache {
  /// Pages in which one slice marks what has expired.
  private static let pagesAtOnce = 32

  /// Live entries.
  package func count() -> UInt64 {
    var total: UInt64 = 0
    forEachExpiryMarked {
      total &+= $0.liveCount
    }
    return total
  }

  /// Entries that are to be removed, since they have expired.
  package func backlog() -> UInt64 {
    var total: UInt64 = 0
    forEachExpiryMarked { total += $0.wheel.state.pointee.expiredCount }
    return total
  }

  /// Calls `body` for each shard, locked, when all that has expired is marked; for one whose
  /// lock a stopped process holds, as that left it, and in a cache that is open for reading
  /// alone, as it is.
  func forEachExpiryMarked(_ body: (Shard) -> Void) {
    if region.isReadOnly {
      forEachShard(body)
      return
    }
    forEachShard { shard in
      let isReached = inSlices(shard) { _ in
        guard shard.markExpired(at: clock.coarse, pageLimit: Cache.pagesAtOnce) else {
          return false
        }
        body(shard)
        return true
      }
      if !isReached { body(shard) }
    }
  }

  package func statistics() -> Statistics {
    var sum = Statistics()
    var (unusedBytes, returnedBytes): (UInt64, UInt64) = (0, 0)
    forEachExpiryMarked { shard in
      let counters = shard.counters.pointee
      sum.entries &+= shard.liveCount
      sum.expired &+= shard.wheel.expiredCount
      sum.stale &+= shard.wheel.state.pointee.staleCount
      sum.absent &+= shard.wheel.state.pointee.absentCount
      sum.entriesBefore &+= counters.entriesBefore
      sum.inserts &+= counters.inserts
      sum.updates &+= counters.updates
      sum.deletes &+= counters.deletes
      sum.evictions &+= counters.evictions
      sum.expirations &+= counters.expirations
      sum.refused &+= counters.refused
      sum.removalsLost &+= shard.removals.state.pointee.lost
      for number in 0..<Int(shard.stripeCount) {
        sum.hits &+= shard.stripe(number).hits
        sum.misses &+= shard.stripe(number).misses
        sum.staleServed &+= shard.stripe(number).staleServed
        sum.absentServed &+= shard.stripe(number).absentServed
      }
      let arena = shard.arena
      let charged = arena.span.chargedPages &* UInt64(Geometry.page)
      let used = arena.state.pointee.usedUnits &* UInt64(Entry.unit)
      unusedBytes &+= charged > used ? charged - used : 0
      returnedBytes &+= arena.state.pointee.returnedPages &* UInt64(Geometry.page)
    }
    sum.shardCount = shardCount
    // Of a later moment than what the shards said.
    let charged = region.pagesUsed.relaxed &* UInt64(Geometry.page)
    sum.bytesUsed = charged > unusedBytes ? charged - unusedBytes : 0
    sum.bytesResident = max(sum.bytesUsed, charged - min(charged, returnedBytes))
    sum.bytesLimit = region.maxBytes
    sum.entriesLimit = region.maxEntries
    return sum
  }

  package func resetStatistics() {
    forEachShard { shard in
      _ = shard.withLock {
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

  /// Hits and misses of the last `windowMs`.
  package func lately(_ windowMs: UInt64) -> HitHistory.Reading {
    let history = HitHistory(region)
    let now = clock.coarse
    let reading = history.last(windowMs, at: now)
    history.record(at: now)
    return reading
  }
}
