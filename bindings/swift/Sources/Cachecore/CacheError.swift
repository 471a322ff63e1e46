import CCacheCore

/// What a call throws that could not do what was asked of it.
///
/// A miss is none: it is nil or false.
public struct CacheError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong; the numbers are those of cachecore.h and never change.
  public enum Code: Int32, Sendable {
    /// Larger than the cache can hold: not stored, and the older value is gone.
    case refused = 3
    case argument = -1
    /// The system refused memory, a thread, or room in a file.
    case noMemory = -2
    case tooSmall = -3
    case version = -4
    /// A no-evict cache is at its bound; nothing has changed.
    case full = -5
    /// Not now; or the cache is closed.
    case state = -6
    /// Behind a stopped process that shares the cache.
    case timeout = -7
    /// `increment`: the value is no decimal number.
    case type = -8
    case range = -9
    /// A file that is no cache, or is damaged.
    case layout = -10
    /// A file's owner or permissions.
    case access = -11
  }

  public let code: Code
  public let description: String

  init(_ status: cachecore_status_t, _ text: UnsafePointer<CChar>? = nil) {
    code = Code(rawValue: status) ?? .argument
    description = String(cString: text ?? cachecore_status_text(status))
  }
}

/// Returns a status that is an answer, and throws one that is an error.
@discardableResult
func check(_ status: cachecore_status_t) throws(CacheError) -> cachecore_status_t {
  if status < 0 || status == CACHECORE_REFUSED.asStatus { throw CacheError(status) }
  return status
}

/// Whether there was an entry.
func isThere(_ status: cachecore_status_t) throws(CacheError) -> Bool {
  try check(status) != CACHECORE_MISS.asStatus
}

extension BinaryInteger {
  /// A constant of the header's enums, whose type depends on the platform.
  var asStatus: cachecore_status_t { cachecore_status_t(self) }
}
