import CPlatform
import Synchronization

extension Cache {
  /// Opens a cache. nil with the reason in `refusal`.
  package static func open(_ options: Options, refusal: inout Refusal) -> Cache? {
    if let mistake = options.mistake {
      refusal = mistake
      return nil
    }
    let (shards, stripes) = Cache.proportions(options)
    guard let (region, geometry) = reserve(options, shards: shards, stripes: stripes) else {
      refusal = .addressSpace
      return nil
    }
    guard prepare(region, options, geometry, shards: shards), let handle = CacheHandle.allocate()
    else {
      region.free()
      refusal = .memory
      return nil
    }
    handle.hashSeed = options.hashSeed
    if let cache = Cache.adopt(region, handle) { return cache }
    region.free()
    refusal = .forkHandlers
    return nil
  }

  /// How many shards, and read buffers for each.
  static func proportions(_ options: Options) -> (shards: UInt32, stripes: UInt32) {
    let cores = platform_core_count()
    let stripes = Options.stripeCount(cores: cores)
    var shards = options.chosenShardCount(cores: cores)
    // A shard's own upkeep must leave most of the memory to entries.
    while shards > 1, options.maxBytes != 0,
      UInt64(shards) * Cache.upkeepPages(stripes, options.claimCount(shards: shards))
        * UInt64(Geometry.page) > options.maxBytes / 4
    {
      shards /= 2
    }
    return (shards, stripes)
  }

  /// nil if the process cannot be made ready for it; the region is the caller's
  /// still.
  static func adopt(_ region: Region, _ handle: CacheHandle) -> Cache? {
    handle.fill(region: region)
    typealias State = CacheHandle.State
    handle.state.pointee.store(
      region.isReadOnly ? State.readOnly : State.open, ordering: .releasing)
    if OpenCaches.add(handle, installForkHandlers: Fork.installHandlers) { return Cache(handle) }
    handle.state.pointee.store(State.free, ordering: .releasing)
    handle.recycle()
    return nil
  }

  /// Pages a shard takes before its first entry, and one for that.
  private static func upkeepPages(_ stripes: UInt32, _ claims: UInt32) -> UInt64 {
    Geometry(
      shardCount: 1, arenaSize: Geometry.arenaSizeMin, baseBuckets: 1, stripeCount: stripes,
      claimCount: claims
    ).fixedPages(shardCount: 1)
  }

  /// Address space: as much as the bounds suggest, or less if the system is short of
  /// it; there will be more when it is needed.
  private static func reserve(
    _ options: Options, shards: UInt32, stripes: UInt32
  ) -> (Region, Geometry)? {
    var arena = options.arenaSize(shards: shards)
    while true {
      let geometry = Geometry(
        shardCount: shards, arenaSize: arena, baseBuckets: options.baseBuckets(shards: shards),
        stripeCount: stripes, claimCount: options.claimCount(shards: shards))
      // Some for tables that grow.
      let rest = UInt64(shards) * arena / 4
      let size = Geometry.roundedToPages(geometry.fixedSize + max(rest, Cache.restMin))
      if let base = platform_map(Int(size)) {
        guard let region = Region.adopt(base, size: size, shards: shards) else {
          platform_unmap(base, Int(size))
          return nil
        }
        let space = RegionPage.space(in: base)
        space.pointee.used = geometry.fixedSize
        space.pointee.size = size
        return (region, geometry)
      }
      if arena == Geometry.arenaSizeMin { return nil }
      arena /= 2
    }
  }

  /// Tables of a small cache that is full.
  private static let restMin: UInt64 = 32 << 10

  /// Writes the header and makes the shards, in a region that is reserved.
  private static func prepare(
    _ region: Region, _ options: Options, _ geometry: Geometry, shards: UInt32
  ) -> Bool {
    writeHeader(region, options, geometry, shards: shards)
    region.header.pointee.magic = RegionHeader.magic
    return makeShards(region, options)
  }

  /// All of the header but the mark that says that it is one.
  static func writeHeader(
    _ region: Region, _ options: Options, _ geometry: Geometry, shards: UInt32
  ) {
    let seed = options.hashSeed != 0 ? options.hashSeed : platform_entropy()
    let (key0, key1) = KeyHash.keys(seed: seed)
    region.header.pointee = RegionHeader(
      magic: region.header.pointee.magic, layoutVersion: RegionHeader.layoutVersion,
      shardCount: shards, policy: options.policy, flags: options.flags,
      clockBaseNs: platform_coarse_now_ns(),
      defaultTtlMs: options.defaultTtlMs == UInt64.max ? 0 : options.defaultTtlMs,
      defaultTtiMs: min(options.defaultTtiMs, Clock.farthest), hashKey0: key0, hashKey1: key1,
      fixedPages: geometry.fixedPages(shardCount: shards),
      ttlJitterPermille: options.ttlJitterPermille, ordinaryTtlMs: options.ordinaryTtlMs,
      geometry: geometry)
  }

  /// The words that change, and the shards, of a region whose header is written.
  static func makeShards(_ region: Region, _ options: Options) -> Bool {
    if options.ttlJitterPermille != 0 { region.beginJitter(hashSeed: options.hashSeed) }
    region.manualMs.relaxed = 1
    region.bytesLimit.relaxed = UInt64.max
    region.pagesUsed.relaxed = region.header.pointee.fixedPages
    for number in 0..<region.header.pointee.shardCount {
      ShardMemory.locate(number, of: region)
      guard Shard(region: region, number: number).initialize() == .done else { return false }
    }
    Cache.setBounds(region, maxEntries: options.maxEntries, maxBytes: options.maxBytes)
    return true
  }

  /// What the cache was opened with, as far as that is in force: defaults chosen,
  /// bounds as they are now. A cache opened with these is of the same kind.
  package var options: Options {
    let header = region.header.pointee
    return Options(
      policy: header.policy, flags: header.flags, shardCount: shardCount,
      // So many is no bound, but the only one that a cache without bytes has.
      maxEntries: region.maxBytes == 0 ? region.entriesLimit.relaxed : region.maxEntries,
      maxBytes: region.maxBytes,
      defaultTtlMs: header.defaultTtlMs, defaultTtiMs: header.defaultTtiMs,
      hashSeed: handle.hashSeed, ttlJitterPermille: header.ttlJitterPermille)
  }

  /// Closes the cache; must be its last call but for releases.
  package func close() {
    guard handle.isOpen || handle.isReadOnly else { return }
    sweeper.shutDown()
    OpenCaches.remove(handle)
    if handle.isReadOnly {
      handle.state.pointee.store(CacheHandle.State.free, ordering: .releasing)
      region.free()
      handle.recycle()
      return
    }
    // The region stays until those who wait for claims are woken.
    guard handle.beginWaiting() else { return }
    handle.state.pointee.store(CacheHandle.State.orphaned, ordering: .sequentiallyConsistent)
    ClaimWaiters(region).wakeAll()
    handle.endWaiting()
  }
}
