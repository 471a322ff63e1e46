import CPlatform
import Synchronization

extension Cache {
  /// Opens a cache. nil with the reason in `failure`.
  package static func open(_ options: Options, failure: inout Outcome) -> Cache? {
    failure = .argument
    guard options.isValid else { return nil }
    failure = .noMemory
    let cores = platform_core_count()
    let stripes = Options.stripeCount(cores: cores)
    var shards = options.chosenShardCount(cores: cores)
    // A shard's own upkeep must leave most of the memory to entries.
    while shards > 1, options.maxBytes != 0,
      UInt64(shards) * Cache.upkeepPages(stripes) * UInt64(Geometry.page) > options.maxBytes / 4
    {
      shards /= 2
    }
    guard let (region, geometry) = reserve(options, shards: shards, stripes: stripes) else {
      return nil
    }
    guard prepare(region, options, geometry, shards: shards), let handle = CacheHandle.allocate()
    else {
      platform_unreserve(region.base, Int(geometry.regionSize))
      return nil
    }
    if let cache = Cache.adopt(region, handle, size: geometry.regionSize) { return cache }
    platform_unreserve(region.base, Int(geometry.regionSize))
    return nil
  }

  /// nil if the process cannot be made ready for it; the region is the caller's
  /// still.
  static func adopt(_ region: Region, _ handle: CacheHandle, size: UInt64) -> Cache? {
    handle.fill(region: region, size: size)
    handle.state.pointee.store(CacheHandle.State.open, ordering: .releasing)
    if OpenCaches.add(handle) { return Cache(handle) }
    handle.state.pointee.store(CacheHandle.State.free, ordering: .releasing)
    OpenCaches.recycle(handle)
    return nil
  }

  /// Pages a shard takes before its first entry, and one for that.
  private static func upkeepPages(_ stripes: UInt32) -> UInt64 {
    let control = UInt64(ShardLayout.stripes) + UInt64(stripes) * UInt64(ReadStripe.size)
    return Geometry.roundedToPages(control) / UInt64(Geometry.page) + 3
  }

  /// Address space: as much as is good to have, or less if the system is short
  /// of it.
  private static func reserve(
    _ options: Options, shards: UInt32, stripes: UInt32
  ) -> (Region, Geometry)? {
    var arena = options.arenaSize(shards: shards, physicalBytes: platform_physical_bytes())
    let least = options.arenaSizeMin(shards: shards)
    while true {
      let geometry = Geometry(
        shardCount: shards, arenaSize: arena, baseBuckets: options.baseBuckets(shards: shards),
        stripeCount: stripes)
      if let base = platform_reserve(Int(geometry.regionSize)) {
        return (Region(base: base), geometry)
      }
      if arena <= least { return nil }
      arena = max(least, Geometry.roundedToPages(arena / 2))
    }
  }

  /// Writes the header and makes the shards, in a region that is reserved.
  private static func prepare(
    _ region: Region, _ options: Options, _ geometry: Geometry, shards: UInt32
  ) -> Bool {
    guard platform_commit(region.base, Geometry.headerSize) == 0 else { return false }
    let seed = options.hashSeed != 0 ? options.hashSeed : platform_entropy()
    let (key0, key1) = KeyHash.keys(seed: seed)
    region.header.pointee = RegionHeader(
      magic: RegionHeader.magic, layoutVersion: RegionHeader.layoutVersion, shardCount: shards,
      policy: options.policy, flags: options.flags, clockBaseNs: platform_coarse_now_ns(),
      defaultTtlMs: options.defaultTtlMs == UInt64.max ? 0 : options.defaultTtlMs,
      defaultTtiMs: min(options.defaultTtiMs, Clock.farthest), hashKey0: key0, hashKey1: key1,
      fixedPages: 0, geometry: geometry)
    region.manualMs.relaxed = 1
    region.pagesLimit.relaxed = UInt64.max
    region.pagesUsed.relaxed = 1
    for number in 0..<shards {
      let shard = Shard(region: region, number: number)
      guard platform_commit(shard.base, Int(geometry.bucketsOffset)) == 0 else { return false }
      region.pagesUsed.bump(geometry.bucketsOffset / UInt64(Geometry.page))
      guard shard.initialize() == .done else { return false }
    }
    region.header.pointee.fixedPages = region.pagesUsed.relaxed
    Cache.setBounds(region, maxEntries: options.maxEntries, maxBytes: options.maxBytes)
    return true
  }

  static func setBounds(_ region: Region, maxEntries: UInt64, maxBytes: UInt64) {
    region.entriesLimit.relaxed = maxEntries == 0 ? UInt64.max : maxEntries
    region.pagesLimit.relaxed = maxBytes == 0 ? UInt64.max : maxBytes / UInt64(Geometry.page)
    region.bytesLimit.relaxed = maxBytes
  }

  /// Closes the cache; must be its last call but for releases.
  package func close() {
    guard handle.isOpen else { return }
    sweeper.shutDown()
    OpenCaches.remove(handle)
    handle.state.pointee.store(CacheHandle.State.orphaned, ordering: .sequentiallyConsistent)
    handle.freeIfOrphaned()
  }
}
