import CPlatform
import Synchronization

// A cache on a region that is filled already, by whom nobody knows.

extension Cache {
  /// Opens a cache on a region that is already filled: a copy of another's, at
  /// whatever address, or what is said to be one. The region becomes the cache's
  /// if that is so, and may be changed by nobody else from then on.
  ///
  /// Whatever bytes it has, the result is a cache that works or nil: everything in
  /// it is checked before it is used (CorruptRegion.swift), in time in proportion to its
  /// entries. What a key maps to is taken as it is.
  ///
  /// `recovers`: what is damaged within a shard is dropped, alone, instead (Shard+Recover.swift).
  package static func attach(
    _ base: UnsafeMutableRawPointer, size: UInt64, recovers: Bool = false
  ) -> Cache? {
    let header = RegionPage.header(in: base)
    do throws(CorruptRegion) {
      try require(size >= UInt64(Geometry.page), "the size of the region")
      try checkHeader(header.pointee, RegionPage.space(in: base), size: size)
    } catch {
      return nil
    }
    let shardCount = header.pointee.shardCount
    guard let region = Region.adopt(base, size: size, shards: shardCount) else { return nil }
    do throws(CorruptRegion) {
      try restore(region, recovers: recovers)
      try checkWords(region)
      if recovers {
        try recover(region)
      } else {
        try checkInvariants(region, countsAtMost: Shard.countMaxAccepted)
      }
      for number in 0..<shardCount { Shard(region: region, number: number).disown() }
      region.hastenBefore.relaxed = 0
      ClaimWaiters(region).reset()
      if let handle = CacheHandle.allocate(), let cache = adopt(region, handle) { return cache }
    } catch {}
    region.freeMap()
    return nil
  }

  /// Finds every part of a region whose header is right.
  private static func restore(_ region: Region, recovers: Bool) throws(CorruptRegion) {
    let header = region.header.pointee
    Lock(RegionPage.space(in: region.base).pointee.lock.word).reset()
    let taken = try TakenPages.of(region)
    for number in 0..<header.shardCount {
      ShardMemory.locate(number, of: region)
      let shard = Shard(region: region, number: number)
      try shard.memory.restore { taken.take($0) }
      if !recovers { try shard.clearBeyond() }
    }
  }

  /// Puts every shard together from its index.
  private static func recover(_ region: Region) throws(CorruptRegion) {
    for number in 0..<region.header.pointee.shardCount {
      let shard = Shard(region: region, number: number)
      shard.lock.reset()
      try require(shard.recover(isAlone: true) != nil, "memory to recover a shard")
      try shard.clearBeyond()
    }
    Shard.settleBudgets(of: region)
  }

  /// Whether a header could be of a region of this size that we made.
  static func checkHeader(
    _ header: RegionHeader, _ space: UnsafeMutablePointer<SpaceState>, size: UInt64
  ) throws(CorruptRegion) {
    try require(header.magic == RegionHeader.magic, "the mark of a region")
    try require(header.layoutVersion == RegionHeader.layoutVersion, "the version of a region")
    let geometry = header.geometry
    try require(geometry.isSane(shardCount: header.shardCount), "where things lie")
    try require(
      geometry.fixedSize <= space.pointee.used && space.pointee.used <= space.pointee.size
        && space.pointee.size <= size && space.pointee.used % UInt64(Geometry.page) == 0,
      "the size of the region")
    try require(header.policy <= Options.policyAdaptive, "the policy")
    try require(header.flags & ~Options.knownFlags == 0, "the flags")
    let jitter = Options(ttlJitterPermille: header.ttlJitterPermille)
    try require(
      header.ttlJitterPermille <= Options.ttlJitterMax
        && header.ordinaryTtlMs == jitter.ordinaryTtlMs, "the jitter of lifetimes")
    try require(header.defaultTtiMs <= Clock.farthest, "the time to idle")
    try require(
      header.fixedPages == geometry.fixedPages(shardCount: header.shardCount),
      "pages of an empty cache")
  }

  /// Checks bounds and clock.
  static func checkWords(_ region: Region) throws(CorruptRegion) {
    let header = region.header.pointee
    try require(
      Options.areValidBounds(maxEntries: region.maxEntries, maxBytes: region.maxBytes)
        && region.entriesLimit.relaxed > 0 && region.bytesLimit.relaxed > 0, "the bounds")
    try require(
      // Of a cache that is older than this boot it is before 0.
      header.isManualClock
        || Int64(bitPattern: platform_coarse_now_ns() &- header.clockBaseNs) >= 0,
      "when the clock began")
    let now = region.clock.coarse
    try require(now >= 1 && now <= Clock.manualLimit, "the clock")
  }

  /// Checks shards, and what they have of the bounds.
  private static func checkInvariants(
    _ region: Region, countsAtMost countMax: UInt64
  ) throws(CorruptRegion) {
    let header = region.header.pointee
    var (pages, entries): (UInt64, UInt64) = (header.fixedPages, 0)
    for number in 0..<header.shardCount {
      let shard = Shard(region: region, number: number)
      try shard.checkInvariants(countsAtMost: countMax)
      pages += shard.chargedPages
      entries += shard.counters.pointee.entries
    }
    try require(region.pageBudget.inUse == pages, "pages in use")
    try require(region.entryBudget.inUse == entries, "entries in use")
  }

  /// Checks everything; for tests, when nobody else uses the cache.
  package func checkInvariants() {
    _ = withAllLocks {
      do throws(CorruptRegion) {
        try Cache.checkWords(region)
        try Cache.checkInvariants(region, countsAtMost: Shard.countMax)
      } catch {
        preconditionFailure("\(error.what)")
      }
    }
  }
}
