import CPlatform

// Loading: a block at a time, each record as a write that stores only where there is
// nothing of use and nobody computes. The least recently used come first, so that they are
// the first to be forgotten, here too.

extension Cache {
  /// Adds what is in a file to the cache. How many entries were stored, in `stored`, also if
  /// it ends in an error.
  @inline(never)
  package func loadEntries(from path: UnsafePointer<CChar>, stored: inout UInt64) -> Outcome {
    var outcome = Outcome.ok
    guard var reader = SavedReader.open(path, &outcome) else { return outcome }
    let times = LoadingTimes(reader.header, self)
    // What no block of memory would hold needs not be read.
    let longest = shard(0).largestBlock * UInt64(Entry.unit)
    while let block = reader.next(longest: longest) {
      var rest = block
      while !rest.isEmpty {
        let count = rest.count
        outcome = loadGroup(from: &rest, times, stored: &stored)
        if outcome != .ok { return outcome }
        // What is no record ends a block.
        if rest.count == count { break }
      }
    }
    return reader.isShortOfMemory ? .noMemory : .ok
  }

  private typealias Loaded = (record: LoadedRecord, times: RestoredTimes)

  /// Stores the next few records of a block.
  private func loadGroup(
    from block: inout UnsafeRawBufferPointer, _ times: LoadingTimes, stored: inout UInt64
  ) -> Outcome {
    withUnsafeTemporaryAllocation(of: Loaded.self, capacity: Cache.groupSize) { group in
      var count = 0
      while count < Cache.groupSize, let record = LoadedRecord.take(from: &block) {
        guard let times = times.times(of: record.header) else { continue }
        group.initializeElement(at: count, to: (record, times))
        count += 1
      }
      var result = Outcome.ok
      forEach(count: count, key: { group[$0].record.key }) { number, key, route, _ in
        switch storeLoaded(group[number], key, route) {
        case .ok: stored += 1
        case .noMemory: result = .noMemory
        case .timeout: result = .timeout
        default: break
        }
      }
      return result
    }
  }

  private func storeLoaded(
    _ loaded: Loaded, _ key: UnsafeRawBufferPointer, _ route: Route
  ) -> Outcome {
    let (shard, parts) = route
    let outcome = storing(in: shard) { now, mayAskOthers in
      shard.restore(
        parts, key, loaded.record.value, loaded.times, at: now, mayAskOthers: mayAskOthers)
    }
    hastenSweeper(for: loaded.times.deadline)
    return outcome
  }
}
