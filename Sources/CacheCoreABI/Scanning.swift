import CCacheCore
import CacheCore

// Lists of records, written one after another to a buffer of the caller.

/// Runs an entry point that writes records to the caller's buffer, which must be aligned
/// as they are: their total size, or the size that one needs, and their number.
func callListing(
  _ cache: OpaquePointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?,
  _ need: Need = .writing, _ list: (Cache, inout RecordBuffer) -> Outcome
) -> cachecore_status_t {
  var (size, count) = (0, 0)
  defer {
    size_out?.pointee = size
    count_out?.pointee = count
  }
  return call(cache, need) { cache in
    guard size_out != nil, UInt(bitPattern: buffer) % 8 == 0,
      let bytes = CacheCoreABI.buffer(buffer, capacity)
    else { return .argument }
    var records = RecordBuffer(bytes)
    let outcome = list(cache, &records)
    (size, count) = (records.isTooSmall ? records.needed : records.used, records.count)
    return outcome
  }
}

@c @implementation
public func cachecore_scan(
  _ cache: OpaquePointer?, _ cursor: UnsafeMutablePointer<UInt64>?, _ prefix: UnsafeRawPointer?,
  _ prefix_size: Int, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callListing(cache, buffer, capacity, size_out, count_out, .reading) { cache, records in
    guard let cursor, let prefix = value(prefix, prefix_size) else { return .argument }
    return cache.scan(&cursor.pointee, prefix: prefix, into: &records)
  }
}

@c @implementation
public func cachecore_scan_values(
  _ cache: OpaquePointer?, _ cursor: UnsafeMutablePointer<UInt64>?, _ prefix: UnsafeRawPointer?,
  _ prefix_size: Int, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callListing(cache, buffer, capacity, size_out, count_out, .reading) { cache, records in
    guard let cursor, let prefix = value(prefix, prefix_size) else { return .argument }
    return cache.scan(&cursor.pointee, prefix: prefix, withValues: true, into: &records)
  }
}

@c @implementation
public func cachecore_take_removals(
  _ cache: OpaquePointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
  _ size_out: UnsafeMutablePointer<Int>?, _ count_out: UnsafeMutablePointer<Int>?
) -> cachecore_status_t {
  callListing(cache, buffer, capacity, size_out, count_out) { cache, records in
    cache.takeRemovals(into: &records)
  }
}
