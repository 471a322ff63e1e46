import CPlatform
import Synchronization

extension Index {
  /// Clears what is beyond the table in a region that was filled before: it grows
  /// into zeros.
  func restore() throws(CorruptRegion) {
    try checkSize()
    try bucketsSpan.clear(beyond: UInt64(bucketCount) * UInt64(Bucket.size))
    try overflowSpan.clear(beyond: UInt64(state.pointee.overflowTop) * UInt64(Bucket.size))
  }

  private func checkSize() throws(CorruptRegion) {
    let mask = UInt64(truncatingIfNeeded: UInt32(truncatingIfNeeded: table.relaxed))
    let count = UInt64(bucketCount)
    let unsplit = UInt64(baseBuckets) * (mask + 1)
    try require(mask & (mask + 1) == 0, "the table's mask")
    try require(count >= unsplit && count <= 2 * unsplit, "the size of the table")
    try require(count * UInt64(Bucket.size) <= bucketsSpan.chargedEnd, "buckets")
    try require(
      UInt64(state.pointee.overflowTop) * UInt64(Bucket.size) <= overflowSpan.chargedEnd,
      "overflow buckets")
    try require(state.pointee.versions & 1 == 0, "the versions of buckets")
  }

  /// Checks that every reference is in the bucket where it is looked for, and that
  /// overflow buckets are in one chain each or free. The number of references.
  /// `hashOf` answers for what a reference leads to.
  func checkInvariants(hashOf: (Ref) throws(CorruptRegion) -> UInt64) throws(CorruptRegion)
    -> UInt64
  {
    try checkSize()
    var (total, chained): (UInt64, UInt32) = (0, 0)
    for number in 0..<bucketCount {
      let first = bucket(number)
      try require(first.version.relaxed & 1 == 0, "the version of a bucket")
      var bucket = first
      while true {
        for slot in 0..<Bucket.slotCount where bucket.tag(slot).relaxed != 0 {
          let parts = HashParts(try hashOf(bucket.ref(slot).relaxed))
          try require(bucket.tag(slot).relaxed == parts.tag, "the tag of a slot")
          let home = self.bucket(for: parts.forIndex, in: table.relaxed)
          try require(home.base == first.base, "the bucket of an entry")
          total += 1
        }
        let next = bucket.next.relaxed
        if next == 0 { break }
        bucket = try checkedOverflow(next, &chained)
        try require(!bucket.isEmpty, "an empty bucket in a chain")
      }
    }
    var free = state.pointee.overflowFree
    while free != 0 {
      let bucket = try checkedOverflow(free, &chained)
      try require(bucket.isEmpty, "a free bucket")
      free = bucket.next.relaxed
    }
    try require(chained == state.pointee.overflowTop, "overflow buckets in use and free")
    return total
  }

  /// One more overflow bucket, of as many as there are.
  private func checkedOverflow(_ next: UInt32, _ seen: inout UInt32) throws(CorruptRegion) -> Bucket
  {
    try require(
      next <= state.pointee.overflowTop && seen < state.pointee.overflowTop, "a chain of buckets")
    seen += 1
    return overflowBucket(next)
  }

  /// Ends the pins of readers who are not here.
  func resetPins() {
    for number in 0..<bucketCount { bucket(number).pins.relaxed = 0 }
  }
}
