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
  case .conflict: return text("the version is another by now, or the claim has ended")
  case .stale: return text("a value past its deadline")
  case .pending: return text("somebody else computes this value")
  case .absent: return text("there is known to be no value")
  case .claimed: return text("the caller computes this value")
  case .argument: return text("invalid argument")
  case .noMemory: return text("the system refused memory, a thread, or room in a file")
  case .tooSmall: return text("the buffer is too small")
  case .version: return text("the struct is newer than the library")
  case .full: return text("the cache is full and must not evict")
  case .state: return text("not possible in the present state")
  case .timeout: return text("timed out")
  case .type: return text("the value is not a decimal number")
  case .range: return text("the result is out of range")
  case .layout: return text("not a cache, damaged, or of another layout or machine")
  case .access: return text("not allowed by owner or permissions")
  }
}
