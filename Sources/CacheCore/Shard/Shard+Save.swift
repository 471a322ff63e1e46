import CPlatform
import Synchronization

// What saving a shard needs of it: which entries there are, in what order, and each of them
// again by the hash of its key, whatever has moved meanwhile.

extension Shard {
  /// Entries that are listed in one hold of the lock in their exact order.
  private static let listedMax: UInt64 = 4096
  /// Buckets that are asked for together.
  private static let bucketsAskedFor = 16

  /// Calls `body` with the hash of the key of each entry in the order of forgetting, and a
  /// rank by which those of several shards are merged, if there are few; false if there are
  /// too many for one hold of the lock.
  package func listHashes(_ body: (_ hash: UInt64, _ rank: UInt64) -> Void) -> Bool {
    drainAllReads()
    guard counters.pointee.entries <= Shard.listedMax else { return false }
    let policy = policy
    var next = policy.first(in: .coldest)
    while let ref = next {
      body(hash(of: ref).hash, rank(of: ref))
      next = policy.next(after: ref, in: .coldest)
    }
    return true
  }

  /// The same in no order, for entries from a position of the index on, in a few buckets.
  /// The position to go on from; nil at the end.
  package func walkHashes(
    from position: UInt64, _ body: (_ hash: UInt64, _ rank: UInt64) -> Void
  ) -> UInt64? {
    let index = index
    var position = position
    return withUnsafeTemporaryAllocation(of: Bucket.self, capacity: Shard.bucketsAskedFor) {
      buckets in
      var (count, end) = (0, position)
      while count < Shard.bucketsAskedFor, let (bucket, next) = index.bucket(at: end) {
        platform_prefetch(bucket.base)
        buckets[count] = bucket
        count += 1
        end = next
      }
      for number in 0..<count {
        prefetchKeys(in: buckets[number])
      }
      for number in 0..<count {
        index.forEachRef(in: buckets[number]) { ref in
          let parts = hash(of: ref)
          // Since the last call buckets may have been joined.
          if index.position(of: parts.forIndex) >= position { body(parts.hash, rank(of: ref)) }
        }
      }
      position = end
      return index.bucket(at: position) == nil ? nil : position
    }
  }

  /// The entry with the hash of a key that was there, if it is still of use to anybody.
  package func find(hash parts: HashParts, at now: UInt64) -> Ref? {
    let index = index
    var probe = index.probe(
      index.bucket(for: parts.forIndex, in: index.table.relaxed), tag: parts.tag)
    while let ref = probe.next() {
      guard hash(of: ref).hash == parts.hash else { continue }
      return isLive(ref, at: now) || isInWindow(ref, at: now) ? ref : nil
    }
    return nil
  }
}
