import Synchronization

/// A place in a shard's arena, in units of 8 bytes from its start. 0 is no
/// place. 32 bits of it reach 32 GiB, at half the size of a pointer, and stay
/// true wherever the region is mapped.
package typealias Ref = UInt32

/// What a block of the arena begins with: an entry, whose key and value follow,
/// or a hole. What the bits of the words mean is said in Entry.swift.
package struct EntryHeader: ~Copyable {
  /// The next newer entry in the order of use; of a hole: its neighbour in its bin.
  package let previous: Atomic<UInt32>
  /// The next older one; likewise.
  package let next: Atomic<UInt32>
  /// Version 48 | spare 2 | unfinished 1 | dead 1 | leases 12; of a hole: the first of
  /// its pages that are back with the system 32 | units 32.
  package let version: Atomic<UInt64>
  /// Last used 40 | key size 16 | flags 8.
  package let access: Atomic<UInt64>
  /// Deadline 40 | segment 3 | uses 2 | marks 2 | value size 17; of a hole, in place of
  /// the deadline: the number of those pages.
  package let expiry: Atomic<UInt64>
}

/// Follows the header of an entry whose value's size does not fit there.
package struct LongValueSize: ~Copyable {
  package let bytes: Atomic<UInt64>
}

/// Follows that, or the header, of an entry that has a window (Entry.swift).
package struct EntryWindow: ~Copyable {
  /// End 40 | counted 1 | milliseconds that it took to compute 23.
  package let word: Atomic<UInt64>
}

/// Follows the header of a hole that waits for its pages to be returned: its
/// neighbours in the list of such holes. 0: none.
package struct WaitingLinks {
  package var previous: Ref
  package var next: Ref
}

/// The last four bytes of a hole, for its neighbour to the right.
package struct HoleEnd: ~Copyable {
  package let units: Atomic<UInt32>
}
