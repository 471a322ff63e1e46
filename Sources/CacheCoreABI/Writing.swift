import CCacheCore
import CacheCore

/// What `set` and its conditional kin have in common.
@inline(__always)
private func store(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64, if condition: Shard.Condition
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  guard let value = CacheCoreABI.value(value, value_size) else { return argumentError }
  return cache.set(key, value, deadline: cache.deadline(ttlMs: ttl_ms), if: condition).rawValue
}

@c @implementation
public func cachecore_set(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  store(cache, key, key_size, value, value_size, ttl_ms, if: .always)
}

@c @implementation
public func cachecore_set_until(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ deadline_unix_ms: Int64
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  guard let value = CacheCoreABI.value(value, value_size) else { return argumentError }
  return cache.set(key, value, untilUnixMs: deadline_unix_ms).rawValue
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
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  return cache.delete(key).rawValue
}

@c @implementation
public func cachecore_touch(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ ttl_ms: UInt64
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  return cache.touch(key, deadline: cache.deadline(ttlMs: ttl_ms)).rawValue
}

@c @implementation
public func cachecore_increment(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ delta: Int64,
  _ initial: Int64, _ ttl_ms: UInt64, _ value_out: UnsafeMutablePointer<Int64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  var sum: Int64 = 0
  let outcome = cache.increment(
    key, by: delta, initial: initial, deadline: cache.deadline(ttlMs: ttl_ms), sum: &sum)
  if outcome == .ok { value_out?.pointee = sum }
  return outcome.rawValue
}
