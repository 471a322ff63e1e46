import CPlatform

/// Where the elements of a part are that grows: a table of buckets, the arena.
///
/// A part never moves, since readers have no lock and callers may have borrowed a
/// value; and address space for all that it could ever need would be gigabytes for
/// the smallest cache. So it lies in *runs*, each contiguous in memory, which are
/// mapped when they are first needed. Runs end where the part's size is a power of
/// two. There is an address for each doubling of it, and neighbours in one run have
/// the same: the address that element 0 would have if all lay as that run does. So
/// finding an element is finding its highest bit, one load from a line that stays in
/// the first cache, and an addition; nothing depends on how many runs there are.
///
///     elements      0 ... n | n ... 2n | 2n ... 4n | 4n ... 8n
///     doubling         0    |    1     |     2     |     3
///     runs          [ as much as the bounds suggest ] [ one  ]
///
/// Which of the addresses of a map a bit has is the processor's choice (platform_bit);
/// those of the first doubling all have one. `elementSize` is a part of the type, so that
/// it is a constant wherever an element is found.
package struct Places<let elementSize: Int> {
  package let bases: UnsafeMutablePointer<UnsafeMutableRawPointer>

  @inline(__always)
  init(
    _ part: Part<InlineArray<32, UnsafeMutableRawPointer>>, in map: UnsafeMutableRawPointer
  ) {
    bases = part.elements(in: map)
  }

  /// Which address is that of an element. Not for 0.
  @inline(__always)
  package func position(of number: UInt32) -> Int {
    assert(number != 0)
    return Int(truncatingIfNeeded: platform_bit(number))
  }

  @inline(__always)
  package subscript(number: UInt32) -> UnsafeMutableRawPointer {
    bases[position(of: number | 1)] + Int(truncatingIfNeeded: number) &* elementSize
  }
}

package typealias PagePlaces = Places<32>
/// Of buckets, and of the policy's ghosts.
package typealias LinePlaces = Places<64>
/// Of words of the policy's sketch, and of its shadows.
package typealias WordPlaces = Places<8>
/// Of blocks by reference, which is never 0.
package typealias BlockPlaces = Places<8>

extension BlockPlaces {
  @inline(__always)
  package func entry(_ ref: Ref) -> Entry {
    Entry(bases[position(of: ref)] + Int(truncatingIfNeeded: ref) &* Entry.unit)
  }

  /// Asks for the memory at a place, one line of it. `ref` may be anything.
  @inline(__always)
  package func prefetch(_ ref: Ref) { platform_prefetch(self[ref]) }
}
