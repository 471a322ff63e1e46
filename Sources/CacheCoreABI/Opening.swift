import CCacheCore
import CPlatform
import CacheCore

@c @implementation
public func cachecore_options_init(
  _ options: UnsafeMutablePointer<cachecore_options_t>?, _ struct_size: Int
) {
  initialize(options, struct_size)
}

@c @implementation
public func cachecore_open(
  _ options: UnsafePointer<cachecore_options_t>?,
  _ cache_out: UnsafeMutablePointer<OpaquePointer?>?
) -> cachecore_status_t {
  var refusal = Refusal.noCacheOut
  let cache = cache_out == nil ? nil : open(options, &refusal)
  cache_out?.pointee = cache.map { OpaquePointer($0.handle.base) }
  platform_set_refusal(cache == nil ? refusal.rawValue : 0)
  return (cache == nil ? refusal.outcome : .ok).rawValue
}

private func open(_ options: UnsafePointer<cachecore_options_t>?, _ refusal: inout Refusal)
  -> Cache?
{
  readOptions(options, &refusal).flatMap { Cache.open($0, refusal: &refusal) }
}

/// A caller's options; nil with what is wrong with the struct.
func readOptions(
  _ options: UnsafePointer<cachecore_options_t>?, _ refusal: inout Refusal
) -> Options? {
  guard let options else {
    refusal = .noOptions
    return nil
  }
  var outcome = Outcome.ok
  guard let given = copyIn(options, &outcome) else {
    refusal = outcome == .argument ? .structSize : .newerStruct
    return nil
  }
  return Options(given)
}

extension Options {
  init(_ given: cachecore_options_t) {
    self.init(
      policy: given.policy, flags: given.flags, shardCount: given.shard_count,
      maxEntries: given.max_entries, maxBytes: given.max_bytes,
      defaultTtlMs: given.default_ttl_ms, defaultTtiMs: given.default_tti_ms,
      hashSeed: given.hash_seed, ttlJitterPermille: given.ttl_jitter_permille)
  }
}

@c @implementation
public func cachecore_get_options(
  _ cache: OpaquePointer?, _ options_out: UnsafeMutablePointer<cachecore_options_t>?
) -> cachecore_status_t {
  call(cache, filling: options_out, .reading) { cache, result in
    let options = cache.options
    result.policy = options.policy
    result.flags = options.flags
    result.shard_count = options.shardCount
    result.max_entries = options.maxEntries
    result.max_bytes = options.maxBytes
    result.default_ttl_ms = options.defaultTtlMs
    result.default_tti_ms = options.defaultTtiMs
    result.hash_seed = options.hashSeed
    result.ttl_jitter_permille = options.ttlJitterPermille
    return .ok
  }
}

@c @implementation
public func cachecore_close(_ cache: OpaquePointer?) {
  var outcome = Outcome.ok
  CacheCoreABI.cache(behind: cache, &outcome, for: .reading)?.close()
}
