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
/// line half changed; see Index.swift for the order of their stores.
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
  /// look for pins. Both in one total order, so one of them sees the other.
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
    // An exchange, for its place in the total order; also keeps whatever is
    // written to the old memory behind it.
    _ = self.version.pointee.exchange(version, ordering: .sequentiallyConsistent)
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
  /// look for.
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
