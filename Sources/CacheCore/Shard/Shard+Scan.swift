import CPlatform

// Walking a shard in an order that neither growth nor change disturbs (Index,
// "Walking"), a few buckets at a time.

extension Shard {
  /// Buckets that one call looks at, at most.
  private static let bucketsAtOnce = 64
  /// More than any chain refers to.
  private static let chainCapacity = 1024

  /// Lists live entries with the prefix from `position` on. The position to go
  /// on from; nil at the end of the shard.
  package func scan(
    from position: UInt64, prefix: UnsafeRawBufferPointer, into buffer: inout RecordBuffer,
    at now: UInt64, exactNow: UInt64
  ) -> UInt64? {
    var position = position
    for _ in 0..<Shard.bucketsAtOnce {
      guard let (bucket, end) = index.bucket(at: position) else { return nil }
      let stop = withRefs(in: bucket, prefix: prefix) { refs -> UInt64? in
        // In order of position, so that a full buffer can be gone on from. The
        // entries of a bucket are few.
        while let next = earliest(in: refs, from: position) {
          let before = buffer
          for ref in refs where index.position(of: hash(of: ref).forIndex) == next {
            if isLive(ref, at: now), !append(ref, to: &buffer, exactNow: exactNow) {
              // Entries with one position stay together.
              buffer.revert(to: before)
              return next
            }
          }
          position = next + 1
        }
        return nil
      }
      if let stop { return stop }
      position = end
    }
    return index.bucket(at: position) == nil ? nil : position
  }

  /// Removes live entries with the prefix from `position` on, as `scan` would
  /// list them.
  package func deletePrefix(
    _ prefix: UnsafeRawBufferPointer, from position: UInt64, removed: inout UInt64,
    at now: UInt64
  ) -> UInt64? {
    var position = position
    for _ in 0..<Shard.bucketsAtOnce {
      guard let (bucket, end) = index.bucket(at: position) else { return nil }
      withRefs(in: bucket, prefix: prefix) { refs in
        for ref in refs where isLive(ref, at: now) {
          remove(ref, because: .deleted)
          counters.pointee.deletes += 1
          region.entryBudget.give(1)
          removed += 1
        }
      }
      position = end
    }
    return index.bucket(at: position) == nil ? nil : position
  }

  /// The references in a bucket's chain whose keys have the prefix.
  private func withRefs<Result>(
    in bucket: Bucket, prefix: UnsafeRawBufferPointer,
    _ body: (UnsafeMutableBufferPointer<Ref>) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(of: Ref.self, capacity: Shard.chainCapacity) { refs in
      var count = 0
      index.forEachRef(in: bucket) { ref in
        let entry = entry(ref)
        let key = entry.key(entry.useNow)
        let hasPrefix =
          prefix.isEmpty
          || key.count >= prefix.count
            && platform_equal(key.baseAddress!, prefix.baseAddress!, prefix.count)
        if hasPrefix, count < Shard.chainCapacity {
          refs[count] = ref
          count += 1
        }
      }
      return body(UnsafeMutableBufferPointer(rebasing: refs[..<count]))
    }
  }

  private func earliest(
    in refs: UnsafeMutableBufferPointer<Ref>, from position: UInt64
  ) -> UInt64? {
    var earliest: UInt64?
    for ref in refs {
      let candidate = index.position(of: hash(of: ref).forIndex)
      if candidate >= position, candidate < earliest ?? UInt64.max { earliest = candidate }
    }
    return earliest
  }

  /// Writes one record, as cachecore_scan_record_t has it.
  private func append(_ ref: Ref, to buffer: inout RecordBuffer, exactNow: UInt64) -> Bool {
    let entry = entry(ref)
    let (use, term) = (entry.useNow, entry.termNow)
    let headerSize = 24
    guard let record = buffer.append(headerSize: headerSize, contentSize: use.keySize) else {
      return false
    }
    record.storeBytes(of: UInt32((headerSize + use.keySize + 7) / 8 * 8), as: UInt32.self)
    record.storeBytes(of: UInt32(use.keySize), toByteOffset: 4, as: UInt32.self)
    record.storeBytes(of: entry.valueSize(use, term), toByteOffset: 8, as: UInt64.self)
    record.storeBytes(
      of: Shard.remaining(until: end(use, term), at: exactNow), toByteOffset: 16, as: Int64.self)
    platform_copy(record + headerSize, entry.base + use.keyOffset, use.keySize)
    return true
  }

  /// The time left until an end, as the API reports it.
  @inline(__always)
  package static func remaining(until end: UInt64, at exactNow: UInt64) -> Int64 {
    end == Clock.never ? -1 : end > exactNow ? Int64(end - exactNow) : 0
  }
}
