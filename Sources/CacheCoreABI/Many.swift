import CCacheCore
import CacheCore

/// The keys of a batch, however they lie.
protocol BatchKeys {
  /// The key of an element; nil if it is out of range.
  func key(_ i: Int) -> UnsafeRawBufferPointer?

  /// A byte that can be read, in place of a key that is out of range.
  var anyByte: UnsafeRawPointer { get }
}

/// Keys by an array of pointers.
private struct ScatteredKeys: BatchKeys {
  let keys: UnsafePointer<UnsafeRawPointer?>
  let sizes: UnsafePointer<Int>

  @inline(__always)
  func key(_ i: Int) -> UnsafeRawBufferPointer? { CacheCoreABI.key(keys[i], sizes[i]) }

  var anyByte: UnsafeRawPointer { UnsafeRawPointer(keys) }
}

/// The first error among the elements' statuses, and each in its place.
struct Statuses {
  let out: UnsafeMutablePointer<cachecore_status_t>?
  var first = Outcome.ok

  @inline(__always)
  mutating func set(_ i: Int, _ outcome: Outcome) {
    out?[i] = outcome.rawValue
    if outcome.rawValue < 0, first == .ok { first = outcome }
  }
}

/// Whether there can be arrays of so many elements.
func isCount(_ count: Int) -> Bool { count >= 0 && count < 1 << 44 }

/// The end of a call in which nothing was attempted: each element has its status.
func refuse(
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

/// Attempts every element in order; nil is a key that is out of range. The first error.
@inline(__always)
func attempt<Keys: BatchKeys>(
  _ cache: Cache, _ count: Int, _ keys: Keys,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ body: (_ i: Int, UnsafeRawBufferPointer?, Cache.Route, _ now: UInt64) -> Outcome
) -> cachecore_status_t {
  var statuses = Statuses(out: statuses_out)
  let placeholder = UnsafeRawBufferPointer(start: keys.anyByte, count: 1)
  cache.forEach(count: count, key: { keys.key($0) ?? placeholder }) { i, _, route, now in
    statuses.set(i, body(i, keys.key(i), route, now))
  }
  return statuses.first.rawValue
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
  let list = ScatteredKeys(keys: keys, sizes: key_sizes)
  return attempt(cache, count, list, statuses_out) { i, key, route, now in
    guard let key, let buffer = buffer(buffers[i], capacities[i]) else {
      sizes_out[i] = 0
      return .argument
    }
    return cache.getAnyhow(key, route, at: now, into: buffer, size: &sizes_out[i])
  }
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
  let list = ScatteredKeys(keys: keys, sizes: key_sizes)
  return attempt(cache, count, list, statuses_out) { i, key, route, _ in
    guard let key, let value = value(values[i], value_sizes[i]) else { return .argument }
    let deadline = cache.deadline(ttlMs: ttls_ms?[i] ?? 0)
    return cache.set(key, route, value, deadline: deadline)
  }
}

@c @implementation
public func cachecore_delete_many(
  _ cache: OpaquePointer?, _ count: Int, _ keys: UnsafePointer<UnsafeRawPointer?>?,
  _ key_sizes: UnsafePointer<Int>?, _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var list: ScatteredKeys?
  if let keys, let key_sizes { list = ScatteredKeys(keys: keys, sizes: key_sizes) }
  return delete(cache, count, list, statuses_out, removed_out)
}

/// Runs an entry point that removes the elements of a batch; without `keys` there are none to
/// be had.
@inline(__always)
func delete<Keys: BatchKeys>(
  _ cache: OpaquePointer?, _ count: Int, _ keys: Keys?,
  _ statuses_out: UnsafeMutablePointer<cachecore_status_t>?,
  _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var outcome = Outcome.ok
  var removed: UInt64 = 0
  defer { removed_out?.pointee = removed }
  guard let cache = CacheCoreABI.cache(behind: cache, &outcome) else {
    return refuse(count, as: outcome, statuses_out)
  }
  if count == 0 { return Outcome.ok.rawValue }
  guard isCount(count), let keys else { return refuse(count, as: .argument, statuses_out) }
  return attempt(cache, count, keys, statuses_out) { _, key, route, _ in
    guard let key else { return .argument }
    let outcome = cache.delete(key, route)
    if outcome == .ok { removed += 1 }
    return outcome
  }
}
