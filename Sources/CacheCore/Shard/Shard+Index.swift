// How large the index is: as the number of entries wants it, one bucket at a time.

extension Shard {
  /// Splits a bucket or two if the table is crowded.
  @inline(__always)
  package func growIndex(at now: UInt64) {
    if index.isCrowded(entries: counters.pointee.entries) { growIndexSlow(at: now) }
  }

  private func growIndexSlow(at now: UInt64) {
    // Two at a time catch up when an earlier one had to be put off.
    for _ in 0..<2 where index.isCrowded(entries: counters.pointee.entries) {
      var growth = index.grow { hash(of: $0).forIndex }
      if growth == .overBudget,
        index.isCrowded(entries: counters.pointee.entries / 2)
      {
        // Twice as full as it should be: worth a page of entries.
        _ = surrender(pageCount: 1, at: now)
        growth = index.grow { hash(of: $0).forIndex }
      }
      if growth != .done { return }
    }
    prefetchKeys(in: index.nextToSplit)
  }

  /// Asks for the keys of a bucket's entries. To split a bucket they are all hashed again,
  /// a few inserts from now; waiting for them took a third of the time of inserts into a
  /// cache that grows to a million entries.
  func prefetchKeys(in bucket: Bucket) {
    index.forEachRef(in: bucket) { ref in
      memory.blocks.prefetch(ref)
      memory.blocks.prefetch(ref &+ Shard.keyUnits)
    }
  }

  /// Where the key of an entry usually ends, from its start: on the next line, often.
  private static let keyUnits = Ref((Entry.headerSize + 16) / Entry.unit)

  /// Buckets taken back in one step.
  package static let contractionsAtOnce = 64

  /// Takes some buckets back if there are far too many. False if there is no
  /// memory for that at present.
  @discardableResult
  package func contractIndex(atMost limit: Int = Shard.contractionsAtOnce) -> Bool {
    for _ in 0..<limit where index.isSparse(entries: counters.pointee.entries) {
      if !index.contract() { return false }
    }
    return true
  }
}
