import Synchronization

// Whom to forget.
//
// As long as every use is recorded, the order of use is exact and the policy alone
// decides. Where several threads read they lose records, and LRU's oldest entry may be
// one that is used all the time. Then its time of last use decides: an entry that was
// used after it came to its place counts as used now. When it came there nobody wrote
// down, but it was not before it was stored, and not before the one that was forgotten
// last, which was unused from then on: the two were neighbours.
//
// Times of last use are to be right to an eighth of the time that an unused entry
// stays: so readers write the less, the less a cache changes (Shard.isDue).

extension Shard {
  /// The entry to forget next. Whoever asks evicts it.
  @inline(__always)
  package func victim() -> Ref? {
    guard let victim = leastUseful() else { return nil }
    return !wheel.hasWindowed ? victim : windowedVictim(or: victim)
  }

  /// The same by use alone.
  @inline(__always)
  private func leastUseful() -> Ref? {
    if counters.pointee.lostMs != 0, isOrderUncertain { return victimByTimes() }
    guard let victim = policy.victim(hashOf: { hash(of: $0).forIndex }) else { return nil }
    counters.pointee.forgottenMs = entry(victim).access.lastUsed
    return victim
  }

  /// How old an entry's time of last use must be for readers who are not alone to
  /// set it again. They all read this, so it seldom changes.
  package var accessGranularityMs: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { words.pointee.accessGranularityMs.word }
  }

  package static let accessGranularityMaxMs: UInt32 = 32

  /// Whether access records of LRU's readers were lost since the oldest entry was last used.
  /// Readers say so every 50 ms.
  private var isOrderUncertain: Bool {
    guard !policy.isAdaptive, let oldest = policy.oldest else { return false }
    return entry(oldest).access.lastUsed <= counters.pointee.lostMs &+ 2 &* ReadStripe.lazyMs
  }

  /// Entries that are spared in a row at most, in one hold of the lock. What is spared
  /// together stays together, so now and then this is too few, and one goes.
  private static let sparedMax = 128

  @inline(never)
  private func victimByTimes() -> Ref? {
    let (policy, counters, granularityMs) = (policy, counters, UInt64(accessGranularityMs.relaxed))
    var spared = 0
    while let oldest = policy.oldest {
      let lastUsed = entry(oldest).access.lastUsed
      let placed = max(counters.pointee.forgottenMs, entry(oldest).storedMs)
      if lastUsed <= placed + granularityMs {
        counters.pointee.forgottenMs = lastUsed
        adjustAccessGranularity(toStay: region.clock.coarse, since: lastUsed)
        return oldest
      }
      if spared == Shard.sparedMax {
        // Perhaps nothing was forgotten for long; then this ends it soon.
        counters.pointee.forgottenMs = placed + (lastUsed - placed) / 2
        return oldest
      }
      policy.moveToNewest(oldest)
      spared += 1
    }
    return nil
  }

  /// An entry that nobody used was forgotten.
  private func adjustAccessGranularity(toStay now: UInt64, since lastUsed: UInt64) {
    let stay = now - min(now, lastUsed)
    let wanted = UInt32(max(1, min(UInt64(Shard.accessGranularityMaxMs), stay / 8)))
    if wanted < accessGranularityMs.relaxed / 2 || wanted > 2 * accessGranularityMs.relaxed {
      accessGranularityMs.relaxed = wanted
    }
  }
}
