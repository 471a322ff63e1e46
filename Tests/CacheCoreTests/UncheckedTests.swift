import CPlatform
import CacheCore
import Foundation
import Testing

/// Shards of a shared cache that nobody has checked since all processes had gone.
@Suite struct UncheckedTests {
  private let path = "/dev/shm/cachecore-unchecked-\(UUID().uuidString)"

  private func open() throws -> TestCache {
    var refusal = Refusal.memory
    let cache = path.withCString { path in
      var sharing = SharingOptions()
      sharing.path = path
      return Cache.openShared(
        Options(shardCount: 4, maxEntries: 10_000), sharing, refusal: &refusal)
    }
    return TestCache(try #require(cache, "\(refusal)"))
  }

  private func key(_ number: Int) -> [UInt8] { bytes("key \(number)") }

  private func unchecked(_ cache: TestCache) -> Int {
    var count = 0
    cache.cache.forEachShard { if $0.isUnchecked { count += 1 } }
    return count
  }

  private func filled() throws -> TestCache {
    let cache = try open()
    for number in 0..<1000 { #expect(cache.set(key(number), bytes("value")) == .ok) }
    return cache
  }

  @Test func readsCheckNothing() throws {
    defer { unlink(path) }
    try filled().close()
    let cache = try open()
    #expect(unchecked(cache) == 4)
    for number in 0..<40 { #expect(cache.get(key(number)) == bytes("value")) }
    #expect(cache.get(bytes("none")) == nil)
    #expect(unchecked(cache) == 4)
    // Whoever comes beside finds them so.
    let second = try open()
    #expect(unchecked(second) == 4)
    #expect(second.get(key(1)) == bytes("value"))
    // One that has recorded as much as it can goes on to apply it.
    for number in 0..<1000 { #expect(second.get(key(number)) == bytes("value")) }
    #expect(unchecked(second) == 0)
    second.close()
    cache.close()
  }

  @Test func aWriteChecksItsShard() throws {
    defer { unlink(path) }
    try filled().close()
    let cache = try open()
    #expect(cache.set(key(1), bytes("new")) == .ok)
    #expect(unchecked(cache) == 3)
    cache.cache.checkInvariants()
    #expect(unchecked(cache) == 0)
    #expect(cache.cache.count() == 1000)
    #expect(cache.get(key(1)) == bytes("new"))
    cache.close()
  }

  /// What was counted is summed up before it is checked.
  @Test func countersThatAreWrongAreMadeRight() throws {
    defer { unlink(path) }
    let before = try filled()
    let region = before.cache.region
    region.entriesUsed.relaxed += 5000
    region.pagesUsed.relaxed -= 3
    before.cache.forEachShard {
      $0.counters.pointee.entries = $0.number == 0 ? UInt64.max : $0.counters.pointee.entries + 7
      $0.counters.pointee.inserts = 1 << 60
    }
    before.cache.close()
    let cache = try open()
    #expect(cache.set(key(1), bytes("new")) == .ok)
    cache.cache.checkInvariants()
    #expect(cache.cache.count() == 1000)
    #expect(cache.cache.statistics().addsUp)
    cache.close()
  }
}
