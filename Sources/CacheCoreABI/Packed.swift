import CCacheCore
import CacheCore

// Batches whose keys lie in one block and whose values lie in another (cachecore.h, "Many
// at once, packed"). What a batch is, and how its errors come out, is in Many.swift.

/// A block of elements, one after another.
private struct Block: BatchKeys {
  let bytes: UnsafeRawPointer?
  let offsets: UnsafePointer<Int>

  /// Where an element is, and its size; nil if its offsets fall. A size_t beyond Int.max
  /// arrives here as a negative number.
  @inline(__always)
  private func element(_ i: Int) -> (start: UnsafeRawPointer?, size: Int)? {
    let (start, end) = (offsets[i], offsets[i + 1])
    guard start >= 0, end >= start else { return nil }
    return (bytes.map { $0 + start }, end - start)
  }

  @inline(__always)
  func key(_ i: Int) -> UnsafeRawBufferPointer? {
    element(i).flatMap { CacheCoreABI.key($0.start, $0.size) }
  }

  @inline(__always)
  func value(_ i: Int) -> UnsafeRawBufferPointer? {
    element(i).flatMap { CacheCoreABI.value($0.start, $0.size) }
  }

  var anyByte: UnsafeRawPointer { UnsafeRawPointer(offsets) }
}

@c @implementation
public func cachecore_get_packed(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafeRawPointer?,
  _ key_offsets: UnsafePointer<Int>?, _ arena: UnsafeMutableRawPointer?, _ capacity: Int,
  _ sizes_out: UnsafeMutablePointer<Int>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome, for: .reading) else {
    return refuse(count, as: outcome, statuses_out, sizes: sizes_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys, let key_offsets, let arena = buffer(arena, capacity),
    let sizes_out, let statuses_out
  else { return refuse(count, as: .argument, statuses_out, sizes: sizes_out) }
  var free = arena
  let block = Block(bytes: keys, offsets: key_offsets)
  return attempt(cache, count, block, statuses_out) { i, key, route, now in
    guard let key else {
      sizes_out[i] = 0
      return .argument
    }
    var size = 0
    let outcome = cache.getAnyhow(key, route, at: now, into: free, size: &size)
    sizes_out[i] = size
    if outcome == .ok { free = UnsafeMutableRawBufferPointer(rebasing: free[size...]) }
    return outcome
  }
}

@c @implementation
public func cachecore_set_packed(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafeRawPointer?,
  _ key_offsets: UnsafePointer<Int>?, _ values: UnsafeRawPointer?,
  _ value_offsets: UnsafePointer<Int>?, _ ttls_ms: UnsafePointer<UInt64>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome) else {
    return refuse(count, as: outcome, statuses_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys, let key_offsets, let value_offsets else {
    return refuse(count, as: .argument, statuses_out)
  }
  let keyBlock = Block(bytes: keys, offsets: key_offsets)
  let valueBlock = Block(bytes: values, offsets: value_offsets)
  return attempt(cache, count, keyBlock, statuses_out) { i, key, route, _ in
    guard let key, let value = valueBlock.value(i) else { return .argument }
    let deadline = cache.deadline(ttlMs: ttls_ms?[i] ?? 0)
    return cache.set(key, route, value, deadline: deadline)
  }
}

@c @implementation
public func cachecore_delete_packed(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafeRawPointer?,
  _ key_offsets: UnsafePointer<Int>?, _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var block: Block?
  if let keys, let key_offsets { block = Block(bytes: keys, offsets: key_offsets) }
  return delete(cache, count, block, statuses_out, removed_out)
}
