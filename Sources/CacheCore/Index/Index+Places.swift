// Where an entry was found, in a number that may be kept: an access record has it, so that
// who applies the record need not look the entry up. Slots move and are used again, so it
// is only where to look first.

extension Index {
  /// A slot of the table by the numbers of its bucket and its own; not one of an overflow
  /// bucket.
  package typealias SlotPlace = UInt32

  @inline(__always)
  package static func place(_ bucket: UInt32, _ slot: Int) -> SlotPlace {
    bucket << 4 | UInt32(truncatingIfNeeded: slot)
  }

  /// Whether the slot at a place refers to `ref`, which is not 0: a free slot refers to
  /// nothing. The place may be one of earlier, for runs of the table stay. For the holder
  /// of the lock.
  @inline(__always)
  package func refers(at place: SlotPlace, to ref: Ref) -> Bool {
    (bucket(place >> 4).ref(0) + Int(truncatingIfNeeded: place & 15)).relaxed == ref
  }

  /// The same wherever the slot is.
  @inline(never)
  package func refers(hash: UInt32, to ref: Ref) -> Bool { find(hash: hash, ref: ref) != nil }
}
