import CCacheCore
import CacheCore

/// Parallel arrays of keys, checked, with the elements whose key is out of
/// range left to whoever walks them.
private struct Keys {
  let keys: UnsafePointer<UnsafeRawPointer?>
  let sizes: UnsafePointer<Int>

  /// The key of an element; a byte that stands for it if it is out of range,
  /// so that the walk goes on.
  @inline(__always)
  func key(_ i: Int) -> UnsafeRawBufferPointer {
    CacheCoreABI.key(keys[i], sizes[i])
      ?? UnsafeRawBufferPointer(start: UnsafeRawPointer(keys), count: 1)
  }

  @inline(__always)
  func isValid(_ i: Int) -> Bool { CacheCoreABI.key(keys[i], sizes[i]) != nil }
}

/// The first error among the elements' statuses, and each in its place.
private struct Statuses {
  let out: UnsafeMutablePointer<cachecore_status_t>?
  var first = success

  @inline(__always)
  mutating func set(_ i: Int, _ status: cachecore_status_t) {
    out?[i] = status
    if status < 0, first == success { first = status }
  }
}

@c @implementation
public func cachecore_get_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ buffers: UnsafePointer<UnsafeMutableRawPointer?>?,
  _ capacities: UnsafePointer<Int>?, _ sizes_out: UnsafeMutablePointer<Int>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  if count == 0 { return success }
  guard count > 0, let keys, let key_sizes, let buffers, let capacities, let sizes_out else {
    return argumentError
  }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  var now: UInt64 = 0
  cache.forEach(count: count, key: list.key) { i, key, shard, parts in
    // Once for each group: no later than the next is waited for.
    if i % Cache.groupSize == 0 { now = cache.clock.coarse }
    guard list.isValid(i), let buffer = buffer(buffers[i], capacities[i]) else {
      statuses.set(i, argumentError)
      return
    }
    let outcome = cache.get(
      key, shard, parts, at: now, into: buffer, size: &sizes_out[i])
    statuses.set(i, outcome.rawValue)
  }
  return statuses.first
}

@c @implementation
public func cachecore_set_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ values: UnsafePointer<UnsafeRawPointer?>?,
  _ value_sizes: UnsafePointer<Int>?, _ ttls_ms: UnsafePointer<UInt64>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  if count == 0 { return success }
  guard count > 0, let keys, let key_sizes, let values, let value_sizes else {
    return argumentError
  }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  cache.forEach(count: count, key: list.key) { i, key, _, _ in
    guard list.isValid(i), let value = value(values[i], value_sizes[i]) else {
      statuses.set(i, argumentError)
      return
    }
    let deadline = cache.deadline(ttlMs: ttls_ms?[i] ?? 0)
    statuses.set(i, cache.set(key, value, deadline: deadline).rawValue)
  }
  return statuses.first
}

@c @implementation
public func cachecore_delete_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  if count == 0 {
    removed_out?.pointee = 0
    return success
  }
  guard count > 0, let keys, let key_sizes else { return argumentError }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  var removed: UInt64 = 0
  cache.forEach(count: count, key: list.key) { i, key, _, _ in
    guard list.isValid(i) else {
      statuses.set(i, argumentError)
      return
    }
    let outcome = cache.delete(key)
    if outcome == .ok { removed += 1 }
    statuses.set(i, outcome.rawValue)
  }
  removed_out?.pointee = removed
  return statuses.first
}
