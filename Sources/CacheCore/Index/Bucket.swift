import Synchronization

/// One cache line of the index: the tags and references of up to 11 entries.
///
///      0  version   u32   changes before memory that was referred to from here
///                         is used for anything else; odd: a value is being
///                         written in place
///      4  next      u32   overflow bucket plus one; 0: none
///      8  tags      11 x u8   0: free slot
///     19  reserved  u8
///     20  refs      11 x u32
///
/// Writers change one slot with one store, so that a reader never finds the
/// line half changed; see Index.swift for the order of their stores.
package struct Bucket {
  package static let size = 64
  package static let slotCount = 11

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  package var version: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { base.atomic32(0) }
  }
  package var next: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { base.atomic32(4) }
  }
  @inline(__always)
  package func tag(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    base.atomic8(8 + slot)
  }
  @inline(__always)
  package func ref(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    base.atomic32(20 + 4 * slot)
  }

  /// The slots whose tag is `tag`, one bit each, in ascending order. Above the
  /// lowest there may be bits too many; whoever uses them compares the key.
  @inline(__always)
  package func slots(tagged tag: UInt8) -> Matches {
    let spread = UInt64(tag) &* 0x0101_0101_0101_0101
    let low = zeroBytes(base.atomic64(8).relaxed ^ spread)
    let high = zeroBytes(base.atomic64(16).relaxed ^ spread) & 0x80_8080
    return Matches(low: low, high: high)
  }

  /// The high bit of every byte that is zero (and perhaps of some above it).
  @inline(__always)
  private func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }

  package struct Matches {
    fileprivate var low: UInt64
    fileprivate var high: UInt64

    @inline(__always)
    package mutating func next() -> Int? {
      if low != 0 {
        let slot = low.trailingZeroBitCount >> 3
        low &= low &- 1
        return slot
      }
      if high != 0 {
        let slot = 8 + high.trailingZeroBitCount >> 3
        high &= high &- 1
        return slot
      }
      return nil
    }
  }

  package var freeSlot: Int? {
    var free = slots(tagged: 0)
    return free.next()
  }

  package var isEmpty: Bool {
    base.atomic64(8).relaxed == 0 && base.atomic64(16).relaxed & 0xFF_FFFF == 0
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
