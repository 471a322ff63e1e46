/// What a cache is opened with, in the engine's own terms; the ABI has already
/// put the struct right. Every limit and default is here.
package struct Options {
  package static let noEvict: UInt32 = 1 << 0
  package static let manualClock: UInt32 = 1 << 1
  package static let reportRemovals: UInt32 = 1 << 2
  package static let knownFlags = noEvict | manualClock | reportRemovals

  package static let policyLRU: UInt32 = 0
  package static let policyAdaptive: UInt32 = 1

  package static let shardCountMax: UInt32 = 256
  package static let keySizeMax = 65535
  package static let maxBytesMin: UInt64 = 64 << 10

  package var policy: UInt32
  package var flags: UInt32
  package var shardCount: UInt32
  package var maxEntries: UInt64
  package var maxBytes: UInt64
  package var defaultTtlMs: UInt64
  package var defaultTtiMs: UInt64
  package var hashSeed: UInt64

  package init(
    policy: UInt32 = Options.policyLRU, flags: UInt32 = 0, shardCount: UInt32 = 0,
    maxEntries: UInt64 = 0, maxBytes: UInt64 = 0, defaultTtlMs: UInt64 = 0,
    defaultTtiMs: UInt64 = 0, hashSeed: UInt64 = 0
  ) {
    self.policy = policy
    self.flags = flags
    self.shardCount = shardCount
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
    self.defaultTtlMs = defaultTtlMs
    self.defaultTtiMs = defaultTtiMs
    self.hashSeed = hashSeed
  }

  package var isValid: Bool {
    policy <= Options.policyAdaptive && flags & ~Options.knownFlags == 0
      && shardCount <= Options.shardCountMax
      && Options.areValidBounds(maxEntries: maxEntries, maxBytes: maxBytes)
  }

  package static func areValidBounds(maxEntries: UInt64, maxBytes: UInt64) -> Bool {
    (maxEntries != 0 || maxBytes != 0) && (maxBytes == 0 || maxBytes >= maxBytesMin)
  }

  // MARK: Sizing

  /// A shard is worth having for so many entries or bytes; below that the exact
  /// order of one shard is worth more than a second lock.
  private static let entriesPerShard: UInt64 = 1 << 15
  private static let bytesPerShard: UInt64 = 32 << 20
  /// Four times as many locks as threads that can run keep two writers from
  /// meeting most of the time.
  private static let shardsPerCore: UInt32 = 4

  /// The number of shards: what was asked for, rounded up to a power of two, or
  /// what suits the bounds and the machine.
  package func chosenShardCount(cores: UInt32) -> UInt32 {
    if shardCount != 0 { return Options.powerOfTwo(atLeast: shardCount) }
    var wanted = UInt64(Options.powerOfTwo(atLeast: cores) * Options.shardsPerCore)
    if maxEntries != 0 { wanted = min(wanted, maxEntries / Options.entriesPerShard) }
    if maxBytes != 0 { wanted = min(wanted, maxBytes / Options.bytesPerShard) }
    wanted = max(1, min(wanted, UInt64(Options.shardCountMax)))
    // Rounded down: no shard is smaller than it should be.
    return 1 << UInt32(63 - wanted.leadingZeroBitCount)
  }

  private static let arenaMax: UInt64 = 1 << 35
  private static let arenaMin: UInt64 = 1 << 20
  private static let reservationMax: UInt64 = 1 << 38

  /// Address space for each shard's arena: generous, for it costs nothing and
  /// cannot be had later. A shard may use what others leave, and the bound may
  /// be raised.
  package func arenaSize(shards: UInt32, physicalBytes: UInt64) -> UInt64 {
    let wanted = max(physicalBytes, 4 << 30, maxBytes < 1 << 40 ? maxBytes * 4 : 1 << 42)
    let share = max(Options.reservationMax, wanted) / UInt64(shards)
    return Geometry.roundedToPages(
      max(Options.arenaMin, min(Options.arenaMax, wanted, share)))
  }

  /// The least address space an arena can do with when there is little of it.
  package func arenaSizeMin(shards: UInt32) -> UInt64 {
    Geometry.roundedToPages(
      max(Options.arenaMin, min(Options.arenaMax, maxBytes)))
  }

  /// Buckets a shard begins with: few, and such that doubling them brings just
  /// what `maxEntries` needs.
  package func baseBuckets(shards: UInt32) -> UInt32 {
    guard maxEntries != 0 else { return 32 }
    var wanted = min(maxEntries / UInt64(shards), 1 << 40) / Index.load + 1
    while wanted > 63 { wanted = (wanted + 1) / 2 }
    return UInt32(wanted)
  }

  /// Read stripes of a shard: twice the threads that can run, 32 at most, so that
  /// each finds one of its own (ThreadNumber).
  package static func stripeCount(cores: UInt32) -> UInt32 {
    max(4, min(32, powerOfTwo(atLeast: cores) * 2))
  }

  private static func powerOfTwo(atLeast n: UInt32) -> UInt32 {
    n <= 1 ? 1 : 1 << UInt32(32 - (n - 1).leadingZeroBitCount)
  }
}
