import CPlatform
import CacheCore
import Testing

@Suite struct RelocationTests {
  /// Whether it is as it began, or its parts have grown since, run by run.
  @Test(arguments: [1, 4], [1, 20])
  func aCopyAtAnotherAddressGoesOn(shards: Int, scale: Int) throws {
    let original = try #require(
      TestCache(
        Options(
          policy: scale == 1 ? Options.policyLRU : Options.policyAdaptive,
          flags: Options.manualClock, shardCount: UInt32(shards), maxEntries: 5000,
          maxBytes: scale == 1 ? 2 << 20 : 0, hashSeed: 5)))
    for i in 0..<6000 {
      let ttl: UInt64 = i % 3 == 0 ? 1000 : i % 3 == 1 ? 1_000_000 : 0
      _ = original.set(
        bytes("key \(i)"), [UInt8](repeating: UInt8(i & 0xFF), count: i % 300 * scale),
        ttlMs: ttl)
    }
    for i in 0..<50 {
      #expect(original.setStale(bytes("stale \(i)"), [UInt8(i)], ttlMs: 500, staleMs: 1 << 20))
    }
    let span = original.cache.shard(0).arena.span
    #expect((span.run(at: span.chargedEnd - 1).lowerBound > 0) == (scale > 1))
    let before = original.cache.statistics()
    let relocated = TestCache(try attachedCopy(of: original.cache))
    #expect(relocated.cache.region.base != original.cache.region.base)
    let present = (0..<6000).filter { original.contains(bytes("key \($0)")) }
    // The original is gone before the copy is used: nothing may lead back.
    original.close()

    relocated.cache.checkInvariants()
    #expect(relocated.cache.statistics().entries == before.entries)
    for i in present {
      let value = [UInt8](repeating: UInt8(i & 0xFF), count: i % 300 * scale)
      #expect(relocated.get(bytes("key \(i)")) == value)
    }
    // Timers go on...
    relocated.advance(ms: 1000)
    let due = present.filter { $0 % 3 == 0 }.count
    #expect(relocated.cache.backlog() == UInt64(due))
    #expect(relocated.cleanup() == UInt64(due))
    for i in 0..<50 {
      let answer = relocated.getOrClaim(bytes("stale \(i)"))
      #expect(answer.outcome == .stale && answer.value == [UInt8(i)] && answer.token != 0)
    }
    // ... and so does everything else: growth, eviction, order of use.
    for i in 6000..<14_000 { #expect(relocated.set(bytes("key \(i)"), bytes("new")) == .ok) }
    #expect(relocated.cache.count() <= 5000)
    relocated.cache.checkInvariants()
    expectStatisticsToAddUp(relocated)
    relocated.close()
  }

  /// Runs that overlap, or lie where nothing is, are refused.
  @Test func runsLieApart() throws {
    let cache = try #require(TestCache(Options(shardCount: 1, maxEntries: 2000, hashSeed: 5)))
    defer { cache.close() }
    for i in 0..<2000 {
      _ = cache.set(bytes("key \(i)"), [UInt8](repeating: 1, count: i % 900))
    }
    let control = Int(cache.cache.region.header.pointee.geometry.shardOffset(0))
    func attach(
      _ change: (_ control: UnsafeMutableRawPointer, _ size: UInt64) -> Void
    ) throws -> Bool {
      let (base, size) = try copyOfRegion(of: cache.cache)
      change(base + control, size)
      if let copy = Cache.attach(base, size: size) {
        copy.close()
        return true
      }
      platform_unmap(base, Int(size))
      return false
    }
    #expect(try attach { _, _ in })
    let buckets = ShardControl.bucketsOffsets
    #expect(cache.cache.shard(0).index.bucketCount > 64)
    // The buckets' second run begins with their second doubling.
    #expect(try !attach { control, _ in buckets(in: control).pointee[1] = 0 })
    #expect(try !attach { control, size in buckets(in: control).pointee[1] = size })
    #expect(try !attach { control, _ in buckets(in: control).pointee[1] += 64 })
    #expect(try !attach { control, _ in buckets(in: control).pointee[1] += 4096 })
    #expect(
      try !attach { control, _ in
        buckets(in: control).pointee[1] = ShardControl.pagesOffsets(in: control).pointee[1]
      })
    #expect(try !attach { control, _ in ShardControl.arenaSpan(in: control).pointee.runs = 2 })
    #expect(
      try !attach { control, _ in ShardControl.arenaSpan(in: control).pointee.skippedPages += 1 })
  }

  /// A header that is not ours is refused, whichever field is wrong.
  @Test func aForeignHeaderIsRefused() throws {
    let cache = try #require(TestCache(Options(shardCount: 1, maxEntries: 100)))
    defer { cache.close() }
    let header = cache.cache.region.header.pointee
    func attach(_ change: (inout RegionHeader) -> Void, size: UInt64? = nil) throws -> Bool {
      let (base, whole) = try copyOfRegion(of: cache.cache)
      defer { platform_unmap(base, Int(whole)) }
      var changed = header
      change(&changed)
      base.storeBytes(of: changed, as: RegionHeader.self)
      return Cache.attach(base, size: size ?? whole) != nil
    }
    #expect(try !attach { $0.magic += 1 })
    #expect(try !attach { $0.layoutVersion += 1 })
    #expect(try !attach { $0.shardCount = 3 })
    #expect(try !attach { $0.shardCount = 0 })
    #expect(try !attach { $0.geometry.arenaOffset += 4096 })
    #expect(try !attach { $0.geometry.arenaSize = 0 })
    #expect(try !attach { $0.geometry.arenaSize *= 2 })
    #expect(try !attach { $0.geometry.fixedSize += 4096 })
    #expect(try !attach { $0.geometry.firstRef += 8 })
    #expect(try !attach { $0.geometry.baseBuckets = 0 })
    #expect(try !attach { $0.geometry.stripeCount = 3 })
    #expect(try !attach { $0.geometry.claimCount = 3 })
    #expect(try !attach { $0.geometry.claimCount *= 2 })
    #expect(try !attach { $0.policy = 9 })
    #expect(try !attach { $0.ttlJitterPermille = 1001 })
    #expect(try !attach { $0.ttlJitterPermille = 1 })
    #expect(try !attach { $0.ordinaryTtlMs += 1 })
    #expect(try !attach({ _ in }, size: 4096))
  }
}

/// Copies a cache's region to another address, in one piece: its base and its size.
func copyOfRegion(of cache: Cache) throws -> (base: UnsafeMutableRawPointer, size: UInt64) {
  let (region, size) = (cache.region, RegionPage.space(in: cache.region.base).pointee.size)
  let geometry = region.header.pointee.geometry
  let base = try #require(platform_map(Int(size)))
  func copy(_ offset: UInt64, _ address: UnsafeMutableRawPointer, _ bytes: UInt64) {
    memcpy(base + Int(offset), address, Int(bytes))
  }
  // Behind the shards: their tables of claims, and the last page.
  let rest = geometry.claimsOffset(of: 0, shardCount: cache.shardCount)
  copy(rest, region.base + Int(rest), geometry.fixedSize - rest)
  cache.forEachShard { shard in
    copy(
      geometry.shardOffset(shard.number), shard.base,
      ShardControl.size(readBuffers: geometry.stripeCount))
    shard.memory.forEachRun(copy)
  }
  return (base, size)
}

func attachedCopy(of cache: Cache) throws -> Cache {
  let (base, size) = try copyOfRegion(of: cache)
  return try #require(Cache.attach(base, size: size))
}
