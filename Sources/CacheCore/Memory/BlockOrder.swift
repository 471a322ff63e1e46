import CPlatform

/// Blocks in some order: what a shard is put together from after a death. By their
/// places first, since that is how the arena lies, then by how long ago they were used.
///
/// A list in memory of the process's own, which is gone with it. 16 bytes a block: the
/// reference in the low half of a word, what it is sorted by in the high half, and as many
/// words to sort them into. Sorting is by counting, digit by digit (LSD radix sort), and
/// passes over digits that no key has.
package struct BlockOrder {
  private static let digitBits: UInt64 = 11
  private static let digits = 1 << Int(digitBits)

  private let memory: UnsafeMutableRawPointer
  private var words: UnsafeMutablePointer<UInt64>
  private var spare: UnsafeMutablePointer<UInt64>
  private let capacity: Int
  package private(set) var count = 0

  /// nil if there is no memory.
  package init?(capacity: Int) {
    guard let memory = calloc(2 * max(capacity, 1), MemoryLayout<UInt64>.stride) else {
      return nil
    }
    self.memory = memory
    self.capacity = capacity
    words = memory.assumingMemoryBound(to: UInt64.self)
    spare = words + capacity
  }

  package func free() { CPlatform.free(memory) }

  /// False if there is no room.
  @inline(__always)
  package mutating func append(_ ref: Ref, key: UInt32 = 0) -> Bool {
    guard count < capacity else { return false }
    words[count] = UInt64(key) << 32 | UInt64(ref)
    count += 1
    return true
  }

  @inline(__always)
  package subscript(position: Int) -> Ref { Ref(truncatingIfNeeded: words[position]) }

  /// The one that comes some blocks later, to be asked for now; or the last.
  @inline(__always)
  package func ahead(of position: Int) -> Ref { self[min(position + 16, count - 1)] }

  @inline(__always)
  package func key(_ position: Int) -> UInt32 { UInt32(truncatingIfNeeded: words[position] >> 32) }

  /// Keeps the first ones.
  package mutating func shorten(to count: Int) { self.count = count }

  /// Puts another in a place.
  @inline(__always)
  package func set(_ position: Int, _ ref: Ref, key: UInt32) {
    words[position] = UInt64(key) << 32 | UInt64(ref)
  }

  // MARK: Sorting

  package mutating func sortByPlace() { sort(from: 0) }

  /// Those with the same key stay in the order in which they are.
  package mutating func sortByKey() { sort(from: 32) }

  /// By the 32 bits from `start` on.
  private mutating func sort(from start: UInt64) {
    var present: UInt32 = 0
    for i in 0..<count { present |= UInt32(truncatingIfNeeded: words[i] >> start) }
    var shift: UInt64 = 0
    while shift < 32, present >> UInt32(shift) != 0 {
      sort(byDigitAt: start + shift, bits: min(BlockOrder.digitBits, 32 - shift))
      shift += BlockOrder.digitBits
    }
  }

  private mutating func sort(byDigitAt shift: UInt64, bits: UInt64) {
    let (from, to, count, mask) = (words, spare, count, UInt64(1) << bits - 1)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: BlockOrder.digits) { places in
      for digit in 0..<BlockOrder.digits { places[digit] = 0 }
      for i in 0..<count { places[Int(from[i] >> shift & mask)] += 1 }
      var sum: UInt32 = 0
      for digit in 0...Int(mask) {
        let here = places[digit]
        places[digit] = sum
        sum += here
      }
      for i in 0..<count {
        let digit = Int(from[i] >> shift & mask)
        to[Int(places[digit])] = from[i]
        places[digit] += 1
      }
    }
    (words, spare) = (to, from)
  }
}
