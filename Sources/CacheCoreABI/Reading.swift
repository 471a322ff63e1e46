import CCacheCore
import CacheCore

/// What `get` and `peek` have in common.
@inline(__always)
private func copyOut(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ keySize: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size: UnsafeMutablePointer<Int>?,
  _ read: (Cache, UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer, inout Int) -> Outcome
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let size, let key = CacheCoreABI.key(key, keySize),
    let buffer = CacheCoreABI.buffer(buffer, capacity)
  else { return argumentError }
  return read(cache, key, buffer, &size.pointee).rawValue
}

@c @implementation
public func cachecore_get(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  copyOut(cache, key, key_size, buffer, capacity, size_out) { cache, key, buffer, size in
    cache.get(key, into: buffer, size: &size)
  }
}

@c @implementation
public func cachecore_peek(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  copyOut(cache, key, key_size, buffer, capacity, size_out) { cache, key, buffer, size in
    cache.peek(key, into: buffer, size: &size)
  }
}

@c @implementation
public func cachecore_acquire(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value_out: UnsafeMutablePointer<cachecore_value_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let value_out, let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  var lease: Cache.Lease?
  let outcome = cache.acquire(key, &lease)
  if outcome.rawValue >= 0 { value_out.pointee = cachecore_value_t() }
  if let lease {
    value_out.pointee.data = lease.value.baseAddress
    value_out.pointee.size = lease.value.count
    value_out.pointee.owner = cache.handle.base
    value_out.pointee.lease = lease.ticket
  }
  return outcome.rawValue
}

@c @implementation
public func cachecore_release(_ value: UnsafeMutablePointer<cachecore_value_t>?) {
  guard let value, let owner = value.pointee.owner else { return }
  let ticket = value.pointee.lease
  value.pointee = cachecore_value_t()
  Cache(CacheHandle(owner)).release(ticket: ticket)
}

@c @implementation
public func cachecore_contains(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  return (cache.contains(key) ? Outcome.ok : .miss).rawValue
}

@c @implementation
public func cachecore_ttl(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ remaining_ms_out: UnsafeMutablePointer<Int64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let remaining_ms_out, let key = CacheCoreABI.key(key, key_size) else {
    return argumentError
  }
  guard let remaining = cache.remaining(key) else { return Outcome.miss.rawValue }
  remaining_ms_out.pointee = remaining
  return success
}

@c @implementation
public func cachecore_inspect(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ info_out: UnsafeMutablePointer<cachecore_entry_info_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let info_out, let key = CacheCoreABI.key(key, key_size) else { return argumentError }
  status = check(info_out)
  guard status == success else { return status }
  guard let info = cache.inspect(key) else { return Outcome.miss.rawValue }
  var result = cachecore_entry_info_t()
  result.value_size = info.valueSize
  result.ttl_ms = info.ttlMs
  result.age_ms = info.ageMs
  result.idle_ms = info.idleMs
  result.version = info.version
  return fill(info_out, with: result)
}
