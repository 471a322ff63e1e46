import CCacheCore
import CacheCore

@c @implementation
public func cachecore_scan(
  _ cache: OpaquePointer?, _ cursor: UnsafeMutablePointer<UInt64>?, _ prefix: UnsafeRawPointer?,
  _ prefix_size: Int, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let cursor, let size_out, let prefix = value(prefix, prefix_size),
    let bytes = CacheCoreABI.buffer(buffer, capacity),
    UInt(bitPattern: bytes.baseAddress) % 8 == 0
  else { return argumentError }
  var records = RecordBuffer(bytes)
  cache.scan(&cursor.pointee, prefix: prefix, into: &records)
  if records.count == 0, records.needed > 0 {
    size_out.pointee = records.needed
    return Outcome.tooSmall.rawValue
  }
  size_out.pointee = records.used
  count_out?.pointee = records.count
  return success
}

@c @implementation
public func cachecore_take_removals(
  _ cache: OpaquePointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let size_out, let bytes = CacheCoreABI.buffer(buffer, capacity),
    UInt(bitPattern: bytes.baseAddress) % 8 == 0
  else { return argumentError }
  guard cache.region.header.pointee.reportsRemovals else { return stateError }
  var records = RecordBuffer(bytes)
  cache.takeRemovals(into: &records)
  if records.count == 0, records.needed > 0 {
    size_out.pointee = records.needed
    return Outcome.tooSmall.rawValue
  }
  size_out.pointee = records.used
  count_out?.pointee = records.count
  return (records.count == 0 ? Outcome.miss : .ok).rawValue
}

@c @implementation
public func cachecore_delete_prefix(
  _ cache: OpaquePointer?, _ prefix: UnsafeRawPointer?, _ prefix_size: Int,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let prefix = key(prefix, prefix_size) else { return argumentError }
  let removed = cache.deletePrefix(prefix)
  removed_out?.pointee = removed
  return success
}

@c @implementation
public func cachecore_clear(_ cache: OpaquePointer?) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  cache.clear()
  return success
}

@c @implementation
public func cachecore_count(_ cache: OpaquePointer?) -> UInt64 {
  var status = success
  return open(cache, &status)?.count() ?? 0
}

@c @implementation
public func cachecore_cleanup_expired(
  _ cache: OpaquePointer?, _ max_entries: UInt64, _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  var pace = Cache.Pace()
  let limit = max_entries == 0 ? UInt64.max : max_entries
  let (removed, _) = cache.removeExpired(limit: limit, pace: &pace) { true }
  removed_out?.pointee = removed
  return success
}

@c @implementation
public func cachecore_resize(
  _ cache: OpaquePointer?, _ max_entries: UInt64, _ max_bytes: UInt64
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  return cache.resize(maxEntries: max_entries, maxBytes: max_bytes).rawValue
}

@c @implementation
public func cachecore_stats(
  _ cache: OpaquePointer?, _ stats_out: UnsafeMutablePointer<cachecore_stats_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let stats_out else { return argumentError }
  status = check(stats_out)
  guard status == success else { return status }
  let reading = cache.statistics()
  var result = cachecore_stats_t()
  result.shard_count = reading.shardCount
  result.entries = reading.entries
  result.bytes_used = reading.bytesUsed
  result.bytes_limit = reading.bytesLimit
  result.entries_limit = reading.entriesLimit
  result.hits = reading.hits
  result.misses = reading.misses
  result.inserts = reading.inserts
  result.updates = reading.updates
  result.deletes = reading.deletes
  result.evictions = reading.evictions
  result.expirations = reading.expirations
  result.refused = reading.refused
  result.bytes_resident = reading.bytesResident
  result.removals_lost = reading.removalsLost
  result.expired = reading.expired
  result.entries_before = reading.entriesBefore
  return fill(stats_out, with: result)
}

@c @implementation
public func cachecore_reset_stats(_ cache: OpaquePointer?) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  cache.resetStatistics()
  return success
}

@c @implementation
public func cachecore_advance_clock(_ cache: OpaquePointer?, _ ms: UInt64) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard cache.clock.isManual else { return stateError }
  return (cache.clock.advance(by: ms) ? Outcome.ok : .range).rawValue
}
