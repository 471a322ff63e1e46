import CPlatform
import Synchronization

/// One cache line of the index: the tags and references of up to 11 entries.
///
///      0  version   u32   changes before memory that was referred to from here
///                         is used for anything else; odd: a value is being
///                         written in place
///      4  next      u32   overflow bucket plus one; 0: none
///      8  tags      11 x u8   0: free slot
///     19  guards    u8   readers that are writing to an entry just now
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
  package var guards: UnsafeMutablePointer<Atomic<UInt8>> {
    @inline(__always) get { base.atomic8(19) }
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

  // MARK: Guards

  /// Keeps what the bucket refers to from being used for anything else, if it is
  /// still as it was at `version`; until `unguard`. For a few instructions.
  ///
  /// Reader: add a guard, then read the version. Writer: change the version, then
  /// look for guards. Both in one total order, so one of them sees the other.
  @inline(__always)
  package func tryGuard(at version: UInt32) -> Bool {
    let before = guards.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
    // Far from where the count would wrap, however many try at once.
    if before < 128, self.version.pointee.load(ordering: .sequentiallyConsistent) == version {
      return true
    }
    unguard()
    return false
  }

  @inline(__always)
  package func unguard() {
    // 0: the bucket was given up and its page discarded meanwhile.
    var before = guards.relaxed
    while before != 0 {
      let (exchanged, original) = guards.pointee.compareExchange(
        expected: before, desired: before &- 1, successOrdering: .releasing,
        failureOrdering: .relaxed)
      if exchanged { return }
      before = original
    }
  }

  /// Gives the bucket a new version and waits until nobody writes to what it
  /// referred to before.
  @inline(__always)
  package func setVersion(_ version: UInt32, isForked: UnsafeMutablePointer<Atomic<UInt32>>) {
    // An exchange, for its place in the total order; also keeps whatever is
    // written to the old memory behind it.
    _ = self.version.pointee.exchange(version, ordering: .sequentiallyConsistent)
    if guards.pointee.load(ordering: .sequentiallyConsistent) != 0 {
      waitForGuards(isForked.relaxed != 0)
    }
  }

  private static let yieldsMax = 20
  private static let napNs: UInt64 = 50_000
  /// In the child of a fork, a guard that stays so long was left behind by a
  /// thread that did not come along.
  private static let patienceNs: UInt64 = 100_000_000

  @inline(never)
  private func waitForGuards(_ isForked: Bool) {
    let start = platform_now_ns()
    var yields = 0
    while guards.pointee.load(ordering: .acquiring) != 0 {
      if isForked, platform_now_ns() - start > Bucket.patienceNs {
        guards.pointee.store(0, ordering: .relaxed)
        return
      }
      yields += 1
      // A yield lets no thread of lower priority run; a nap does.
      if yields < Bucket.yieldsMax { platform_yield() } else { platform_nap(Bucket.napNs) }
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
