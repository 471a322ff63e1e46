import CPlatform
import Synchronization

extension Index {
  /// Makes the memory usable again in a region that was filled before. The table
  /// grows into zeros.
  func restore() throws(Unsound) {
    try bucketsSpan.restore()
    try overflowSpan.restore()
    try auditSize()
    try bucketsSpan.clear(beyond: UInt64(bucketCount) * UInt64(Bucket.size))
    try overflowSpan.clear(beyond: UInt64(state.pointee.overflowTop) * UInt64(Bucket.size))
  }

  private func auditSize() throws(Unsound) {
    let mask = UInt64(truncatingIfNeeded: UInt32(truncatingIfNeeded: table.relaxed))
    let count = UInt64(bucketCount)
    let unsplit = UInt64(baseBuckets) * (mask + 1)
    try require(mask & (mask + 1) == 0, "the table's mask")
    try require(count >= unsplit && count <= 2 * unsplit, "the size of the table")
    func charged(_ span: Span) -> UInt64 { span.chargedPages * UInt64(Geometry.page) }
    try require(count * UInt64(Bucket.size) <= charged(bucketsSpan), "buckets")
    try require(
      UInt64(state.pointee.overflowTop) * UInt64(Bucket.size) <= charged(overflowSpan),
      "overflow buckets")
    try require(state.pointee.versions & 1 == 0, "the versions of buckets")
  }

  /// Checks that every reference is in the bucket where it is looked for, and that
  /// overflow buckets are in one chain each or free. The number of references.
  /// `hashOf` answers for what a reference leads to.
  func audit(hashOf: (Ref) throws(Unsound) -> UInt64) throws(Unsound) -> UInt64 {
    try auditSize()
    var (total, chained): (UInt64, UInt32) = (0, 0)
    for number in 0..<Int(bucketCount) {
      let first = Bucket(buckets + number * Bucket.size)
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
        bucket = try auditedOverflow(next, &chained)
        try require(!bucket.isEmpty, "an empty bucket in a chain")
      }
    }
    var free = state.pointee.overflowFree
    while free != 0 {
      let bucket = try auditedOverflow(free, &chained)
      try require(bucket.isEmpty, "a free bucket")
      free = bucket.next.relaxed
    }
    try require(chained == state.pointee.overflowTop, "overflow buckets in use and free")
    return total
  }

  /// One more overflow bucket, of as many as there are.
  private func auditedOverflow(_ next: UInt32, _ seen: inout UInt32) throws(Unsound) -> Bucket {
    try require(
      next <= state.pointee.overflowTop && seen < state.pointee.overflowTop, "a chain of buckets")
    seen += 1
    return overflowBucket(next)
  }

  /// Ends the guards of readers who are not here.
  func resetGuards() {
    for number in 0..<Int(bucketCount) {
      Bucket(buckets + number * Bucket.size).guards.relaxed = 0
    }
  }
}
