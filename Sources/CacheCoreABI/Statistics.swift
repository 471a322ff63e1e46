import CCacheCore
import CacheCore

// What the cache has counted.

@c @implementation
public func cachecore_count(_ cache: OpaquePointer?) -> UInt64 {
  var outcome = Outcome.ok
  return CacheCoreABI.cache(behind: cache, &outcome, for: .reading)?.count() ?? 0
}

@c @implementation
public func cachecore_stats(
  _ cache: OpaquePointer?, _ stats_out: UnsafeMutablePointer<cachecore_stats_t>?
) -> cachecore_status_t {
  call(cache, filling: stats_out, .reading) { cache, result in
    let reading = cache.statistics()
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
    result.stale = reading.stale
    result.absent = reading.absent
    result.stale_served = reading.staleServed
    result.absent_served = reading.absentServed
    return .ok
  }
}

@c @implementation
public func cachecore_reset_stats(_ cache: OpaquePointer?) -> cachecore_status_t {
  call(cache) { cache in
    cache.resetStatistics()
    return .ok
  }
}

@c @implementation
public func cachecore_window(
  _ cache: OpaquePointer?, _ window_ms: UInt64,
  _ window_out: UnsafeMutablePointer<cachecore_window_t>?
) -> cachecore_status_t {
  call(cache, filling: window_out) { cache, result in
    let reading = cache.lately(window_ms == 0 ? UInt64.max : window_ms)
    result.hits = reading.hits
    result.misses = reading.misses
    result.span_ms = reading.ms
    return .ok
  }
}
