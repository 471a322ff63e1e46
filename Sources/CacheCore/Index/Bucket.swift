import CPlatform
import Synchronization

/// One cache line of the index: the tags and references of up to 11 entries.
///
///     version   changes before memory that was referred to from here is used
///               for anything else; odd: a value is being written in place
///     next      overflow bucket plus one; 0: none
///     tags      11 x u8, 0: free slot
///     pins      readers that are writing to an entry just now
///     refs      11 x u32
///
/// Writers change one slot with one store, so that a reader never finds the
/// line half changed; see Index.swift for the order of their stores, and
/// Shard+Lookup.swift for what each of them pairs with.
package struct Bucket {
  package static let size = MemoryLayout<BucketLine>.size
  package static let slotCount = BucketLine.slotCount

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  private var line: UnsafeMutablePointer<BucketLine> {
    @inline(__always) get { base.assumingMemoryBound(to: BucketLine.self) }
  }

  package var version: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { line.pointee.version.word }
  }
  package var next: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { line.pointee.next.word }
  }
  package var pins: UnsafeMutablePointer<Atomic<UInt8>> {
    @inline(__always) get { line.pointee.pins.word }
  }
  @inline(__always)
  package func tag(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    line.pointee.tags[slot].word
  }
  @inline(__always)
  package func ref(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    line.pointee.refs[slot].word
  }

  /// The slots whose tag is `tag`, in ascending order.
  @inline(__always)
  package func slots(tagged tag: UInt8) -> Matches {
    Matches(
      bits: platform_equal_bytes(line.lowTags, line.highTags, tag) & BucketLine.tagsMask)
  }

  /// Slots, a bit for each.
  package struct Matches {
    fileprivate var bits: UInt32

    @inline(__always)
    package mutating func next() -> Int? {
      guard bits != 0 else { return nil }
      let slot = bits.trailingZeroBitCount
      bits &= bits &- 1
      return slot
    }
  }

  // MARK: Pins

  /// Keeps what the bucket refers to from being used for anything else, if it is
  /// still as it was at `version`; until `unpin`. For a few instructions.
  ///
  /// Reader: add a pin, then read the version. Writer: change the version, then
  /// look for pins. Both in one total order, so one of them sees the other. The load of
  /// the version keeps what the reader writes behind it.
  @inline(__always)
  package func tryPin(at version: UInt32) -> Bool {
    let before = pins.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
    // Far from where the count would wrap, however many try at once.
    if before < 128, self.version.pointee.load(ordering: .sequentiallyConsistent) == version {
      return true
    }
    unpin()
    return false
  }

  /// Pairs with the loads of `pins` in `setVersion` and `Index.waitForPins`: what was
  /// written under the pin is in place before the memory is used for anything else.
  @inline(__always)
  package func unpin() {
    // 0: the bucket was given up and its page discarded meanwhile.
    var before = pins.relaxed
    while before != 0 {
      let (exchanged, original) = pins.pointee.compareExchange(
        expected: before, desired: before &- 1, successOrdering: .releasing,
        failureOrdering: .relaxed)
      if exchanged { return }
      before = original
    }
  }

  /// Gives the bucket a new version. True if a reader may be writing to what it referred
  /// to before.
  @inline(__always)
  package func setVersion(_ version: UInt32) -> Bool {
    // An exchange, for its place in the total order. The fence pairs with the one in
    // Shard.isUnchanged: who reads anything that is stored after it finds the version
    // changed. The exchange is not enough. On aarch64 it is a load and a store, and what
    // is stored later may be seen before its store.
    _ = self.version.pointee.exchange(version, ordering: .sequentiallyConsistent)
    atomicMemoryFence(ordering: .releasing)
    return pins.pointee.load(ordering: .sequentiallyConsistent) != 0
  }

  package var freeSlot: Int? {
    var free = slots(tagged: 0)
    return free.next()
  }

  package var isEmpty: Bool {
    let free = platform_equal_bytes(line.lowTags, line.highTags, 0)
    return ~free & BucketLine.tagsMask == 0
  }

  /// Fills a free slot: the reference first, since the tag is what readers
  /// look for. Its store pairs with the load in `Index.Probe.next`, which finds a whole
  /// entry. Who sees the tag and not the reference sees 0, or a reference that was there
  /// before, which the version is for.
  @inline(__always)
  package func fill(_ slot: Int, tag: UInt8, ref: Ref) {
    self.ref(slot).pointee.store(ref, ordering: .releasing)
    self.tag(slot).pointee.store(tag, ordering: .releasing)
  }

  @inline(__always)
  package func clear(_ slot: Int) {
    tag(slot).relaxed = 0
    ref(slot).relaxed = 0
  }
}
