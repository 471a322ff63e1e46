import CPlatform
import Synchronization

// The index after the death of one who held the lock: kept as it is, but for what is not
// so. Readers go on meanwhile and rely on the order of stores that Index.swift tells:
//
//   - the version of every bucket changes, whether or not something was wrong there: an
//     entry may have left it that nobody was told of. Only when all have changed is an
//     overflow bucket given back, or (by the shard) memory used for anything else;
//   - a slot that is to go may be the older half of a move within its chain, so the version
//     changes before it is cleared, too. But where it is odd it stays so until the entry
//     that was being written is gone: that one is torn.
//
// All of it may be cut short anywhere and begun again: what is valid is never touched, and
// a link changes by one store.

extension Index {
  /// Chains are not longer than this, but by damage.
  private static let recoveredChainMax = 256
  /// Buckets whose entries are asked for before they are looked at.
  private static let lookAhead: UInt32 = 3

  /// Who can tell what a slot refers to.
  package protocol Referents {
    /// The hash of the key of the entry there; nil if there is none to be kept.
    func hash(of ref: Ref) -> UInt32?
    /// Of two that are there, with keys of one tag.
    func haveSameKey(_ one: Ref, _ other: Ref) -> Bool
    func isNewer(_ one: Ref, than other: Ref) -> Bool
  }

  /// Keeps each slot that leads to an entry which is looked for there, one for an entry and
  /// one for a key, and clears the others. The number of entries. `isAlone`: nobody
  /// reads meanwhile, and whoever had pins is gone.
  package func recover(_ referents: some Referents, isAlone: Bool) -> UInt64 {
    checkTable()
    if isAlone { resetPins() }
    raiseVersions()
    let chainable = UInt64(overflowCount)
    // Where nobody looks, the version of an overflow bucket: whether it is in a chain.
    forEachOverflow(chainable) { $0.version.relaxed = 0 }
    var entries: UInt64 = 0
    let count = bucketCount
    for number in 0..<count {
      if number + Index.lookAhead < count { prefetchEntries(bucket(number + Index.lookAhead)) }
      let first = bucket(number)
      checkLinks(first, chainable)
      entries += checkSlots(first, referents)
      unlinkEmpty(first)
      changeVersion(first)
    }
    isAlone ? clearAll(after: count) : clearNext(after: count)
    collectOverflow(chainable)
    return entries
  }

  /// Clears everything, for a shard that cannot be recovered. Needs no memory.
  package func clearAll(isAlone: Bool) {
    checkTable()
    if isAlone { resetPins() }
    raiseVersions()
    for number in 0..<bucketCount {
      let first = bucket(number)
      for slot in 0..<Bucket.slotCount { first.clear(slot) }
      first.next.relaxed = 0
      changeVersion(first)
    }
    isAlone ? clearAll(after: bucketCount) : clearNext(after: bucketCount)
    let chainable = UInt64(overflowCount)
    forEachOverflow(chainable) { $0.version.relaxed = 0 }
    collectOverflow(chainable)
  }

  /// Overflow buckets that there is memory for.
  package var overflowCount: UInt32 {
    let end = min(overflowSpan.chargedEnd, overflowSpan.extent)
    return UInt32(truncatingIfNeeded: end / UInt64(Bucket.size))
  }

  // MARK: Steps

  /// A size that the table cannot have was never stored by us: then it is that of an
  /// empty one.
  package func checkTable() {
    if isTableSane { return }
    table.pointee.store(UInt64(baseBuckets) << 32, ordering: .releasing)
  }

  package var isTableSane: Bool {
    let table = table.relaxed
    let mask = UInt64(UInt32(truncatingIfNeeded: table))
    let (count, unsplit) = (table >> 32, UInt64(baseBuckets) * (mask + 1))
    let end = min(bucketsSpan.chargedEnd, bucketsSpan.extent)
    return mask & (mask + 1) == 0 && count >= unsplit && count <= 2 * unsplit
      && count * UInt64(Bucket.size) <= end
  }

  /// Versions to come are above all that buckets have, as far as numbers that begin anew
  /// can be.
  private func raiseVersions() {
    var highest = state.pointee.versions & ~1
    for number in 0..<bucketCount {
      let ahead = Int32(bitPattern: bucket(number).version.relaxed &- highest)
      if ahead > 0, ahead < 1 << 30 { highest = highest &+ UInt32(ahead) & ~1 }
    }
    state.pointee.versions = highest
  }

  private func forEachOverflow(_ chainable: UInt64, _ body: (Bucket) -> Void) {
    for number in 0..<UInt32(truncatingIfNeeded: chainable) { body(overflowBucket(number + 1)) }
  }

  private func prefetchEntries(_ bucket: Bucket) {
    for slot in 0..<Bucket.slotCount where bucket.tag(slot).relaxed != 0 {
      let address = memory.blocks[bucket.ref(slot).relaxed | 1]
      platform_prefetch(address)
      platform_prefetch(address + CacheLine.size)
    }
  }

  /// Cuts the chain before what is no overflow bucket, or is in a chain already.
  private func checkLinks(_ first: Bucket, _ chainable: UInt64) {
    var (bucket, left) = (first, Index.recoveredChainMax)
    while true {
      let next = bucket.next.relaxed
      if next == 0 { return }
      guard UInt64(next) <= chainable, left > 0, overflowBucket(next).version.relaxed == 0 else {
        bucket.next.relaxed = 0
        return
      }
      left -= 1
      bucket = overflowBucket(next)
      bucket.version.relaxed = 1
    }
  }

  /// Clears what does not belong in the chain. How many entries are left.
  private func checkSlots(_ first: Bucket, _ referents: some Referents) -> UInt64 {
    var (bucket, kept, isTold) = (first, UInt64(0), first.version.relaxed & 1 != 0)
    func clear(_ bucket: Bucket, _ slot: Int) {
      if !isTold { changeVersion(first) }
      isTold = true
      bucket.clear(slot)
    }
    while true {
      for slot in 0..<Bucket.slotCount {
        let tag = bucket.tag(slot).relaxed
        if tag == 0 { continue }
        let ref = bucket.ref(slot).relaxed
        guard let hash = referents.hash(of: ref), HashParts.tag(hash) == tag,
          self.bucket(for: hash, in: table.relaxed).base == first.base
        else {
          clear(bucket, slot)
          continue
        }
        kept += 1
        guard let other = earlier(first, bucket, slot, tag, referents) else { continue }
        kept -= 1
        if other.ref != ref, referents.isNewer(ref, than: other.ref) {
          clear(other.bucket, other.number)
        } else {
          clear(bucket, slot)
        }
      }
      let next = bucket.next.relaxed
      if next == 0 { return kept }
      bucket = overflowBucket(next)
    }
  }

  /// The slot before this one in its chain that has the same entry, or one with the
  /// same key.
  private func earlier(
    _ first: Bucket, _ last: Bucket, _ number: Int, _ tag: UInt8, _ referents: some Referents
  ) -> Slot? {
    let ref = last.ref(number).relaxed
    var bucket = first
    while true {
      var matches = bucket.slots(tagged: tag)
      while let slot = matches.next() {
        let other = bucket.ref(slot).relaxed
        if bucket.base == last.base, slot >= number { return nil }
        // There may be matches too many.
        guard bucket.tag(slot).relaxed == tag else { continue }
        if other == ref || referents.haveSameKey(other, ref) {
          return Slot(bucket: bucket, number: slot, ref: other, first: first)
        }
      }
      if bucket.base == last.base { return nil }
      bucket = overflowBucket(bucket.next.relaxed)
    }
  }

  /// Takes empty overflow buckets out of the chain. Readers who stand in one find the rest
  /// of the chain behind it until all versions have changed.
  private func unlinkEmpty(_ first: Bucket) {
    var bucket = first
    while true {
      let next = bucket.next.relaxed
      if next == 0 { return }
      let following = overflowBucket(next)
      if following.isEmpty {
        bucket.next.relaxed = following.next.relaxed
        following.version.relaxed = 0
      } else {
        bucket = following
      }
    }
  }

  /// The bucket beyond the last, which was about to be one, or was one just now.
  private func clearNext(after count: UInt32) {
    guard UInt64(count) + 1 <= bucketsSpan.chargedEnd / UInt64(Bucket.size) else { return }
    let next = bucket(count)
    for slot in 0..<Bucket.slotCount { next.clear(slot) }
    next.next.relaxed = 0
    changeVersion(next)
  }

  /// All beyond the last, where anything may be.
  private func clearAll(after count: UInt32) {
    let end = UInt32(min(bucketsSpan.chargedEnd, bucketsSpan.extent) / UInt64(Bucket.size))
    for number in count..<max(count, end) { memset(bucket(number).base, 0, Bucket.size) }
  }

  /// Makes every overflow bucket that is in no chain a free one.
  private func collectOverflow(_ chainable: UInt64) {
    let count = UInt32(truncatingIfNeeded: chainable)
    var top = count
    while top > 0, overflowBucket(top).version.relaxed == 0 { top -= 1 }
    state.pointee.overflowFree = 0
    for number in 0..<count where overflowBucket(number + 1).version.relaxed == 0 {
      let bucket = overflowBucket(number + 1)
      for slot in 0..<Bucket.slotCount { bucket.clear(slot) }
      bucket.next.relaxed = number < top ? state.pointee.overflowFree : 0
      if number < top { state.pointee.overflowFree = number + 1 }
    }
    state.pointee.overflowTop = top
  }
}
