import CCacheCore
import CacheCore

@c @implementation
public func cachecore_version() -> UInt32 { UInt32(CACHECORE_VERSION) }

/// Static text for C: a StaticString is NUL-terminated.
func text(_ string: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(string.utf8Start).assumingMemoryBound(to: CChar.self)
}

@c @implementation
public func cachecore_status_text(_ status: cachecore_status_t) -> UnsafePointer<CChar>? {
  guard let outcome = Outcome(rawValue: status) else { return text("unknown status") }
  switch outcome {
  case .ok: return text("success")
  case .miss: return text("no live entry under this key")
  case .exists: return text("there is a live entry already")
  case .refused: return text("larger than this cache can hold")
  case .conflict: return text("the version is another by now")
  case .argument: return text("invalid argument")
  case .noMemory: return text("the system refused memory or a thread")
  case .tooSmall: return text("the buffer is too small")
  case .version: return text("the struct is newer than the library")
  case .full: return text("the cache is full and must not evict")
  case .state: return text("not possible in the present state")
  case .timeout: return text("timed out")
  case .type: return text("the value is not a decimal number")
  case .range: return text("the result is out of range")
  }
}

@c @implementation
public func cachecore_options_init(_ options: UnsafeMutablePointer<cachecore_options_t>?) {
  guard let options else { return }
  options.pointee = cachecore_options_t()
  options.pointee.struct_size = UInt32(MemoryLayout<cachecore_options_t>.size)
}

@c @implementation
public func cachecore_open(
  _ options: UnsafePointer<cachecore_options_t>?,
  _ cache_out: UnsafeMutablePointer<OpaquePointer?>?
) -> cachecore_status_t {
  guard let options, let cache_out else { return argumentError }
  var status = success
  guard let given = read(options, &status) else { return status }
  var failure = Outcome.ok
  let cache = Cache.open(
    Options(
      policy: given.policy, flags: given.flags, shardCount: given.shard_count,
      maxEntries: given.max_entries, maxBytes: given.max_bytes,
      defaultTtlMs: given.default_ttl_ms, defaultTtiMs: given.default_tti_ms,
      hashSeed: given.hash_seed), failure: &failure)
  guard let cache else { return failure.rawValue }
  cache_out.pointee = OpaquePointer(cache.handle.base)
  return success
}

@c @implementation
public func cachecore_close(_ cache: OpaquePointer?) {
  var status = success
  open(cache, &status)?.close()
}
