import CCacheCore

/// How long an entry lives from now on.
public enum Lifetime: Hashable, Sendable {
  /// The lifetime that the cache was opened with.
  case byDefault
  /// It does not expire.
  case never
  /// The deadline that the live entry has stays.
  case keep
  /// So long, rounded up to the millisecond. Zero and less are an argument error: elsewhere
  /// they mean "at once", "never" or "the default", so whoever writes it should say which.
  case after(Duration)

  var milliseconds: UInt64 {
    get throws(CacheError) {
      switch self {
      case .byDefault: return 0
      case .never: return UInt64.max
      case .keep: return 1 << 63
      case .after(let duration):
        guard duration > .zero else { throw CacheError(-1) }
        return Lifetime.rounded(duration)
      }
    }
  }

  /// Of a duration that may be zero.
  static func milliseconds(_ duration: Duration) throws(CacheError) -> UInt64 {
    duration == .zero ? 0 : try Lifetime.after(duration).milliseconds
  }

  private static func rounded(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    let perMillisecond: Int64 = 1_000_000_000_000_000
    // The library's longest lifetime is 34 years.
    guard seconds < 10_000_000_000 else { return 10_000_000_000_000 }
    return UInt64(seconds) * 1000
      + UInt64((attoseconds + perMillisecond - 1) / perMillisecond)
  }
}

/// The time that an entry has left.
public enum TimeLeft: Hashable, Sendable {
  case forever
  case limited(Duration)

  init(milliseconds: Int64) {
    self = milliseconds < 0 ? .forever : .limited(.milliseconds(milliseconds))
  }
}
