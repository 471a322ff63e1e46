import CPlatform
import CacheCore
import Testing

/// Readers keep out of each other's way. One thread plays them all here, by the
/// numbers that it goes by.
@Suite struct ReaderTests {
  private static let key = bytes("key")

  /// A cache of one shard with one entry, and the number of its stripes.
  private func opened(
    _ flags: UInt32 = 0, ttiMs: UInt64 = 0
  ) throws -> (cache: TestCache, stripes: UInt32) {
    let cache = try #require(
      TestCache(
        Options(flags: flags, shardCount: 1, maxEntries: 1000, defaultTtiMs: ttiMs)))
    #expect(cache.set(Self.key, bytes("value")) == .ok)
    return (cache, cache.cache.shard(0).stripeCount)
  }

  /// Runs `body` as a thread of that number. The number it has in the end.
  @discardableResult
  private func reading(as number: UInt32, _ body: () -> Void) -> UInt32 {
    let own = platform_thread_number()
    defer { platform_set_thread_number(own) }
    platform_set_thread_number(number)
    body()
    return platform_thread_number()
  }

  private func hit(_ cache: TestCache, times: Int = 100) {
    for _ in 0..<times { #expect(cache.get(Self.key) != nil) }
  }

  private func miss(_ cache: TestCache) {
    for _ in 0..<100 { #expect(cache.get(bytes("no key")) == nil) }
  }

  @Test func threadsAreNumberedInARow() {
    let own = ThreadNumber.own
    #expect(own != 0 && own == ThreadNumber.own)
    let next = (0..<8).map { _ in reading(as: 0) { _ = ThreadNumber.own } }
    // Other tests' threads may take some in between.
    #expect(zip(next, next.dropFirst()).allSatisfy { $1 &- $0 >= 1 && $1 &- $0 < 1 << 31 })
  }

  @Test func whoMeetsAnotherThreadMovesOn() throws {
    for read in [{ self.hit($0) }, { self.miss($0) }] as [(TestCache) -> Void] {
      let (cache, stripes) = try opened(Options.manualClock)
      defer { cache.close() }
      let first: UInt32 = 1001
      #expect(reading(as: first) { read(cache) } == first)
      #expect(reading(as: first + 1) { read(cache) } == first + 1)
      #expect(reading(as: first + stripes) { read(cache) } != first + stripes)
      // Who was there first stays.
      #expect(reading(as: first) { read(cache) } == first)
      let sum = cache.cache.statistics()
      #expect(sum.hits + sum.misses == 400)
    }
  }

  /// Who took the stripe over long after the other left it, stays.
  @Test func aStripeThatWasLeftIsFree() throws {
    let (cache, stripes) = try opened(Options.manualClock)
    defer { cache.close() }
    reading(as: 1001) { hit(cache) }
    cache.advance(ms: 1000)
    #expect(reading(as: 1001 + stripes) { hit(cache) } == 1001 + stripes)
  }

  /// Beside others, a reader sets an entry's time of last use seldom, but for where
  /// the entry's life depends on it.
  @Test(arguments: [UInt64(0), 60_000])
  func severalReadersMarkAnEntrySeldom(ttiMs: UInt64) throws {
    let (cache, _) = try opened(ttiMs: ttiMs)
    defer { cache.close() }
    var wasLeft = false
    for _ in 0..<50 {
      // A reader whose ring is full finds out who else has read.
      reading(as: 1001) { hit(cache) }
      reading(as: 1002) { hit(cache) }
      let before = try lastUse(cache, Self.key)
      platform_nap(5_000_000)
      let from = cache.cache.clock.coarse
      reading(as: 1002) { hit(cache, times: 1) }
      let after = try lastUse(cache, Self.key)
      #expect(after == before || after >= from)
      #expect(after + (ttiMs == 0 ? UInt64(Shard.accessGranularityMaxMs) : 1) > from)
      wasLeft = wasLeft || after < from
    }
    #expect(wasLeft == (ttiMs == 0))
    #expect(cache.cache.shard(0).counters.pointee.lostMs != 0)
  }

  /// Alone, to the millisecond.
  @Test func oneReaderMarksAnEntryAtOnce() throws {
    let (cache, _) = try opened()
    defer { cache.close() }
    for _ in 0..<20 {
      platform_nap(5_000_000)
      let from = cache.cache.clock.coarse
      reading(as: 1001) { hit(cache) }
      #expect(try lastUse(cache, Self.key) >= from)
    }
  }

  private func lastUse(_ cache: TestCache, _ key: [UInt8]) throws -> UInt64 {
    cache.cache.shard(0).entry(try #require(cache.ref(key))).access.lastUsed
  }
}
