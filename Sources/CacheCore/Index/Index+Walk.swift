import Synchronization

// A walk through the table in an order that growth does not disturb, for scans
// that are resumed when buckets have been split or joined meanwhile.

extension Index {
  /// A position in the walk: the group, then the bits of the hash within it in
  /// the order in which splits look at them. Entries keep their position for
  /// life; a bucket covers a stretch of positions, and each half of a split
  /// bucket covers half of it.
  package func position(of hash: UInt32) -> UInt64 {
    UInt64(group(of: hash)) << 32 | UInt64(reversed(hash))
  }

  /// The bucket at a position and the position after its stretch; nil beyond
  /// the last.
  package func bucket(at position: UInt64) -> (bucket: Bucket, end: UInt64)? {
    guard position >> 32 < UInt64(baseBuckets) else { return nil }
    let group = UInt32(truncatingIfNeeded: position >> 32)
    let low = reversed(UInt32(truncatingIfNeeded: position))
    let table = self.table.relaxed
    let mask = UInt32(truncatingIfNeeded: table)
    let unsplit = group + baseBuckets * (low & mask)
    let sibling = unsplit + baseBuckets * (mask + 1)
    let isSplit = sibling < UInt32(truncatingIfNeeded: table >> 32)
    let number = isSplit && low & (mask + 1) != 0 ? sibling : unsplit
    let bits = mask.nonzeroBitCount + (isSplit ? 1 : 0)
    let width = UInt64(1) << UInt64(32 - bits)
    let start = position & ~(width - 1)
    return (bucket(number), start + width)
  }

  /// Calls `body` with each reference in a bucket's chain, for a reader without the lock: as
  /// far as there are overflow buckets, and not for ever. Whether it came to the chain's end.
  func forEachRef(in first: Bucket, overflow: UInt32, _ body: (Ref) -> Void) -> Bool {
    var bucket = first
    for _ in 0..<Index.chainMax {
      for slot in 0..<Bucket.slotCount where bucket.tag(slot).relaxed != 0 {
        let ref = bucket.ref(slot).pointee.load(ordering: .acquiring)
        if ref != 0 { body(ref) }
      }
      let next = bucket.next.pointee.load(ordering: .acquiring)
      if next == 0 { return true }
      if next > overflow { return false }
      bucket = overflowBucket(next)
    }
    return false
  }

  @inline(__always)
  private func reversed(_ word: UInt32) -> UInt32 {
    var w = word
    w = (w >> 1 & 0x5555_5555) | (w & 0x5555_5555) << 1
    w = (w >> 2 & 0x3333_3333) | (w & 0x3333_3333) << 2
    w = (w >> 4 & 0x0F0F_0F0F) | (w & 0x0F0F_0F0F) << 4
    return w.byteSwapped
  }
}
