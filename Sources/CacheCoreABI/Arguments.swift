import CCacheCore
import CacheCore

// What every entry point does first: the handle, the key, the value.

let argumentError = cachecore_status_t(CACHECORE_E_ARGUMENT)
let stateError = cachecore_status_t(CACHECORE_E_STATE)
let success = cachecore_status_t(CACHECORE_OK)

/// The cache behind a handle; nil, with the status, for NULL and for one that
/// has been closed.
@inline(__always)
func open(_ cache: OpaquePointer?, _ status: inout cachecore_status_t) -> Cache? {
  guard let cache else {
    status = argumentError
    return nil
  }
  let handle = CacheHandle(UnsafeMutableRawPointer(cache))
  guard handle.isOpen else {
    status = stateError
    return nil
  }
  return Cache(handle)
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
  return UnsafeRawBufferPointer(start: value, count: size)
}

/// A buffer to write to, likewise.
@inline(__always)
func buffer(_ buffer: UnsafeMutableRawPointer?, _ capacity: Int) -> UnsafeMutableRawBufferPointer? {
  if capacity < 0, buffer != nil {
    // More room than there is memory: enough for anything.
    return UnsafeMutableRawBufferPointer(start: buffer, count: Int.max)
  }
  guard capacity >= 0, buffer != nil || capacity == 0 else { return nil }
  return UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
}
