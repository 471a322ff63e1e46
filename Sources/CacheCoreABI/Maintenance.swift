import CCacheCore
import CacheCore

// What changes the cache as a whole.

@c @implementation
public func cachecore_delete_prefix(
  _ cache: OpaquePointer?, _ prefix: UnsafeRawPointer?, _ prefix_size: Int,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var removed: UInt64 = 0
  defer { removed_out?.pointee = removed }
  return call(cache, prefix, prefix_size) { cache, prefix in
    let result = cache.deletePrefix(prefix)
    removed = result.removed
    return result.outcome
  }
}

@c @implementation
public func cachecore_clear(_ cache: OpaquePointer?) -> cachecore_status_t {
  call(cache) { $0.clear() }
}

@c @implementation
public func cachecore_cleanup_expired(
  _ cache: OpaquePointer?, _ max_entries: UInt64, _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var removed: UInt64 = 0
  defer { removed_out?.pointee = removed }
  return call(cache) { cache in
    var pace = Cache.Pace()
    let limit = max_entries == 0 ? UInt64.max : max_entries
    removed = cache.removeExpired(limit: limit, pace: &pace) { true }.removed
    return .ok
  }
}

@c @implementation
public func cachecore_resize(
  _ cache: OpaquePointer?, _ max_entries: UInt64, _ max_bytes: UInt64
) -> cachecore_status_t {
  call(cache) { $0.resize(maxEntries: max_entries, maxBytes: max_bytes) }
}

@c @implementation
public func cachecore_advance_clock(_ cache: OpaquePointer?, _ ms: UInt64) -> cachecore_status_t {
  call(cache) { $0.advanceClock(by: ms) }
}
