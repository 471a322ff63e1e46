/// What a cache is opened with, in the engine's own terms; the ABI has already
/// put the struct right. Every limit and default is here.
package struct Options {
  package static let noEvict = RegionHeader.Flag.noEvict
  package static let manualClock = RegionHeader.Flag.manualClock
  package static let reportRemovals = RegionHeader.Flag.reportRemovals
  package static let knownFlags = RegionHeader.Flag.all

  package static let policyLRU = RegionHeader.Policy.lru
  package static let policyAdaptive = RegionHeader.Policy.adaptive

  package static let shardCountMax = Geometry.shardCountMax
  package static let keySizeMax = 65535
  package static let maxBytesMin: UInt64 = 64 << 10
  package static let ttlJitterMax: UInt64 = 1000

  package var policy: UInt32
  package var flags: UInt32
  package var shardCount: UInt32
  package var maxEntries: UInt64
  package var maxBytes: UInt64
  package var defaultTtlMs: UInt64
  package var defaultTtiMs: UInt64
  package var hashSeed: UInt64
  package var ttlJitterPermille: UInt64

  package init(
    policy: UInt32 = Options.policyLRU, flags: UInt32 = 0, shardCount: UInt32 = 0,
    maxEntries: UInt64 = 0, maxBytes: UInt64 = 0, defaultTtlMs: UInt64 = 0,
    defaultTtiMs: UInt64 = 0, hashSeed: UInt64 = 0, ttlJitterPermille: UInt64 = 0
  ) {
    self.policy = policy
    self.flags = flags
    self.shardCount = shardCount
    self.maxEntries = maxEntries
    self.maxBytes = maxBytes
    self.defaultTtlMs = defaultTtlMs
    self.defaultTtiMs = defaultTtiMs
    self.hashSeed = hashSeed
    self.ttlJitterPermille = ttlJitterPermille
  }

  /// What is wrong with them, if anything is.
  package var mistake: Refusal? {
    if policy > Options.policyAdaptive { return .policy }
    if flags & ~Options.knownFlags != 0 { return .flags }
    if shardCount > Options.shardCountMax { return .shardCount }
    if ttlJitterPermille > Options.ttlJitterMax { return .ttlJitter }
    if maxEntries == 0, maxBytes == 0 { return .noBound }
    let isBound = Options.areValidBounds(maxEntries: maxEntries, maxBytes: maxBytes)
    return isBound ? nil : .maxBytes
  }

  /// Lifetimes below this are stored as they are given.
  package var ordinaryTtlMs: UInt64 { ttlJitterPermille == 0 ? Clock.ordinaryTtlMs : 0 }

  package static func areValidBounds(maxEntries: UInt64, maxBytes: UInt64) -> Bool {
    (maxEntries != 0 || maxBytes != 0) && (maxBytes == 0 || maxBytes >= maxBytesMin)
  }

  // MARK: Sizing

  /// A shard is worth having for so many entries or bytes: it takes some 20 KB for
  /// itself, and below that the exact order of one shard is worth more than a second
  /// lock.
  private static let entriesPerShard: UInt64 = 1000
  private static let bytesPerShard: UInt64 = 4 << 20
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

  /// What an entry is expected to take, where nothing else is known.
  private static let bytesPerEntry: UInt64 = 128
  /// What is reserved at once, at most.
  private static let arenasMax: UInt64 = 1 << 30

  /// Address space that each shard's arena begins with, a power of two: for what the
  /// bounds allow. An arena that needs more gets as much again, and so on.
  package func arenaSize(shards: UInt32) -> UInt64 {
    var bytes = maxBytes == 0 ? Options.arenasMax : maxBytes
    if maxEntries != 0 {
      let (product, isOverflow) = maxEntries.multipliedReportingOverflow(by: Options.bytesPerEntry)
      bytes = min(bytes, isOverflow ? UInt64.max : product)
    }
    let share = max(Geometry.arenaSizeMin, min(bytes, Options.arenasMax) / UInt64(shards))
    return 1 << UInt64(64 - (share - 1).leadingZeroBitCount)
  }

  /// The same for a shared cache, which can have no more later: room for all that the
  /// bounds allow in any one shard, and for twice as much after a resize. `space` is what
  /// the file system can hold.
  package func sharedArenaSize(space: UInt64) -> UInt64 {
    let bytes = maxBytes == 0 ? space : maxBytes > space / 2 ? space : 2 * maxBytes
    let size = max(Geometry.arenaSizeMin, min(bytes, ShardMap.arenaMax))
    return 1 << UInt64(64 - (size - 1).leadingZeroBitCount)
  }

  /// Buckets a shard begins with: few, and such that doubling them brings just
  /// what `maxEntries` needs.
  package func baseBuckets(shards: UInt32) -> UInt32 {
    let most = UInt64(Geometry.baseBucketsMax)
    guard maxEntries != 0 else { return UInt32(most) }
    var wanted = min(maxEntries / UInt64(shards), 1 << 40) / Index.load + 1
    while wanted > most { wanted = (wanted + 1) / 2 }
    return UInt32(wanted)
  }

  /// Read stripes of a shard: twice the threads that can run, 32 at most, so that
  /// each finds one of its own (ThreadNumber).
  package static func stripeCount(cores: UInt32) -> UInt32 {
    max(4, min(32, powerOfTwo(atLeast: cores) * 2))
  }

  /// Claims that a shard can hold: one for every entry, so that all that a small cache can
  /// keep may be computed at once; beyond 256 one for every tenth; and no more than take a
  /// thirtieth of its memory.
  package func claimCount(shards: UInt32) -> UInt32 {
    var wanted = UInt64(Geometry.claimCountMax)
    if maxEntries != 0 {
      let entries = maxEntries / UInt64(shards)
      wanted = min(wanted, min(entries, max(256, entries / 10)))
    }
    if maxBytes != 0 { wanted = min(wanted, maxBytes / UInt64(shards) / 2048) }
    return Options.powerOfTwo(atLeast: max(16, UInt32(wanted)))
  }

  private static func powerOfTwo(atLeast n: UInt32) -> UInt32 {
    n <= 1 ? 1 : 1 << UInt32(32 - (n - 1).leadingZeroBitCount)
  }
}
