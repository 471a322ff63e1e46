import CCacheCore
import CacheCore

@c @implementation
public func cachecore_evict(
  _ cache: OpaquePointer?, _ count: UInt64, _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var removed: UInt64 = 0
  defer { removed_out?.pointee = removed }
  return call(cache) { $0.evict(count, removed: &removed) }
}

@c @implementation
public func cachecore_coldest(
  _ cache: OpaquePointer?, _ limit: UInt64, _ buffer: UnsafeMutableRawPointer?,
  _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?,
  _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  list(.coldest, cache, limit, buffer, capacity, size_out, count_out)
}

@c @implementation
public func cachecore_hottest(
  _ cache: OpaquePointer?, _ limit: UInt64, _ buffer: UnsafeMutableRawPointer?,
  _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?,
  _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  list(.hottest, cache, limit, buffer, capacity, size_out, count_out)
}

private func list(
  _ order: EvictionOrder, _ cache: OpaquePointer?, _ limit: UInt64,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callListing(cache, buffer, capacity, size_out, count_out) { cache, records in
    cache.list(order, limit: limit, into: &records)
    return records.isTooSmall ? .tooSmall : .ok
  }
}
