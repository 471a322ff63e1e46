import CPlatform
import Synchronization

// A scan by a process that has a shared cache for reading alone, and so takes no lock: a
// bucket is listed as a reader reads it (Shard+Lookup.swift), all of it or nothing, and
// again if it changed meanwhile.

extension Shard {
  /// How often a bucket is listed anew before it is passed over.
  private static let listingsMax = 1000

  /// As `scan`. A buffer that has no room for a bucket's entries is too small.
  package func scanUnlocked(
    from position: UInt64, prefix: UnsafeRawBufferPointer, withValues: Bool,
    into buffer: inout RecordBuffer, at now: UInt64, exactNow: UInt64
  ) -> UInt64? {
    var position = position
    for _ in 0..<Shard.bucketsAtOnce where buffer.used < Shard.bytesAtOnce {
      let before = buffer
      var listings = 0
      while true {
        let table = index.tableNow
        guard let (bucket, end) = index.bucket(at: position) else { return nil }
        let version = bucket.version.pointee.load(ordering: .acquiring)
        let listed = list(
          bucket, version, from: position, prefix: prefix, withValues, at: now, exactNow,
          &buffer)
        let isUnchanged = isUnchanged(bucket, since: version) && index.tableNow == table
        listings += 1
        if isUnchanged || listings == Shard.listingsMax {
          if isUnchanged, buffer.count - before.count < listed.count {
            buffer.revert(to: before, needing: listed.size)
            return position
          }
          if !isUnchanged { buffer.revert(to: before, needing: 0) }
          position = end
          break
        }
        buffer.revert(to: before, needing: 0)
        platform_yield()
      }
    }
    return index.bucket(at: position) == nil ? nil : position
  }

  /// Writes a record for each live entry of a bucket that is to be listed, as far as there
  /// is room. How many there are, and what they take.
  private func list(
    _ first: Bucket, _ version: UInt32, from position: UInt64, prefix: UnsafeRawBufferPointer,
    _ withValues: Bool, at now: UInt64, _ exactNow: UInt64, _ buffer: inout RecordBuffer
  ) -> (count: Int, size: Int) {
    let readable = readable
    var listed = (count: 0, size: 0)
    index.forEachRef(in: first, overflow: readable.overflow) { ref in
      guard !isForgotten, let found = look(at: ref, version, before: readable.blocksEnd),
        !isExpired(found.access, found.expiry, at: now), hasPrefix(found.key, prefix),
        index.position(of: HashParts(keyHash(found.key)).forIndex) >= position
      else { return }
      listed.count += 1
      listed.size += recordSize(of: found, withValue: withValues)
      _ = append(found, withValue: withValues, to: &buffer, exactNow: exactNow)
    }
    return listed
  }
}
