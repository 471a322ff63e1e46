// Bounds are the cache's, not a shard's (Budget.swift), so a shard may want what
// another has. No call holds two shards' locks: a write that lacks something ends,
// others give up what it lacks, and it is tried again.

extension Cache {
  /// How often others are asked before a write is given up: others may take what
  /// was given up for this one.
  private static let requestsMax = 100

  /// Runs a write under the shard's lock, and again after other shards have
  /// given up what it lacked.
  @inline(__always)
  package func storing(
    in shard: Shard, _ write: (_ now: UInt64, _ mayAskOthers: Bool) -> Shard.Stored
  ) -> Outcome {
    let stored = shard.withLock { write(clock.coarse, true) } ?? .done(shard.giveUpWrite())
    if case .done(let outcome) = stored { return outcome }
    return storingSlow(in: shard, stored, write)
  }

  @inline(never)
  private func storingSlow(
    in shard: Shard, _ first: Shard.Stored,
    _ write: (_ now: UInt64, _ mayAskOthers: Bool) -> Shard.Stored
  ) -> Outcome {
    var stored = first
    var requests = 0
    while true {
      var isGiven = true
      switch stored {
      case .done(let outcome): return outcome
      case .needsMemory(let bytes):
        let pages = bytes / UInt64(Geometry.page) + 2
        if bytes > 0 { isGiven = collectPages(pages, for: shard) }
      case .needsEntry: isGiven = collectEntry(for: shard)
      }
      requests += 1
      let mayAskAgain = isGiven && requests < Cache.requestsMax
      stored =
        shard.withLock { write(clock.coarse, mayAskAgain) } ?? .done(shard.giveUpWrite())
    }
  }

  /// The other shards, from the one that has most of something on.
  private func donors(
    for poor: Shard, by amount: (Shard) -> UInt64, _ body: (Shard) -> Bool
  ) {
    var (richest, most) = (poor.number, UInt64(0))
    forEachShard { shard in
      let has = shard.withLock { amount(shard) } ?? 0
      if shard.number != poor.number, has > most { (richest, most) = (shard.number, has) }
    }
    for offset in 0..<shardCount {
      let donor = shard((richest + offset) & handle.shardMask)
      if donor.number != poor.number, !body(donor) { return }
    }
  }

  /// Has other shards give up pages. False if there was nothing to be had.
  private func collectPages(_ wanted: UInt64, for poor: Shard) -> Bool {
    var collected: UInt64 = 0
    donors(for: poor, by: { $0.arena.span.chargedPages }) { donor in
      collected +=
        donor.withLock {
          donor.drainAllReads()
          return donor.surrender(pageCount: wanted - collected, at: clock.coarse)
        } ?? 0
      return collected < wanted
    }
    return collected > 0
  }

  /// Has another shard give up an entry: one that has expired, or else, if it may
  /// evict, one it forgets.
  private func collectEntry(for poor: Shard) -> Bool {
    var isGiven = false
    donors(for: poor, by: { $0.counters.pointee.entries }) { donor in
      isGiven = donor.withLock { giveUpEntry(donor) } ?? false
      return !isGiven
    }
    return isGiven
  }

  /// For the holder of the donor's lock. Whether there was one.
  private func giveUpEntry(_ donor: Shard) -> Bool {
    donor.drainAllReads()
    if donor.removeSomeExpired(at: clock.coarse) > 0 { return true }
    if donor.header.pointee.isNoEvict { return donor.evictWindowed(for: .bound) }
    guard let victim = donor.victim() else { return false }
    donor.evict(victim, for: .bound)
    return true
  }
}
