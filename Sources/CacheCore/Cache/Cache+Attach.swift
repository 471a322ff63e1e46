import CPlatform
import Synchronization

// A cache on a region that is filled already, by whom nobody knows.

extension Cache {
  /// Opens a cache on a region that is already filled: a copy of another's, at
  /// whatever address, or what is said to be one. The region becomes the cache's
  /// if that is so, and may be changed by nobody else from then on.
  ///
  /// Whatever bytes it has, the result is a cache that works or nil: everything in
  /// it is checked before it is used (Unsound.swift), in time in proportion to its
  /// entries. What a key maps to is taken as it is.
  package static func attach(_ region: Region, size: UInt64) -> Cache? {
    do throws(Unsound) {
      try audit(region.header.pointee, size: size)
      let shardCount = region.header.pointee.shardCount
      let controlSize = Int(region.header.pointee.geometry.bucketsOffset)
      for number in 0..<shardCount {
        let shard = Shard(region: region, number: number)
        try require(platform_commit(shard.base, controlSize) == 0, "memory for a shard")
        try shard.restore()
      }
      try audit(region)
      for number in 0..<shardCount { Shard(region: region, number: number).disown() }
      region.plannedSweep.relaxed = 0
    } catch {
      return nil
    }
    guard let handle = CacheHandle.allocate() else { return nil }
    return adopt(region, handle, size: size)
  }

  /// Whether a header could be of a region of this size that we made.
  private static func audit(_ header: RegionHeader, size: UInt64) throws(Unsound) {
    try require(header.magic == RegionHeader.magic, "the mark of a region")
    try require(header.layoutVersion == RegionHeader.layoutVersion, "the version of a region")
    let geometry = header.geometry
    try require(geometry.isSane(shardCount: header.shardCount), "where things lie")
    try require(geometry.regionSize <= size, "the size of the region")
    try require(header.policy <= Options.policyAdaptive, "the policy")
    try require(header.flags & ~Options.knownFlags == 0, "the flags")
    try require(header.defaultTtiMs <= Clock.farthest, "the time to idle")
    let bucketPages =
      Geometry.roundedToPages(UInt64(geometry.baseBuckets) * UInt64(Bucket.size))
      / UInt64(Geometry.page)
    let shardPages = geometry.bucketsOffset / UInt64(Geometry.page) + bucketPages
    try require(
      header.fixedPages == 1 + UInt64(header.shardCount) * shardPages, "pages of an empty cache")
  }

  /// Checks bounds, clock, shards, and what the shards have of the bounds.
  private static func audit(_ region: Region) throws(Unsound) {
    let header = region.header.pointee
    let (entriesLimit, bytesLimit) = (region.entriesLimit.relaxed, region.bytesLimit.relaxed)
    try require(
      Options.areValidBounds(
        maxEntries: entriesLimit == UInt64.max ? 0 : entriesLimit, maxBytes: bytesLimit)
        && entriesLimit > 0, "the bounds")
    try require(
      region.pagesLimit.relaxed
        == (bytesLimit == 0 ? UInt64.max : bytesLimit / UInt64(Geometry.page)),
      "the bound in pages")
    try require(
      header.isManualClock || header.clockBaseNs <= platform_coarse_now_ns(),
      "when the clock began")
    let now = region.clock.coarse
    try require(now >= 1 && now <= Clock.manualLimit, "the clock")
    var (pages, entries): (UInt64, UInt64) = (1, 0)
    for number in 0..<header.shardCount {
      let shard = Shard(region: region, number: number)
      try shard.audit()
      pages += header.geometry.bucketsOffset / UInt64(Geometry.page) + shard.chargedPages
      entries += shard.counters.pointee.entries
    }
    try require(region.pageBudget.inUse == pages, "pages in use")
    try require(region.entryBudget.inUse == entries, "entries in use")
  }

  /// Checks everything; for tests, when nobody else uses the cache.
  package func checkInvariants() {
    forEachShard { $0.lock.acquire() }
    do throws(Unsound) { try Cache.audit(region) } catch { preconditionFailure("\(error.what)") }
    forEachShard { $0.lock.release() }
  }
}
