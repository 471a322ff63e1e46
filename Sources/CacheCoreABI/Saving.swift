import CCacheCore
import CacheCore

// A cache in a file.

/// Runs an entry point on a cache and a path. `body` counts entries, also if it ends in an
/// error.
private func callWithFile(
  _ cache: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ entries_out: UnsafeMutablePointer<UInt64>?,
  _ body: (Cache, UnsafePointer<CChar>, inout UInt64) -> Outcome
) -> cachecore_status_t {
  var entries: UInt64 = 0
  defer { entries_out?.pointee = entries }
  return call(cache) { cache in
    guard let path, path.pointee != 0 else { return .argument }
    return body(cache, path, &entries)
  }
}

@c @implementation
public func cachecore_save(
  _ cache: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ entries_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  callWithFile(cache, path, entries_out) { cache, path, entries in
    cache.saveEntries(to: path, saved: &entries)
  }
}

@c @implementation
public func cachecore_load(
  _ cache: OpaquePointer?, _ path: UnsafePointer<CChar>?,
  _ entries_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  callWithFile(cache, path, entries_out) { cache, path, entries in
    cache.loadEntries(from: path, stored: &entries)
  }
}
