import CCacheCore
import CacheCore

/// What the conditional kin of `set` have in common.
@inline(__always)
private func store(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64, if condition: Shard.Condition
) -> cachecore_status_t {
  call(cache, key, key_size) { cache, key in
    guard let value = CacheCoreABI.value(value, value_size) else { return .argument }
    return cache.set(key, value, deadline: cache.deadline(ttlMs: ttl_ms), if: condition)
  }
}

@c @implementation
public func cachecore_set(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  // What most writes are: in place, without a condition.
  call(cache, key, key_size) { cache, key in
    guard let value = CacheCoreABI.value(value, value_size) else { return .argument }
    return cache.set(
      key, cache.route(key), value, deadline: cache.deadline(ttlMs: ttl_ms))
  }
}

@c @implementation
public func cachecore_set_until(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ deadline_unix_ms: Int64
) -> cachecore_status_t {
  call(cache, key, key_size) { cache, key in
    guard let value = CacheCoreABI.value(value, value_size) else { return .argument }
    return cache.set(key, value, untilUnixMs: deadline_unix_ms)
  }
}

@c @implementation
public func cachecore_add(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  store(cache, key, key_size, value, value_size, ttl_ms, if: .absent)
}

@c @implementation
public func cachecore_replace(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  store(cache, key, key_size, value, value_size, ttl_ms, if: .present)
}

@c @implementation
public func cachecore_compare_and_set(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ expected_version: UInt64, _ ttl_ms: UInt64
) -> cachecore_status_t {
  store(cache, key, key_size, value, value_size, ttl_ms, if: .version(expected_version))
}

@c @implementation
public func cachecore_delete(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int
) -> cachecore_status_t {
  call(cache, key, key_size) { cache, key in cache.delete(key) }
}

@c @implementation
public func cachecore_touch(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  call(cache, key, key_size) { cache, key in
    cache.touch(key, deadline: cache.deadline(ttlMs: ttl_ms))
  }
}

@c @implementation
public func cachecore_increment(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ delta: Int64,
  _ initial: Int64, _ ttl_ms: UInt64, _ value_out: UnsafeMutablePointer<Int64>?
) -> cachecore_status_t {
  var sum: Int64 = 0
  defer { value_out?.pointee = sum }
  return call(cache, key, key_size) { cache, key in
    var result: Int64 = 0
    let outcome = cache.increment(
      key, by: delta, initial: initial, deadline: cache.deadline(ttlMs: ttl_ms), sum: &result)
    if outcome == .ok { sum = result }
    return outcome
  }
}
