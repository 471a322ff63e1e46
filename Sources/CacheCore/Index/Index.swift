import CPlatform
import Synchronization

/// From the hash of a key to the entry: a hash table of cache-line buckets that
/// grows one bucket at a time.
///
/// **Growth** is linear hashing (Litwin, "Linear Hashing: a New Tool for File
/// and Table Addressing", VLDB 1980): with every few entries one bucket, the
/// next in turn, is split in two, so there is never a pause to rehash. The hash
/// chooses a group of `baseBuckets` by its value and a bucket within the group
/// by its low bits; a split looks at one bit more. A shard that is bounded by
/// entries begins with a number of buckets that doubles to just what it needs
/// when full, where all buckets are equally loaded.
///
/// **Readers** take no lock. They read the table's size, the bucket's version,
/// then slots, entry and bytes, and then the version again: if it is the same,
/// what they read was in place (Shard+Lookup.swift, with what each access pairs with).
/// Writers keep to this order of stores:
///
///   - a slot is filled reference first, tag last;
///   - when an entry leaves (removed, replaced, moved), the slot changes, then
///     the version, and only then is the entry's memory used again, once no
///     reader pins the bucket;
///   - when a slot moves within a chain, it is filled at its new place and the
///     version changes before it is cleared at the old one, so that a reader who
///     saw it at neither place finds the version changed;
///   - when it moves to another bucket (split, contraction), the new size is
///     published before that, and the version changes once more after it is
///     cleared, since the entry will leave from the other bucket. A reader who
///     finds nothing looks at the size again.
///
/// Versions of all buckets come from one counter of the shard, so a bucket that
/// is given up and taken again does not repeat one.
package struct Index {
  /// Entries a bucket has on average before the table grows.
  package static let load: UInt64 = 8
  /// A reader that has followed a longer chain than this takes the lock.
  package static let chainMax = 64

  let memory: ShardMemory

  @inline(__always)
  package init(_ memory: ShardMemory) { self.memory = memory }

  var state: UnsafeMutablePointer<IndexState> {
    @inline(__always) get { ShardControl.index(in: memory.control) }
  }
  /// Number of buckets (high half) and mask of the last full doubling.
  package var table: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { ShardControl.words(in: memory.control).pointee.table.word }
  }
  private var buckets: LinePlaces { @inline(__always) get { memory.buckets } }
  private var overflow: LinePlaces { @inline(__always) get { memory.overflow } }

  /// Buckets the shard began with.
  var baseBuckets: UInt32 {
    @inline(__always) get { memory.region.header.pointee.geometry.baseBuckets }
  }

  var bucketsSpan: Span { memory.bucketsSpan }
  var overflowSpan: Span { memory.overflowSpan }

  @inline(__always)
  package func bucket(_ number: UInt32) -> Bucket { Bucket(buckets[number]) }

  /// Makes a zero-filled state into that of an empty index.
  package func initialize() -> Span.Growth {
    let growth = bucketsSpan.cover(UInt64(baseBuckets) * UInt64(Bucket.size))
    if growth == .done { publish(count: baseBuckets, mask: 0) }
    return growth
  }

  // MARK: Finding

  /// The size of the table, to be read once per look-up.
  @inline(__always)
  package var tableNow: UInt64 { table.pointee.load(ordering: .acquiring) }

  @inline(__always)
  package func bucket(for hash: UInt32, in table: UInt64) -> Bucket {
    bucket(number(for: hash, in: table))
  }

  /// The number of that bucket.
  @inline(__always)
  package func number(for hash: UInt32, in table: UInt64) -> UInt32 {
    let count = UInt32(truncatingIfNeeded: table >> 32)
    let mask = UInt32(truncatingIfNeeded: table)
    let group = group(of: hash)
    // baseBuckets times a doubling stays below the number of buckets, which is
    // below 2^32.
    var number = group &+ baseBuckets &* (hash & (mask &* 2 &+ 1))
    if number >= count { number = group &+ baseBuckets &* (hash & mask) }
    return number
  }

  /// A fair share of the base buckets, by the value of the hash.
  @inline(__always)
  func group(of hash: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(baseBuckets)) >> 32)
  }

  /// A slot of a bucket, where a reference was found.
  package struct Slot {
    package let bucket: Bucket
    package let number: Int
    package let ref: Ref
    /// The first bucket of the chain.
    package let first: Bucket
  }

  /// The references in a bucket's chain that are tagged like a key, one after
  /// another.
  package struct Probe {
    private let index: Index
    private let tag: UInt8
    private let overflow: UInt32
    private let first: Bucket
    private var bucket: Bucket
    private var matches: Bucket.Matches
    private var bucketsLeft: Int
    private var number = 0
    /// Whether it ended at the limit, or before what is no overflow bucket: a reader without
    /// the lock may stray from chain to chain.
    package private(set) var isStray = false

    @inline(__always)
    fileprivate init(_ index: Index, _ first: Bucket, tag: UInt8, limit: Int, overflow: UInt32) {
      self.index = index
      self.tag = tag
      self.overflow = overflow
      self.first = first
      bucket = first
      matches = first.slots(tagged: tag)
      bucketsLeft = limit
    }

    @inline(__always)
    package mutating func next() -> Ref? {
      while true {
        while let slot = matches.next() {
          let ref = bucket.ref(slot).pointee.load(ordering: .acquiring)
          if ref != 0 {
            number = slot
            return ref
          }
        }
        let next = bucket.next.pointee.load(ordering: .acquiring)
        if next == 0 { return nil }
        bucketsLeft &-= 1
        if bucketsLeft == 0 || next > overflow {
          isStray = true
          return nil
        }
        bucket = index.overflowBucket(next)
        matches = bucket.slots(tagged: tag)
      }
    }

    /// Where the last reference was found.
    @inline(__always)
    package func slot(of ref: Ref) -> Slot {
      Slot(bucket: bucket, number: number, ref: ref, first: first)
    }
  }

  /// Looks in the bucket's chain, `limit` buckets of it at most, of which so many are
  /// overflow buckets as there can be.
  @inline(__always)
  package func probe(
    _ first: Bucket, tag: UInt8, limit: Int = Int.max, overflow: UInt32 = UInt32.max
  ) -> Probe {
    Probe(self, first, tag: tag, limit: limit, overflow: overflow)
  }

  /// Whether the bucket for `hash` refers to `ref`; the slot. For the holder of
  /// the lock.
  @inline(__always)
  package func find(hash: UInt32, ref: Ref) -> Slot? {
    var probe = probe(bucket(for: hash, in: table.relaxed), tag: HashParts.tag(hash))
    while let candidate = probe.next() {
      if candidate == ref { return probe.slot(of: ref) }
    }
    return nil
  }

  @inline(__always)
  func overflowBucket(_ next: UInt32) -> Bucket {
    Bucket(overflow[next &- 1])
  }

  // MARK: Changing (for the holder of the lock)

  /// Gives the bucket a version it never had. What was referred to from it may
  /// be used for something else after this.
  @inline(__always)
  package func changeVersion(_ first: Bucket) {
    state.pointee.versions &+= 2
    if first.setVersion(state.pointee.versions) { waitForPins(first) }
  }

  /// Turns readers of the bucket back until `changeVersion`: something it refers to is
  /// about to be written in place.
  package func beginWriting(in first: Bucket) {
    if first.setVersion(first.version.relaxed | 1) { waitForPins(first) }
  }

  /// Adds a reference. Fails only if an overflow bucket is needed and there is
  /// no memory for it.
  @inline(__always)
  package func insert(hash: UInt32, ref: Ref) -> Span.Growth {
    let (first, tag) = (bucket(for: hash, in: table.relaxed), HashParts.tag(hash))
    guard let slot = first.freeSlot else { return add(to: first, tag: tag, ref: ref) }
    first.fill(slot, tag: tag, ref: ref)
    return .done
  }

  private func add(to first: Bucket, tag: UInt8, ref: Ref) -> Span.Growth {
    var bucket = first
    while true {
      if let slot = bucket.freeSlot {
        bucket.fill(slot, tag: tag, ref: ref)
        return .done
      }
      let next = bucket.next.relaxed
      if next == 0 { break }
      bucket = overflowBucket(next)
    }
    var added: UInt32 = 0
    let growth = takeOverflow(&added)
    if growth != .done { return growth }
    overflowBucket(added).fill(0, tag: tag, ref: ref)
    bucket.next.pointee.store(added, ordering: .releasing)
    return .done
  }

  /// Points a slot to another entry for the same key.
  @inline(__always)
  package func replace(_ slot: Slot, by ref: Ref) {
    slot.bucket.ref(slot.number).pointee.store(ref, ordering: .releasing)
    changeVersion(slot.first)
  }

  @inline(__always)
  package func remove(_ slot: Slot) {
    slot.bucket.clear(slot.number)
    if slot.bucket.base != slot.first.base, slot.bucket.isEmpty {
      unchain(slot.bucket, from: slot.first)
    }
    changeVersion(slot.first)
  }

  /// Takes an empty overflow bucket out of its chain.
  private func unchain(_ empty: Bucket, from first: Bucket) {
    var previous = first
    while true {
      let next = previous.next.relaxed
      let bucket = overflowBucket(next)
      if bucket.base == empty.base {
        previous.next.relaxed = bucket.next.relaxed
        // Readers may still stand in it: they must find the version changed
        // before they can be led astray.
        changeVersion(first)
        bucket.next.relaxed = state.pointee.overflowFree
        state.pointee.overflowFree = next
        return
      }
      previous = bucket
    }
  }

  /// Takes memory for one more overflow bucket, before it is needed.
  package func prepareOverflow() -> Span.Growth {
    if state.pointee.overflowFree != 0 { return .done }
    return overflowSpan.cover(UInt64(state.pointee.overflowTop + 1) * UInt64(Bucket.size))
  }

  private func takeOverflow(_ taken: inout UInt32) -> Span.Growth {
    if state.pointee.overflowFree != 0 {
      taken = state.pointee.overflowFree
      state.pointee.overflowFree = overflowBucket(taken).next.relaxed
      overflowBucket(taken).next.relaxed = 0
      return .done
    }
    let count = state.pointee.overflowTop + 1
    let growth = overflowSpan.cover(UInt64(count) * UInt64(Bucket.size))
    if growth == .done {
      state.pointee.overflowTop = count
      overflowBucket(count).next.relaxed = 0
      taken = count
    }
    return growth
  }

  package var chargedPages: UInt64 { bucketsSpan.chargedPages + overflowSpan.chargedPages }

  // MARK: Growing

  package var bucketCount: UInt32 { UInt32(truncatingIfNeeded: table.relaxed >> 32) }

  /// Whether `entries` are more than the table is meant for.
  @inline(__always)
  package func isCrowded(entries: UInt64) -> Bool {
    entries > UInt64(bucketCount) &* Index.load
  }

  private func publish(count: UInt32, mask: UInt32) {
    table.pointee.store(UInt64(count) << 32 | UInt64(mask), ordering: .releasing)
  }

  /// The bucket that is split next.
  package var nextToSplit: Bucket {
    let half = baseBuckets &* (UInt32(truncatingIfNeeded: table.relaxed) + 1)
    // At the end of a doubling the next begins with the first bucket.
    return bucket(bucketCount == half &* 2 ? 0 : bucketCount - half)
  }

  /// Splits the next bucket in turn. `hashOf` tells an entry's hash anew.
  package func grow(hashOf: (Ref) -> UInt32) -> Span.Growth {
    let count = bucketCount
    var mask = UInt32(truncatingIfNeeded: table.relaxed)
    // All buckets of this doubling are split: begin the next.
    if count == baseBuckets &* (mask + 1) &* 2 { mask = mask * 2 + 1 }
    guard UInt64(count) + 1 < UInt64(UInt32.max) / 2 else { return .overBudget }
    let growth = bucketsSpan.cover(UInt64(count + 1) * UInt64(Bucket.size))
    if growth != .done { return growth }
    let bit = mask + 1
    let old = bucket(count - baseBuckets * bit)
    let new = bucket(count)
    // A version that nobody has seen, also of readers with a larger table of
    // earlier; again when it is filled, since they may have found it empty.
    changeVersion(new)
    var failure = Span.Growth.done
    forEachSlot(in: old) { bucket, slot in
      let ref = bucket.ref(slot).relaxed
      guard failure == .done, hashOf(ref) & bit != 0 else { return }
      failure = add(to: new, tag: bucket.tag(slot).relaxed, ref: ref)
    }
    if failure != .done {
      abandon(new)
      return failure
    }
    changeVersion(new)
    publish(count: count + 1, mask: mask)
    changeVersion(old)
    forEachSlot(in: old) { bucket, slot in
      if hashOf(bucket.ref(slot).relaxed) & bit != 0 { bucket.clear(slot) }
    }
    // Once more, for readers who came after the new version and found a slot
    // before it was cleared: from now on its entry leaves from another bucket.
    changeVersion(old)
    shorten(old)
    return .done
  }

  // MARK: Contracting

  /// Whether the table is much larger than `entries` need.
  @inline(__always)
  package func isSparse(entries: UInt64) -> Bool {
    bucketCount > baseBuckets && entries < UInt64(bucketCount) &* (Index.load / 4)
  }

  /// Takes the last split back: the last bucket's slots go to the one that it was
  /// split from. False if there is no memory for that.
  package func contract() -> Bool {
    let last = bucketCount - 1
    var mask = UInt32(truncatingIfNeeded: table.relaxed)
    if bucketCount == baseBuckets &* (mask + 1) { mask >>= 1 }
    let from = bucket(last)
    let to = bucket(last - baseBuckets * (mask + 1))
    var isComplete = true
    forEachSlot(in: from) { bucket, slot in
      guard isComplete else { return }
      isComplete =
        add(to: to, tag: bucket.tag(slot).relaxed, ref: bucket.ref(slot).relaxed) == .done
    }
    if isComplete {
      // For readers of this size of table from an earlier time.
      changeVersion(to)
      publish(count: last, mask: mask)
    }
    // What was added for nothing, or what is left behind: cleared between two
    // versions, as in a split.
    let (keeper, leaver) = isComplete ? (to, from) : (from, to)
    changeVersion(leaver)
    forEachSlot(in: leaver) { bucket, slot in
      let ref = bucket.ref(slot).relaxed
      if isComplete || refers(keeper, to: ref) { bucket.clear(slot) }
    }
    changeVersion(leaver)
    if isComplete { abandon(from) } else { shorten(to) }
    return isComplete
  }

  private func refers(_ first: Bucket, to ref: Ref) -> Bool {
    var isFound = false
    forEachSlot(in: first) { bucket, slot in
      if bucket.ref(slot).relaxed == ref { isFound = true }
    }
    return isFound
  }

  @inline(__always)
  private func forEachSlot(in first: Bucket, _ body: (Bucket, Int) -> Void) {
    var bucket = first
    while true {
      for slot in 0..<Bucket.slotCount where bucket.tag(slot).relaxed != 0 { body(bucket, slot) }
      let next = bucket.next.relaxed
      if next == 0 { return }
      bucket = overflowBucket(next)
    }
  }

  /// Empties a chain that only readers of a larger table of earlier can know of.
  private func abandon(_ first: Bucket) {
    for slot in 0..<Bucket.slotCount { first.clear(slot) }
    var next = first.next.relaxed
    first.next.relaxed = 0
    // Before its overflow buckets become parts of other chains.
    changeVersion(first)
    while next != 0 {
      let bucket = overflowBucket(next)
      let following = bucket.next.relaxed
      for slot in 0..<Bucket.slotCount { bucket.clear(slot) }
      bucket.next.relaxed = state.pointee.overflowFree
      state.pointee.overflowFree = next
      next = following
    }
  }

  /// Moves slots from the end of a chain into free ones before it, and gives
  /// back the overflow buckets that are empty then.
  private func shorten(_ first: Bucket) {
    while first.next.relaxed != 0 {
      var last = first
      while last.next.relaxed != 0 { last = overflowBucket(last.next.relaxed) }
      for slot in 0..<Bucket.slotCount where last.tag(slot).relaxed != 0 {
        var bucket = first
        while bucket.base != last.base, bucket.freeSlot == nil {
          bucket = overflowBucket(bucket.next.relaxed)
        }
        if bucket.base == last.base { return }
        bucket.fill(bucket.freeSlot!, tag: last.tag(slot).relaxed, ref: last.ref(slot).relaxed)
        changeVersion(first)
        last.clear(slot)
      }
      unchain(last, from: first)
    }
  }

  // MARK: Starting over

  /// Makes an index that holds nothing as small as it was at the start. Its
  /// memory is returned by `trim`.
  package func reset() {
    if bucketCount == baseBuckets, state.pointee.overflowTop == 0 { return }
    publish(count: baseBuckets, mask: 0)
    // A reader in the middle of a chain ends in a bucket of zeros and finds the
    // size of the table changed.
    for number in 0..<baseBuckets {
      let bucket = bucket(number)
      bucket.next.relaxed = 0
      changeVersion(bucket)
    }
    state.pointee.overflowTop = 0
    state.pointee.overflowFree = 0
  }

  private var usedBytes: UInt64 { UInt64(bucketCount) * UInt64(Bucket.size) }

  /// Charged, and given up by contraction.
  package var unusedBytes: UInt64 {
    let charged = bucketsSpan.chargedEnd
    return charged - min(charged, usedBytes)
  }

  /// Returns the memory of buckets that are not in use, one step at a time.
  package func trim() -> Discard {
    let result = bucketsSpan.shrink(to: usedBytes, inOneStep: true)
    if result != .done { return result }
    let overflow = UInt64(state.pointee.overflowTop) * UInt64(Bucket.size)
    return overflowSpan.shrink(to: overflow, inOneStep: true)
  }

  /// Calls `body` with each reference in a bucket's chain.
  package func forEachRef(in bucket: Bucket, _ body: (Ref) -> Void) {
    forEachSlot(in: bucket) { bucket, slot in body(bucket.ref(slot).relaxed) }
  }
}
