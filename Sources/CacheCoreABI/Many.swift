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
  var first = Outcome.ok

  @inline(__always)
  mutating func set(_ i: Int, _ outcome: Outcome) {
    out?[i] = outcome.rawValue
    if outcome.rawValue < 0, first == .ok { first = outcome }
  }
}

/// Whether there can be arrays of so many elements.
private func isCount(_ count: Int) -> Bool { count >= 0 && count < 1 << 44 }

/// The end of a call in which nothing was attempted: each element has its status.
private func refuse(
  _ count: Int, as outcome: Outcome,
  _ statuses: UnsafeMutablePointer<cachecore_status_t>?, sizes: UnsafeMutablePointer<Int>? = nil
) -> cachecore_status_t {
  guard isCount(count) else { return outcome.rawValue }
  for i in 0..<count {
    statuses?[i] = outcome.rawValue
    sizes?[i] = 0
  }
  return outcome.rawValue
}

@c @implementation
public func cachecore_get_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ buffers: UnsafePointer<UnsafeMutableRawPointer?>?,
  _ capacities: UnsafePointer<Int>?, _ sizes_out: UnsafeMutablePointer<Int>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome, for: .reading) else {
    return refuse(count, as: outcome, statuses_out, sizes: sizes_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys, let key_sizes, let buffers, let capacities, let sizes_out else {
    return refuse(count, as: .argument, statuses_out, sizes: sizes_out)
  }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  cache.forEach(count: count, key: list.key) { i, key, route, now in
    guard list.isValid(i), let buffer = buffer(buffers[i], capacities[i]) else {
      sizes_out[i] = 0
      statuses.set(i, .argument)
      return
    }
    let outcome =
      cache.isReadOnly
      ? cache.getAnyway(key, route, at: now, into: buffer, size: &sizes_out[i])
      : cache.get(key, route, at: now, into: buffer, size: &sizes_out[i])
    statuses.set(i, outcome)
  }
  return statuses.first.rawValue
}

@c @implementation
public func cachecore_set_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ values: UnsafePointer<UnsafeRawPointer?>?,
  _ value_sizes: UnsafePointer<Int>?, _ ttls_ms: UnsafePointer<UInt64>?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome) else {
    return refuse(count, as: outcome, statuses_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys, let key_sizes, let values, let value_sizes else {
    return refuse(count, as: .argument, statuses_out)
  }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  cache.forEach(count: count, key: list.key) { i, key, route, _ in
    guard list.isValid(i), let value = value(values[i], value_sizes[i]) else {
      statuses.set(i, .argument)
      return
    }
    let deadline = cache.deadline(ttlMs: ttls_ms?[i] ?? 0)
    statuses.set(i, cache.set(key, route, value, deadline: deadline))
  }
  return statuses.first.rawValue
}

@c @implementation
public func cachecore_delete_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  var removed: UInt64 = 0
  defer { removed_out?.pointee = removed }
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome) else {
    return refuse(count, as: outcome, statuses_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys, let key_sizes else {
    return refuse(count, as: .argument, statuses_out)
  }
  let list = Keys(keys: keys, sizes: key_sizes)
  var statuses = Statuses(out: statuses_out)
  cache.forEach(count: count, key: list.key) { i, key, route, _ in
    guard list.isValid(i) else {
      statuses.set(i, .argument)
      return
    }
    let outcome = cache.delete(key, route)
    if outcome == .ok { removed += 1 }
    statuses.set(i, outcome)
  }
  return statuses.first.rawValue
}
