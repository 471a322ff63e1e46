import CCacheCore
import CacheCore

// What every entry point does first: the handle, the key, the value.
//
// What it does last is to write its outputs. They are variables that begin as
// zeros, and a `defer` copies them out whatever the result is: after an error or a
// miss the caller has zeros. Not sooner, for a key may lie where an output goes.

/// Runs an entry point on the cache behind a handle: not for NULL, nor for a handle
/// that has been closed.
@inline(__always)
func call(
  _ cache: OpaquePointer?, _ need: Need = .writing, _ body: (Cache) -> Outcome
) -> cachecore_status_t {
  var outcome = Outcome.ok
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome, for: need) else {
    return outcome.rawValue
  }
  return body(cache).rawValue
}

/// What an entry point needs of a cache: one that is open for reading alone has no more.
enum Need {
  case reading
  case writing
}

/// The same for one that takes a key.
@inline(__always)
func call(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ keySize: Int, _ need: Need = .writing,
  _ body: (Cache, UnsafeRawBufferPointer) -> Outcome
) -> cachecore_status_t {
  call(cache, need) { cache in
    guard let key = CacheCoreABI.key(key, keySize) else { return .argument }
    return body(cache, key)
  }
}

/// The same for one that fills a struct, which is zeros unless `body` succeeds in
/// filling it.
@inline(__always)
func call<Struct: SizedStruct>(
  _ cache: OpaquePointer?, filling out: UnsafeMutablePointer<Struct>?, _ need: Need = .writing,
  _ body: (Cache, inout Struct) -> Outcome
) -> cachecore_status_t {
  var result = Struct()
  defer { fill(out, with: result) }
  return call(cache, need) { cache in
    let outcome = check(out)
    return outcome == .ok ? body(cache, &result) : outcome
  }
}

/// The cache behind a handle; nil, with the outcome, for NULL, for one that has been
/// closed, and for one that is not open for what is needed.
@inline(__always)
func cache(
  behind handle: OpaquePointer?, _ outcome: inout Outcome, for need: Need = .writing
) -> Cache? {
  guard let handle else {
    outcome = .argument
    return nil
  }
  let opened = CacheHandle(UnsafeMutableRawPointer(handle))
  guard opened.isOpen || (need == .reading && opened.isReadOnly) else {
    outcome = .state
    return nil
  }
  return Cache(opened)
}

/// The key, or nil if there is none or its size is out of range.
@inline(__always)
func key(_ key: UnsafeRawPointer?, _ size: Int) -> UnsafeRawBufferPointer? {
  guard let key, size >= 1, size <= Options.keySizeMax else { return nil }
  return UnsafeRawBufferPointer(start: key, count: size)
}

/// The value, or nil if it is NULL and not empty, or longer than memory. A
/// size_t beyond Int.max arrives here as a negative number.
@inline(__always)
func value(_ value: UnsafeRawPointer?, _ size: Int) -> UnsafeRawBufferPointer? {
  guard size >= 0, value != nil || size == 0 else { return nil }
  return UnsafeRawBufferPointer(start: value ?? UnsafeRawPointer(nowhere), count: size)
}

/// Where a buffer of no bytes is.
private var nowhere: UnsafeMutableRawPointer {
  @inline(__always) get { UnsafeMutableRawPointer(bitPattern: CacheLine.size)! }
}

/// A buffer to write to, likewise.
@inline(__always)
func buffer(_ buffer: UnsafeMutableRawPointer?, _ capacity: Int) -> UnsafeMutableRawBufferPointer? {
  guard buffer != nil || capacity == 0 else { return nil }
  // Below 0 is more room than there is memory: enough for anything.
  let count = capacity < 0 ? Int.max : capacity
  // One that is there, so that nobody need look whether it is.
  return UnsafeMutableRawBufferPointer(start: buffer ?? nowhere, count: count)
}
