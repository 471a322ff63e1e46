import CPlatform

// Walking a shard in an order that neither growth nor change disturbs (Index,
// "Walking"), a few buckets at a time.

extension Shard {
  /// Buckets that one call looks at, at most.
  static let bucketsAtOnce = 64

  /// Bytes of records after which one call looks at no further bucket.
  static let bytesAtOnce = 64 << 10

  /// A key's place in the walk, and the entry that has it.
  private typealias Place = (position: UInt64, ref: Ref)

  /// Lists live entries with the prefix from `position` on, with their values or
  /// without. The position to go on from; nil at the end of the shard.
  package func scan(
    from position: UInt64, prefix: UnsafeRawBufferPointer, withValues: Bool,
    into buffer: inout RecordBuffer, at now: UInt64, exactNow: UInt64
  ) -> UInt64? {
    var position = position
    for _ in 0..<Shard.bucketsAtOnce where buffer.used < Shard.bytesAtOnce {
      guard let (bucket, end) = index.bucket(at: position) else { return nil }
      let stop = withPlaces(in: bucket, from: position, prefix: prefix) { places -> UInt64? in
        var next = 0
        while next < places.count {
          // Entries with one position stay together.
          let group = places[next...].prefix { $0.position == places[next].position }
          let before = buffer
          for place in group where isLive(place.ref, at: now) {
            if !append(
              found(place.ref), withValue: withValues, to: &buffer, exactNow: exactNow)
            {
              let needed = size(of: group, withValues: withValues, at: now)
              buffer.revert(to: before, needing: needed)
              return places[next].position
            }
          }
          next = group.endIndex
        }
        return nil
      }
      if let stop { return stop }
      position = end
    }
    return index.bucket(at: position) == nil ? nil : position
  }

  /// Removes live entries with the prefix from `position` on, as `scan` would
  /// list them, those in their window, and expired ones too if asked to. How many live
  /// ones, in `removed`.
  package func removeEntries(
    _ prefix: UnsafeRawBufferPointer, from position: UInt64, removed: inout UInt64,
    at now: UInt64, andExpired: Bool
  ) -> UInt64? {
    walk(prefix, from: position) { ref in
      let isLive = isLive(ref, at: now)
      guard isLive || andExpired || isInWindow(ref, at: now) else { return }
      remove(ref, because: isLive ? .deleted : .expired)
      if isLive { removed += 1 }
    }
  }

  /// Calls `body`, which may remove it, with each entry with the prefix from
  /// `position` on, in a few buckets, and not many more than `limit` of them. The
  /// position to go on from; nil at the end of the shard.
  package func walk(
    _ prefix: UnsafeRawBufferPointer, from position: UInt64, limit: UInt64 = UInt64.max,
    _ body: (Ref) -> Void
  ) -> UInt64? {
    var (position, count) = (position, UInt64(0))
    for _ in 0..<Shard.bucketsAtOnce where count < limit {
      guard let (bucket, end) = index.bucket(at: position) else { return nil }
      withPlaces(in: bucket, from: position, prefix: prefix) { places in
        count += UInt64(places.count)
        for place in places { body(place.ref) }
      }
      position = end
    }
    return index.bucket(at: position) == nil ? nil : position
  }

  /// The entries in a bucket's chain from `position` on whose keys have the
  /// prefix, in order of position, so that a full buffer can be gone on from.
  private func withPlaces<Result>(
    in bucket: Bucket, from position: UInt64, prefix: UnsafeRawBufferPointer,
    _ body: (UnsafeMutableBufferPointer<Place>) -> Result
  ) -> Result {
    var capacity = 0
    index.forEachRef(in: bucket) { _ in capacity += 1 }
    return withUnsafeTemporaryAllocation(of: Place.self, capacity: capacity) { places in
      var count = 0
      index.forEachRef(in: bucket) { ref in
        let place = (position: index.position(of: hash(of: ref).forIndex), ref: ref)
        guard place.position >= position, hasPrefix(ref, prefix) else { return }
        // Into its place among the few that are there.
        var slot = count
        while slot > 0, places[slot - 1].position > place.position {
          places[slot] = places[slot - 1]
          slot -= 1
        }
        places[slot] = place
        count += 1
      }
      return body(UnsafeMutableBufferPointer(rebasing: places[..<count]))
    }
  }

  private func hasPrefix(_ ref: Ref, _ prefix: UnsafeRawBufferPointer) -> Bool {
    let entry = entry(ref)
    return hasPrefix(entry.key(entry.access), prefix)
  }

  func hasPrefix(_ key: UnsafeRawBufferPointer, _ prefix: UnsafeRawBufferPointer) -> Bool {
    guard let start = prefix.baseAddress else { return true }
    return key.count >= prefix.count && platform_equal(key.baseAddress!, start, prefix.count)
  }

  /// The size of all records of a group.
  private func size(
    of group: Slice<UnsafeMutableBufferPointer<Place>>, withValues: Bool, at now: UInt64
  ) -> Int {
    var total = 0
    for place in group where isLive(place.ref, at: now) {
      total += recordSize(of: found(place.ref), withValue: withValues)
    }
    return total
  }
}
