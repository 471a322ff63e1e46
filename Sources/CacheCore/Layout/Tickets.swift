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
