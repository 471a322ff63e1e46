import Synchronization

// Whom to forget.
//
// As long as every use is noted, the order of use is exact and the policy alone
// decides. Where several threads read they lose notes, and LRU's oldest entry may be
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
    if counters.pointee.lostMs != 0, isOrderUncertain { return victimByTimes() }
    guard let victim = policy.victim(hashOf: { hash(of: $0).forIndex }) else { return nil }
    counters.pointee.forgottenMs = entry(victim).useNow.lastUsed
    return victim
  }

  /// How old an entry's time of last use must be for readers who are not alone to
  /// set it again. They all read this, so it seldom changes.
  package var markMs: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { base.atomic32(ShardLayout.markMs) }
  }

  package static let markMsMax: UInt32 = 32

  /// Whether notes of LRU's readers were lost since the oldest entry was last used.
  /// Readers say so every 50 ms.
  private var isOrderUncertain: Bool {
    guard !policy.isAdaptive, let oldest = policy.oldest else { return false }
    return entry(oldest).useNow.lastUsed <= counters.pointee.lostMs &+ 2 &* ReadStripe.lazyMs
  }

  /// Entries that are spared in a row at most, in one hold of the lock. What is spared
  /// together stays together, so now and then this is too few, and one goes.
  private static let sparedMax = 128

  @inline(never)
  private func victimByTimes() -> Ref? {
    let (policy, counters, markMs) = (policy, counters, UInt64(markMs.relaxed))
    var spared = 0
    while let oldest = policy.oldest {
      let lastUsed = entry(oldest).useNow.lastUsed
      let placed = max(counters.pointee.forgottenMs, entry(oldest).storedMs)
      if lastUsed <= placed + markMs {
        counters.pointee.forgottenMs = lastUsed
        adjustMarks(toStay: region.clock.coarse, since: lastUsed)
        return oldest
      }
      if spared == Shard.sparedMax {
        // Perhaps nothing was forgotten for long; then this ends it soon.
        counters.pointee.forgottenMs = placed + (lastUsed - placed) / 2
        return oldest
      }
      policy.renew(oldest)
      spared += 1
    }
    return nil
  }

  /// An entry that nobody used was forgotten.
  private func adjustMarks(toStay now: UInt64, since lastUsed: UInt64) {
    let stay = now - min(now, lastUsed)
    let wanted = UInt32(max(1, min(UInt64(Shard.markMsMax), stay / 8)))
    if wanted < markMs.relaxed / 2 || wanted > 2 * markMs.relaxed { markMs.relaxed = wanted }
  }
}
