import CCacheCore

/// What a cache is opened with. At least one of the two bounds must be set.
public struct CacheOptions: Sendable {
  public enum Policy: UInt32, Sendable {
    /// Evict what was used longest ago.
    case leastRecentlyUsed = 0
    /// Weigh how often an entry was used, too.
    case adaptive = 1
  }

  /// Most entries held at once; 0: no such bound.
  public var maxEntries: UInt64
  /// Most memory in use, bookkeeping included; 0: no such bound.
  public var maxBytes: UInt64
  /// Of an entry that is stored with `Lifetime.byDefault`.
  public var defaultLifetime = Lifetime.never
  /// An entry not used for so long expires; zero: entries may idle.
  public var timeToIdle = Duration.zero
  public var policy = Policy.leastRecentlyUsed
  /// Writes that do not fit are an error, and nothing is evicted.
  public var isNoEvict = false
  /// For tests: time stands still until `advanceClock`.
  public var hasManualClock = false
  /// Keep what leaves for `takeRemovals`.
  public var reportsRemovals = false
  /// 0: chosen; 1: one exact order of use.
  public var shardCount: UInt32 = 0
  /// 0: random, which keeps crafted keys harmless.
  public var hashSeed: UInt64 = 0
  /// Each lifetime is shortened by up to so many thousandths of it.
  public var jitterPermille: UInt64 = 0

  public init(maxEntries: UInt64 = 0, maxBytes: UInt64 = 0) {
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
  }

  func native() throws(CacheError) -> cachecore_options_t {
    var options = cachecore_options_t()
    options.struct_size = UInt32(MemoryLayout<cachecore_options_t>.size)
    options.policy = policy.rawValue
    options.flags =
      (isNoEvict ? UInt32(CACHECORE_NO_EVICT) : 0)
      | (hasManualClock ? UInt32(CACHECORE_MANUAL_CLOCK) : 0)
      | (reportsRemovals ? UInt32(CACHECORE_REPORT_REMOVALS) : 0)
    options.shard_count = shardCount
    options.max_entries = maxEntries
    options.max_bytes = maxBytes
    options.default_ttl_ms = try defaultLifetime.milliseconds
    options.default_tti_ms = try Lifetime.milliseconds(timeToIdle)
    options.hash_seed = hashSeed
    options.ttl_jitter_permille = jitterPermille
    return options
  }
}

/// Who may make the file of a shared cache.
public enum SharingMode: UInt32, Sendable {
  case openOrCreate = 0
  case createOnly = 1
  case attachOnly = 2
  /// A new file takes the place of an old one, which stays with who has it open.
  case replace = 4
}
