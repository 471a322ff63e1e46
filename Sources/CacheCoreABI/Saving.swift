import CCacheCore
import CacheCore

// A cache in a file.

@c @implementation
public func cachecore_save(
  _ cache: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ entries_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var saved: UInt64 = 0
  defer { entries_out?.pointee = saved }
  return call(cache) { cache in
    guard let path, path.pointee != 0 else { return .argument }
    return cache.saveEntries(to: path, saved: &saved)
  }
}

@c @implementation
public func cachecore_load(
  _ cache: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ entries_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var stored: UInt64 = 0
  defer { entries_out?.pointee = stored }
  return call(cache) { cache in
    guard let path, path.pointee != 0 else { return .argument }
    return cache.loadEntries(from: path, stored: &stored)
  }
}
