import CCacheCore
import CacheCore

// Reading one entry. An entry point checks its arguments, calls the engine (Cache.swift)
// and writes its outputs; `call` and the order of outputs are in Arguments.swift.

@c @implementation
public func cachecore_get(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  // What nearly every call is; what is wrong with the others is found out below. One
  // condition after another, as it is needed: together they take longer.
  if let cache, CacheHandle(UnsafeMutableRawPointer(cache)).isOpen, let key,
    1...Options.keySizeMax ~= key_size
  {
    let cache = Cache(CacheHandle(UnsafeMutableRawPointer(cache)))
    let route = cache.route(UnsafeRawBufferPointer(start: key, count: key_size))
    // More room than there is memory is enough for anything.
    let room = UInt64(UInt(bitPattern: capacity))
    if let buffer, let size_out,
      let got = cache.getOrdinary(key, key_size, route, into: buffer, room)
    {
      switch got {
      case .hit(let size):
        size_out.pointee = size
        return Outcome.ok.rawValue
      case .miss:
        size_out.pointee = 0
        return Outcome.miss.rawValue
      }
    }
  }
  return get(cache, key, key_size, buffer, capacity, size_out)
}

/// The same in every other case.
@inline(never)
private func get(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callReading(cache, key, key_size, buffer, capacity, size_out) { cache, key, buffer, size in
    cache.getAnyway(key, cache.route(key), at: cache.clock.coarse, into: buffer, size: &size)
  }
}

/// Runs an entry point that copies the value of a key to a buffer.
@inline(__always)
private func callReading(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ keySize: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?,
  _ body: (Cache, UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer, inout Int) -> Outcome
) -> cachecore_status_t {
  var size = 0
  defer { size_out?.pointee = size }
  return call(cache, key, keySize, .reading) { cache, key in
    guard size_out != nil, let buffer = CacheCoreABI.buffer(buffer, capacity) else {
      return .argument
    }
    return body(cache, key, buffer, &size)
  }
}

@c @implementation
public func cachecore_peek(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callReading(cache, key, key_size, buffer, capacity, size_out) { cache, key, buffer, size in
    cache.peek(key, into: buffer, size: &size)
  }
}

@c @implementation
public func cachecore_acquire(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value_out: UnsafeMutablePointer<cachecore_value_t>?
) -> cachecore_status_t {
  var value = cachecore_value_t()
  defer { value_out?.pointee = value }
  return call(cache, key, key_size) { cache, key in
    guard value_out != nil else { return .argument }
    var lease: Cache.Lease?
    let outcome = cache.acquire(key, &lease)
    if let lease {
      value.data = lease.value.baseAddress
      value.size = lease.value.count
      value.owner = cache.handle.base
      value.lease = lease.ticket
    }
    return outcome
  }
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
  call(cache, key, key_size, .reading) { cache, key in cache.contains(key) ? .ok : .miss }
}

@c @implementation
public func cachecore_ttl(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ remaining_ms_out: UnsafeMutablePointer<Int64>?
) -> cachecore_status_t {
  var left: Int64 = 0
  defer { remaining_ms_out?.pointee = left }
  return call(cache, key, key_size, .reading) { cache, key in
    guard remaining_ms_out != nil else { return .argument }
    guard let remaining = cache.remaining(key) else { return .miss }
    left = remaining
    return .ok
  }
}

@c @implementation
public func cachecore_inspect(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ info_out: UnsafeMutablePointer<cachecore_entry_info_t>?
) -> cachecore_status_t {
  var result = cachecore_entry_info_t()
  defer { fill(info_out, with: result) }
  return call(cache, key, key_size, .reading) { cache, key in
    let outcome = check(info_out)
    guard outcome == .ok else { return outcome }
    guard let info = cache.inspect(key) else { return .miss }
    result = cachecore_entry_info_t(info)
    return .ok
  }
}

@c @implementation
public func cachecore_get_with_info(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?,
  _ info_out: UnsafeMutablePointer<cachecore_entry_info_t>?
) -> cachecore_status_t {
  var size = 0
  var result = cachecore_entry_info_t()
  defer {
    size_out?.pointee = size
    fill(info_out, with: result)
  }
  return call(cache, key, key_size, .reading) { cache, key in
    guard size_out != nil, let buffer = CacheCoreABI.buffer(buffer, capacity) else {
      return .argument
    }
    let outcome = check(info_out)
    guard outcome == .ok else { return outcome }
    var info: Cache.Info?
    let found = cache.get(key, into: buffer, size: &size, info: &info)
    if found == .ok, let info { result = cachecore_entry_info_t(info) }
    return found
  }
}

extension cachecore_entry_info_t {
  fileprivate init(_ info: Cache.Info) {
    self.init()
    value_size = info.valueSize
    ttl_ms = info.ttlMs
    age_ms = info.ageMs
    idle_ms = info.idleMs
    version = info.version
  }
}
