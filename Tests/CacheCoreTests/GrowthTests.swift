import CacheCore
import Testing

@Suite struct GrowthTests {
  @Test(arguments: [
    (1, 1), (63, 63), (64, 64), (1000, 1000), (50_000, 50_000), (50_000, 1_000_000),
  ])
  func everyKeyIsFoundWhileTheIndexGrows(count: Int, bound: Int) throws {
    let cache = try #require(
      TestCache(Options(shardCount: 1, maxEntries: UInt64(bound), hashSeed: 5)))
    for i in 0..<count {
      #expect(cache.set(bytes("user:\(i)"), bytes("\(i)")) == .ok)
      if i % 4999 == 0 { cache.cache.checkInvariants() }
    }
    cache.cache.checkInvariants()
    for i in 0..<count { #expect(cache.get(bytes("user:\(i)")) == bytes("\(i)")) }
    #expect(cache.cache.count() == UInt64(count))
    cache.close()
  }

  /// What is left of a large cache ends up with an index of its own size.
  @Test func theIndexContractsAfterDeletes() throws {
    let cache = try #require(TestCache(Options(shardCount: 1, maxEntries: 50_000, hashSeed: 5)))
    defer { cache.close() }
    for i in 0..<40_000 { _ = cache.set(bytes("user:\(i)"), bytes("v")) }
    let shard = cache.cache.shard(0)
    let before = shard.index.chargedPages
    for i in 100..<40_000 { #expect(cache.delete(bytes("user:\(i)"))) }
    var steps = 0
    while shard.withLock({ shard.trim() }) == .more { steps += 1 }
    #expect(steps > 10)
    #expect(!shard.index.isSparse(entries: 100))
    // Overflow buckets that were used once stay to be used again.
    #expect(shard.index.chargedPages * 4 < before)
    for i in 0..<100 { #expect(cache.contains(bytes("user:\(i)"))) }
    cache.cache.checkInvariants()
  }

  /// A page of an emptied cache is filed until it is looked at: thousands are
  /// taken out in several steps, before their records go back to the system.
  @Test func anEmptiedCacheForgetsThousandsOfPages() throws {
    let options = Options(
      flags: Options.manualClock, shardCount: 1, maxEntries: 200_000, hashSeed: 5)
    let cache = try #require(TestCache(options))
    defer { cache.close() }
    let value = [UInt8](repeating: 7, count: 100)
    for round in 0..<2 {
      for i in 0..<60_000 {
        _ = cache.set(bytes("user:\(i)"), value, ttlMs: UInt64(1000 + round + i % 5000))
      }
      let shard = cache.cache.shard(0)
      #expect(shard.arena.state.pointee.top / PageTable.unitsPerPage > 2048)
      for i in 0..<60_000 { #expect(cache.delete(bytes("user:\(i)"))) }
      while shard.withLock({ shard.trim() }) == .more {}
      cache.cache.checkInvariants()
      #expect(shard.arena.chargedPages == 0)
      #expect(!shard.wheel.mayBeDue(by: Clock.farthest))
    }
  }
}
