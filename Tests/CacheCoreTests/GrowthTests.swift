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
}
