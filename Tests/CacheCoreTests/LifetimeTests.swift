import CacheCore
import Testing

/// From the lifetime that a caller gives to a deadline.
struct LifetimeTests {
  private func open(defaultTtlMs: UInt64 = 0, jitter: UInt64 = 0, seed: UInt64 = 1) throws
    -> TestCache
  {
    try #require(
      TestCache(
        Options(
          flags: Options.manualClock, shardCount: 1, maxEntries: 100, defaultTtlMs: defaultTtlMs,
          hashSeed: seed, ttlJitterPermille: jitter)))
  }

  /// About each length at which another rule begins.
  private static let lengths: [UInt64] = [
    1, 2, Clock.ordinaryTtlMs - 1, Clock.ordinaryTtlMs, Clock.ordinaryTtlMs + 1,
    Clock.farthest - 2, Clock.farthest - 1, Clock.farthest, Clock.never, Clock.never + 1, 1 << 62,
    UInt64.max - 1,
  ]

  @Test(arguments: [0, 1 << 37, Clock.manualLimit - 1])
  func withoutJitterItIsTheSumCutAtTheEnd(now: UInt64) throws {
    let cache = try open()
    defer { cache.close() }
    cache.advance(ms: now)
    let begin = now + 1
    for length in LifetimeTests.lengths {
      let end = length >= Clock.farthest - begin ? Clock.farthest : begin + length
      #expect(cache.cache.deadline(ttlMs: length) == end, "\(length)")
    }
    #expect(cache.cache.deadline(ttlMs: 0) == Clock.never)
    #expect(cache.cache.deadline(ttlMs: UInt64.max) == Clock.never)
    #expect(cache.cache.deadline(ttlMs: Clock.orItsOwn) == Clock.never | Clock.orItsOwn)
  }

  @Test(arguments: [1, 100, 500, 1000] as [UInt64])
  func jitterTakesPartOfIt(permille: UInt64) throws {
    let cache = try open(defaultTtlMs: 1000, jitter: permille)
    defer { cache.close() }
    for length in LifetimeTests.lengths {
      let whole = min(length, Clock.farthest)
      for _ in 0..<100 {
        let left = cache.cache.deadline(ttlMs: length) - 1
        #expect(left >= 1 && left <= whole && left + whole * permille / 1000 + 1 >= whole)
      }
    }
    for _ in 0..<100 {
      let kept = cache.cache.deadline(ttlMs: Clock.orItsOwn)
      #expect(kept & Clock.orItsOwn != 0)
      let left = kept & ~Clock.orItsOwn - 1
      #expect(left >= 1 && left <= 1000 && left >= 1000 - permille)
    }
    #expect(cache.cache.deadline(ttlMs: UInt64.max) == Clock.never)
  }

  /// What is attached goes on with the numbers of what was copied.
  @Test func aCopyOfTheRegionGoesOn() throws {
    let cache = try open(defaultTtlMs: 1 << 30, jitter: 900)
    defer { cache.close() }
    _ = cache.cache.deadline(ttlMs: 0)
    let (base, size) = try copyOfRegion(of: cache.cache)
    let copy = try #require(Cache.attach(base, size: size))
    defer { copy.close() }
    let numbers = (0..<10).map { _ in cache.cache.deadline(ttlMs: 0) }
    #expect(numbers == (0..<10).map { _ in copy.deadline(ttlMs: 0) })
    #expect(Set(numbers).count == 10)
    #expect(copy.options.ttlJitterPermille == 900)
  }

  @Test(arguments: [(900, 0), (900, 5), (0, 0)] as [(UInt64, UInt64)])
  func aChildBeginsAnewWithoutASeed(jitter: UInt64, seed: UInt64) throws {
    let cache = try open(jitter: jitter, seed: seed)
    defer { cache.close() }
    let state = cache.cache.region.jitterState.relaxed
    cache.cache.beginJitterAnew()
    #expect((cache.cache.region.jitterState.relaxed != state) == (jitter != 0 && seed == 0))
  }
}
