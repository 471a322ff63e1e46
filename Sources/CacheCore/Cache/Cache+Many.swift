import CPlatform

// Batches. Each element would wait for its bucket and then for its entry to
// come from memory; a group of them asks for all buckets, then for all entries,
// and waits once.

extension Cache {
  /// Elements whose memory is asked for together: about what a core can have
  /// under way.
  package static let groupSize = 16

  /// Calls `body` for every element in order, with its key's memory under way.
  @inline(__always)
  package func forEach(
    count: Int, key keyAt: (Int) -> UnsafeRawBufferPointer,
    _ body: (Int, UnsafeRawBufferPointer, Shard, HashParts) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Cache.groupSize) { hashes in
      var start = 0
      while start < count {
        let size = min(Cache.groupSize, count - start)
        for i in 0..<size {
          let (shard, parts) = route(keyAt(start + i))
          hashes[i] = parts.hash
          let index = shard.index
          platform_prefetch(index.bucket(for: parts.forIndex, in: index.tableNow).base)
        }
        for i in 0..<size { prefetchEntry(HashParts(hashes[i])) }
        for i in 0..<size {
          let parts = HashParts(hashes[i])
          body(
            start + i, keyAt(start + i),
            Shard(region: region, number: parts.forShard & handle.shardMask), parts)
        }
        start += size
      }
    }
  }

  /// Asks for the entry that the bucket's first slot with this tag refers to.
  @inline(__always)
  private func prefetchEntry(_ parts: HashParts) {
    let shard = Shard(region: region, number: parts.forShard & handle.shardMask)
    let index = shard.index
    let bucket = index.bucket(for: parts.forIndex, in: index.tableNow)
    var slots = bucket.slots(tagged: parts.tag)
    guard let slot = slots.next() else { return }
    let entry = shard.entry(bucket.ref(slot).relaxed).base
    platform_prefetch(entry)
    platform_prefetch(entry + 64)
    platform_prefetch(entry + 104)
  }
}
