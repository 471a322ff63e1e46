import CPlatform
import CacheCore
import Testing

@Suite struct RelocationTests {
  @Test(arguments: [1, 4])
  func aCopyAtAnotherAddressGoesOn(shards: Int) throws {
    let original = try #require(
      TestCache(
        Options(
          flags: Options.manualClock, shardCount: UInt32(shards), maxEntries: 5000,
          maxBytes: 2 << 20)))
    for i in 0..<6000 {
      let ttl: UInt64 = i % 3 == 0 ? 1000 : i % 3 == 1 ? 1_000_000 : 0
      _ = original.set(
        bytes("key \(i)"), [UInt8](repeating: UInt8(i & 0xFF), count: i % 300), ttlMs: ttl)
    }
    let before = original.cache.statistics()
    let relocated = TestCache(try attachedCopy(of: original.cache))
    #expect(relocated.cache.region.base != original.cache.region.base)
    let present = (0..<6000).filter { original.contains(bytes("key \($0)")) }
    // The original is gone before the copy is used: nothing may lead back.
    original.close()

    relocated.cache.checkInvariants()
    #expect(relocated.cache.statistics().entries == before.entries)
    for i in present {
      #expect(
        relocated.get(bytes("key \(i)")) == [UInt8](repeating: UInt8(i & 0xFF), count: i % 300))
    }
    // Timers go on...
    relocated.advance(ms: 1000)
    let due = present.filter { $0 % 3 == 0 }.count
    #expect(relocated.cache.backlog() == UInt64(due))
    #expect(relocated.cleanup() == UInt64(due))
    // ... and so does everything else: growth, eviction, order of use.
    for i in 6000..<14_000 { #expect(relocated.set(bytes("key \(i)"), bytes("new")) == .ok) }
    #expect(relocated.cache.count() <= 5000)
    relocated.cache.checkInvariants()
    expectStatisticsToAddUp(relocated)
    relocated.close()
  }

  /// A header that is not ours is refused, whichever field is wrong.
  @Test func aForeignHeaderIsRefused() throws {
    let cache = try #require(TestCache(Options(shardCount: 1, maxEntries: 100)))
    defer { cache.close() }
    let header = cache.cache.region.header.pointee
    let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
    defer { page.deallocate() }
    func attach(_ change: (inout RegionHeader) -> Void, size: UInt64? = nil) -> Bool {
      memset(page, 0, 4096)
      var changed = header
      change(&changed)
      page.storeBytes(of: changed, as: RegionHeader.self)
      return Cache.attach(Region(base: page), size: size ?? changed.geometry.regionSize) != nil
    }
    #expect(!attach { $0.magic += 1 })
    #expect(!attach { $0.layoutVersion += 1 })
    #expect(!attach { $0.shardCount = 3 })
    #expect(!attach { $0.shardCount = 0 })
    #expect(!attach { $0.geometry.arenaOffset += 4096 })
    #expect(!attach { $0.geometry.arenaSize = 0 })
    #expect(!attach { $0.geometry.baseBuckets = 0 })
    #expect(!attach { $0.geometry.stripeCount = 3 })
    #expect(!attach { $0.policy = 9 })
    #expect(!attach({ _ in }, size: 4096))
  }
}

/// Copies what is committed of a cache's region to another address, byte for
/// byte: its base and its size.
func copyOfRegion(of cache: Cache) throws -> (base: UnsafeMutableRawPointer, size: UInt64) {
  let geometry = cache.region.header.pointee.geometry
  let base = try #require(platform_reserve(Int(geometry.regionSize)))
  // Only what is committed can be read; the rest was never written.
  func copy(from offset: Int, _ bytes: Int) {
    guard bytes > 0 else { return }
    #expect(platform_commit(base + offset, bytes) == 0)
    memcpy(base + offset, cache.region.base + offset, bytes)
  }
  copy(from: 0, Geometry.headerSize)
  cache.forEachShard { shard in
    let start = shard.base - cache.region.base
    copy(from: start, Int(geometry.bucketsOffset))
    func committed(_ state: Int) -> Int {
      Int((shard.base + state).load(as: Span.State.self).committed)
    }
    copy(from: start + Int(geometry.bucketsOffset), committed(ShardLayout.index))
    copy(
      from: start + Int(geometry.overflowOffset),
      committed(ShardLayout.index + MemoryLayout<Span.State>.stride))
    copy(from: start + Int(geometry.pagesOffset), committed(ShardLayout.pagesSpan))
    copy(from: start + Int(geometry.arenaOffset), committed(ShardLayout.arenaSpan))
  }
  return (base, geometry.regionSize)
}

func attachedCopy(of cache: Cache) throws -> Cache {
  let (base, size) = try copyOfRegion(of: cache)
  return try #require(Cache.attach(Region(base: base), size: size))
}
