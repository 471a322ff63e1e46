import Synchronization

/// What the threads of one process say that they hold in a region that others have too, so
/// that it can be taken from them when the process is dead. All zeros: nothing.
package enum Tickets {
  /// Of pins: where the pinned bucket is, in bytes from the region's start.
  package static let pins = Part<InlineArray<16, Atomic<UInt64>>>(at: 0)
  /// Of borrowed values (BorrowTickets): state 2 | shard 8, from bit 32 on | reference 32.
  package static let borrows: Part<InlineArray<1008, Atomic<UInt64>>> = pins.next()

  /// Whole pages.
  package static let size = UInt64(
    (borrows.end + Geometry.page - 1) / Geometry.page * Geometry.page)
}

/// What a caller keeps of a borrowed value, in cachecore_value_t, from acquire to release:
/// borrow 24 | shard 8 | reference 32.
package struct LeaseTicket {
  package let word: UInt64

  package init(word: UInt64) { self.word = word }

  /// `borrow`: the number of the process's ticket (BorrowTickets).
  package init(borrow: UInt32, shard: UInt32, ref: Ref) {
    word = UInt64(borrow) << 40 | UInt64(shard) << 32 | UInt64(ref)
  }

  package var borrow: UInt32 { UInt32(word >> 40) }
  package var shard: UInt32 { UInt32(truncatingIfNeeded: word >> 32) & 0xFF }
  package var ref: Ref { Ref(truncatingIfNeeded: word) }
}
