import CPlatform
import Synchronization

// A scan by a process that has a shared cache for reading alone, and so takes no lock: a
// bucket is listed as a reader reads it (Shard+Lookup.swift), all of it or nothing, and
// again if it changed meanwhile.

extension Shard {
  /// How often a bucket is listed anew.
  private static let listingsMax = 1000

  /// As `scan`. A buffer that has no room for a bucket's entries is too small. nil: the
  /// bucket at `position` does not come to rest.
  package func scanUnlocked(
    from position: UInt64, prefix: UnsafeRawBufferPointer, withValues: Bool,
    into buffer: inout RecordBuffer, at now: UInt64, exactNow: UInt64
  ) -> UInt64?? {
    let start = position
    var position = position
    for _ in 0..<Shard.bucketsAtOnce where buffer.used < Shard.bytesAtOnce {
      let before = buffer
      var (listings, isListed) = (0, false)
      while !isListed {
        let (table, readable) = (index.tableNow, readable)
        guard let (bucket, end) = index.bucket(at: position) else { return .some(nil) }
        let version = bucket.version.pointee.load(ordering: .acquiring)
        let listed = list(
          bucket, version, readable, from: position, prefix: prefix, withValues, at: now,
          exactNow, &buffer)
        isListed =
          isUnchanged(bucket, sinceEven: version) && index.tableNow == table
          && self.readable.blocksEnd == readable.blocksEnd
        // Odd, or with a chain that leads nowhere, it stays if nobody writes.
        if isListed, version & 1 != 0 || !listed.isWhole {
          isListed = listings == Shard.listingsMax && isAbandoned
        }
        if isListed {
          if buffer.count - before.count < listed.count {
            buffer.revert(to: before, needing: listed.size)
            return position
          }
          position = end
        } else {
          buffer.revert(to: before, needing: 0)
          if listings == Shard.listingsMax { return position == start ? nil : position }
          listings += 1
          platform_yield()
        }
      }
    }
    return .some(index.bucket(at: position) == nil ? nil : position)
  }

  /// Whether nobody who lives has the lock.
  private var isAbandoned: Bool {
    let holder = lock.holder
    return holder == 0 || region.processes.isDead(holder)
  }

  /// Writes a record for each live entry of a bucket that is to be listed, as far as there
  /// is room. How many there are, what they take, and whether the bucket's chain has an end.
  private func list(
    _ first: Bucket, _ version: UInt32, _ readable: (blocksEnd: UInt64, overflow: UInt32),
    from position: UInt64, prefix: UnsafeRawBufferPointer, _ withValues: Bool, at now: UInt64,
    _ exactNow: UInt64, _ buffer: inout RecordBuffer
  ) -> (count: Int, size: Int, isWhole: Bool) {
    var (count, size) = (0, 0)
    let isWhole = index.forEachRef(in: first, overflow: readable.overflow) { ref in
      guard !isForgotten, let found = look(at: ref, version, before: readable.blocksEnd),
        !found.entry.isUnfinished, !isExpired(found.access, found.expiry, at: now),
        hasPrefix(found.key, prefix),
        index.position(of: HashParts(keyHash(found.key)).forIndex) >= position
      else { return }
      count += 1
      size += recordSize(of: found, withValue: withValues)
      _ = append(found, withValue: withValues, to: &buffer, exactNow: exactNow)
    }
    return (count, size, isWhole)
  }
}
