import CacheCore
import SeededRandom
import Testing

@Suite struct ByteBoundTests {
  /// Whatever the sizes, a value that is found is the latest, the bound holds,
  /// and nothing is refused that fits.
  @Test(
    arguments: [
      (64 << 10, 1, 200), (64 << 10, 1, 3000), (256 << 10, 1, 20_000), (1 << 20, 4, 5000),
      (1 << 20, 1, 100_000),
    ], [Options.policyLRU, Options.policyAdaptive])
  func randomSizesStayInside(setting: (Int, Int, Int), policy: UInt32) throws {
    let (maxBytes, shards, sizeMax) = setting
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let cache = try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.manualClock, shardCount: UInt32(shards),
          maxBytes: UInt64(maxBytes), hashSeed: seed)))
    defer { cache.close() }
    var latest: [[UInt8]: [UInt8]] = [:]
    var leases: [(Cache.Lease, [UInt8])] = []
    for step in 0..<6000 {
      let context: Comment = "seed \(seed), step \(step)"
      let key = bytes("key \(random.below(2000))")
      switch random.below(24) {
      case 20..<23:
        // Past their deadline they take as much room, and are moved and given up.
        let size = random.chance(50) ? random.below(sizeMax) : random.below(64)
        let value = [UInt8](repeating: UInt8(step & 0xFF), count: size)
        let isStored = cache.setStale(key, value, ttlMs: 5, staleMs: 60)
        #expect(isStored || !leases.isEmpty, context)
        latest[key] = isStored ? value : nil
      case 23:
        let isStored = cache.setAbsent(key, ttlMs: 60)
        #expect(isStored || !leases.isEmpty, context)
        latest[key] = nil
      case 0..<12:
        let size = random.chance(50) ? random.below(sizeMax) : random.below(64)
        let value = [UInt8](repeating: UInt8(step & 0xFF), count: size)
        let ttl: UInt64 = random.chance(30) ? 50 : 0
        let outcome = cache.set(key, value, ttlMs: ttl)
        // A few leases hold blocks that cannot be moved or given up; then, and
        // only then, a large value may find no place.
        #expect(outcome == .ok || (outcome == .refused && !leases.isEmpty), context)
        latest[key] = outcome == .ok ? value : nil
      case 12..<16:
        if let found = cache.get(key) { #expect(found == latest[key], context) }
      case 16:
        #expect(cache.delete(key) == (cache.contains(key)) || true)
        latest[key] = nil
      case 17:
        if leases.count < 3, let lease = cache.acquire(key) {
          leases.append((lease, latest[key] ?? []))
        }
      case 18:
        if let (lease, value) = leases.popLast() {
          #expect(Array(lease.value) == value, context)
          cache.cache.release(ticket: lease.ticket)
        }
      default:
        cache.advance(ms: 10)
        _ = cache.cleanup(limit: UInt64(random.below(20)))
      }
      #expect(cache.cache.region.pagesUsed.relaxed * 4096 <= UInt64(maxBytes), context)
      if step % 100 == 0 { cache.cache.checkInvariants() }
    }
    for (lease, value) in leases {
      #expect(Array(lease.value) == value, "seed \(seed)")
      cache.cache.release(ticket: lease.ticket)
    }
    cache.cache.checkInvariants()
    expectStatisticsToAddUp(cache)
    cache.cache.clear()
    cache.cache.checkInvariants()
    #expect(cache.cache.count() == 0)
  }

  /// 100 B values, then 10 KB, then 100 B again: what small values leave behind
  /// serves large ones, and the other way round.
  @Test func shiftingSizesKeepTheMemoryInUse() throws {
    let maxBytes = 4 << 20
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxBytes: UInt64(maxBytes))))
    defer { cache.close() }
    var number = 0
    for (size, count) in [(100, 60_000), (10_000, 2_000), (100, 60_000), (10_000, 2_000)] {
      for _ in 0..<count {
        number += 1
        #expect(cache.set(bytes("\(number)"), [UInt8](repeating: 1, count: size)) == .ok)
        // Reads between writes mix the order of use with that of memory.
        _ = cache.get(bytes("\(number - number % 97)"))
      }
      // About 53 bytes of each entry are key, header, rounding and index.
      let filled = Int(cache.cache.count()) * (size + 53)
      #expect(filled > maxBytes * 8 / 10, "values of \(size) B fill the cache: \(filled)")
      cache.cache.checkInvariants()
    }
    #expect(cache.cache.statistics().refused == 0)
  }

  /// A value larger than a shard's share takes memory from the other shards.
  @Test func aLargeValueTakesFromOtherShards() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 8, maxBytes: 4 << 20)))
    defer { cache.close() }
    for i in 0..<60_000 { #expect(cache.set(bytes("\(i)"), bytes("small value")) == .ok) }
    let large = [UInt8](repeating: 7, count: 1 << 20)
    #expect(cache.set(bytes("large"), large) == .ok)
    #expect(cache.get(bytes("large")) == large)
    #expect(cache.cache.region.pagesUsed.relaxed * 4096 <= 4 << 20)
    cache.cache.checkInvariants()
  }

  @Test func whatCannotFitIsRefusedAndDropsTheOlderValue() throws {
    let cache = try #require(TestCache(Options(shardCount: 1, maxBytes: 1 << 20)))
    defer { cache.close() }
    #expect(cache.set(bytes("a"), bytes("old")) == .ok)
    #expect(cache.set(bytes("b"), bytes("other")) == .ok)
    #expect(cache.set(bytes("a"), [UInt8](repeating: 0, count: 2 << 20)) == .refused)
    #expect(cache.get(bytes("a")) == nil)
    #expect(cache.get(bytes("b")) == bytes("other"))
    #expect(cache.cache.statistics().refused == 1)
    cache.cache.checkInvariants()
  }

  @Test func aFullNoEvictCacheChangesNothing() throws {
    let cache = try #require(
      TestCache(
        Options(flags: Options.noEvict | Options.manualClock, shardCount: 1, maxBytes: 64 << 10)))
    defer { cache.close() }
    var stored = 0
    while cache.set(bytes("key \(stored)"), [UInt8](repeating: 3, count: 100)) == .ok {
      stored += 1
    }
    #expect(stored > 100)
    #expect(cache.set(bytes("key 0"), [UInt8](repeating: 4, count: 5000)) == .full)
    #expect(cache.get(bytes("key 0")) == [UInt8](repeating: 3, count: 100))
    // A value of the same size has its own block to go to.
    #expect(cache.set(bytes("key 0"), [UInt8](repeating: 5, count: 100)) == .ok)
    #expect(cache.get(bytes("key 0")) == [UInt8](repeating: 5, count: 100))
    for i in 1..<stored { #expect(cache.contains(bytes("key \(i)"))) }
    cache.cache.checkInvariants()
  }

  @Test func resizingMovesTheBoundBothWays() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 2, maxBytes: 4 << 20)))
    defer { cache.close() }
    let value = [UInt8](repeating: 9, count: 500)
    for i in 0..<10_000 { _ = cache.set(bytes("\(i)"), value) }
    #expect(cache.cache.resize(maxEntries: 0, maxBytes: 1 << 20) == .ok)
    #expect(cache.cache.region.pagesUsed.relaxed * 4096 <= 1 << 20)
    cache.cache.checkInvariants()
    #expect(cache.get(bytes("9999")) == value)
    #expect(cache.cache.resize(maxEntries: 100, maxBytes: 16 << 20) == .ok)
    #expect(cache.cache.count() <= 100)
    #expect(cache.cache.resize(maxEntries: 0, maxBytes: 16 << 20) == .ok)
    for i in 0..<20_000 { #expect(cache.set(bytes("\(i)"), value) == .ok) }
    #expect(cache.cache.count() == 20_000)
    #expect(cache.cache.resize(maxEntries: 0, maxBytes: 0) == .argument)
    #expect(cache.cache.resize(maxEntries: 0, maxBytes: 1000) == .argument)
    cache.cache.checkInvariants()
  }
}

@Suite struct IndexMemoryTests {
  /// The index grows inside the same bound as the entries: memory given up for
  /// it must reach it.
  @Test(arguments: [1 << 18, 1 << 20, 4 << 20], [8, 64, 1000])
  func nothingThatFitsIsRefused(maxBytes: Int, size: Int) throws {
    let cache = try #require(
      TestCache(
        Options(
          flags: Options.manualClock, shardCount: 1, maxBytes: UInt64(maxBytes), hashSeed: 7)))
    defer { cache.close() }
    let value = [UInt8](repeating: 1, count: size)
    for i in 0..<40_000 { #expect(cache.set(bytes("\(i)"), value) == .ok) }
    #expect(cache.cache.statistics().refused == 0)
    cache.cache.checkInvariants()
  }

  /// A bound lowered while a lease was in the way holds once it is released and
  /// the cache is written to.
  @Test func aLoweredBoundHoldsAfterTheLease() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxBytes: 4 << 20)))
    defer { cache.close() }
    let value = [UInt8](repeating: 1, count: 1000)
    for i in 0..<5000 { #expect(cache.set(bytes("\(i)"), value) == .ok) }
    let lease = try #require(cache.acquire(bytes("4999")))
    let outcome = cache.cache.resize(maxEntries: 0, maxBytes: 1 << 20)
    #expect(outcome == .ok || outcome == .state)
    cache.cache.release(ticket: lease.ticket)
    for i in 0..<10_000 { _ = cache.set(bytes("\(i)"), value) }
    #expect(cache.cache.region.pagesUsed.relaxed * 4096 <= 1 << 20)
    cache.cache.checkInvariants()
  }
}
