import CPlatform

// Batches. Each element would wait for its bucket and then for its entry to
// come from memory; a group of them asks for all buckets, then for all entries,
// and waits once.

extension Cache {
  /// Elements whose memory is asked for together: about what a core can have
  /// under way.
  package static let groupSize = 16

  /// Calls `body` for every element in order, with its key's memory under way and a
  /// time of not long ago: the clock is read once for a group.
  @inline(__always)
  package func forEach(
    count: Int, key keyAt: (Int) -> UnsafeRawBufferPointer,
    _ body: (Int, UnsafeRawBufferPointer, Route, _ now: UInt64) -> Void
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
        for i in 0..<size { prefetchEntry(route(hashes[i])) }
        let now = clock.coarse
        for i in 0..<size { body(start + i, keyAt(start + i), route(hashes[i]), now) }
        start += size
      }
    }
  }

  /// Of an entry: a header, a key of 16 bytes and a value of 64.
  private static let sizeAskedFor = 112

  /// Asks for the entry that the bucket's first slot with this tag refers to.
  @inline(__always)
  package func prefetchEntry(_ route: Route) {
    let (shard, parts) = route
    let index = shard.index
    let bucket = index.bucket(for: parts.forIndex, in: index.tableNow)
    var slots = bucket.slots(tagged: parts.tag)
    guard let slot = slots.next() else { return }
    let ref = bucket.ref(slot).relaxed
    if ref == 0 { return }
    let entry = shard.entry(ref).base
    platform_prefetch(entry)
    platform_prefetch(entry + CacheLine.size)
    platform_prefetch(entry + (Cache.sizeAskedFor - Entry.unit))
  }
}
