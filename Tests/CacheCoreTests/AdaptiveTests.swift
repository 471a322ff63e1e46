import CacheCore
import SeededRandom
import Testing

@Suite struct AdaptiveTests {
  private func open(_ policy: UInt32, entries: Int, seed: UInt64 = 11) throws -> TestCache {
    try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.manualClock, shardCount: 1,
          maxEntries: UInt64(entries), hashSeed: seed)))
  }

  /// Reads keys through a cache: hits of the number of keys.
  private func hits(_ cache: TestCache, _ keys: some Sequence<Int>) -> Int {
    var hits = 0
    for key in keys {
      let key = bytes("key \(key)")
      if cache.get(key) != nil { hits += 1 } else { _ = cache.set(key, bytes("value")) }
    }
    return hits
  }

  /// A loop longer than the cache: LRU never hits, this keeps most of what fits.
  @Test func aLoopLongerThanTheCache() throws {
    let cache = try open(Options.policyAdaptive, entries: 500)
    defer { cache.close() }
    let found = hits(cache, (0..<60).lazy.flatMap { _ in 0..<1000 })
    cache.cache.checkInvariants()
    #expect(found > 20_000)
    let lru = try open(Options.policyLRU, entries: 500)
    defer { lru.close() }
    #expect(hits(lru, (0..<60).lazy.flatMap { _ in 0..<1000 }) == 0)
  }

  /// A working set that fits is not displaced by keys that are used once.
  @Test func aScanPassesThrough() throws {
    let cache = try open(Options.policyAdaptive, entries: 1000)
    defer { cache.close() }
    for _ in 0..<20 { _ = hits(cache, 0..<800) }
    _ = hits(cache, 100_000..<110_000)
    #expect(hits(cache, 0..<800) > 700)
    cache.cache.checkInvariants()
  }

  /// What is used is what was stored lately: no worse than LRU by much.
  @Test func recencyIsFollowed() throws {
    func sequence(_ seed: UInt64) -> [Int] {
      var random = Random(seed: seed)
      // New keys all the time, each used a few times soon after.
      return (0..<100_000).map { step in
        random.chance(40) ? step : max(0, step - random.below(700))
      }
    }
    let adaptive = try open(Options.policyAdaptive, entries: 500)
    defer { adaptive.close() }
    let lru = try open(Options.policyLRU, entries: 500)
    defer { lru.close() }
    let keys = sequence(3)
    let (ours, theirs) = (hits(adaptive, keys), hits(lru, keys))
    #expect(Double(ours) > Double(theirs) * 0.97, "\(ours) hits, LRU \(theirs)")
  }

  /// Loads that want one size of the window or another, each in a range of keys of its
  /// own, for a cache of `size` entries.
  private enum Load: CaseIterable {
    case loop, zigzag, twice

    func keys(from first: Int, count: Int, for size: Int) -> [Int] {
      let length = size * 3 / 2
      return (0..<count).map { step in
        switch self {
        case .loop: return first + step % length
        case .zigzag:
          let place = step % (2 * length - 2)
          return first + min(place, 2 * length - 2 - place)
        case .twice:
          // Each again after half the cache.
          return first + (step % 2 == 0 ? step / 2 : max(0, step / 2 - size / 4))
        }
      }
    }
  }

  /// Whatever the load was before, the size that serves it now comes into force, and the
  /// hash seed does not matter. What a change may cost: four hits for each entry.
  @Test(arguments: [UInt64(1), 2, 3], [100, 600])
  func noLoadIsATrap(seed: UInt64, size: Int) throws {
    let ours = try open(Options.policyAdaptive, entries: size, seed: seed)
    defer { ours.close() }
    let lru = try open(Options.policyLRU, entries: size)
    defer { lru.close() }
    let count = 60 * size
    for (number, load) in (Load.allCases + Load.allCases.reversed()).enumerated() {
      let keys = load.keys(from: number << 30, count: count, for: size)
      let (found, byLRU) = (hits(ours, keys), hits(lru, keys))
      #expect(found > byLRU - 4 * size, "\(load), \(number): \(found), LRU \(byLRU)")
      if load == .loop { #expect(found > count / 2, "a loop, \(number): \(found)") }
      ours.cache.checkInvariants()
    }
  }

  /// Everything at random, with the invariants of the policy's lists checked.
  @Test(arguments: [1, 2, 10, 100, 3000])
  func listsStayTogether(capacity: Int) throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let cache = try open(Options.policyAdaptive, entries: capacity)
    defer { cache.close() }
    for step in 0..<8000 {
      let key = bytes("key \(random.below(random.chance(50) ? capacity : capacity * 4))")
      switch random.below(24) {
      case 20, 21: #expect(cache.setStale(key, [1], ttlMs: 2, staleMs: 20))
      case 22: #expect(cache.setAbsent(key, ttlMs: 20))
      case 23: _ = cache.getOrClaim(key, claimMs: 5, isEarly: true)
      case 0..<9: _ = cache.get(key)
      case 9..<17:
        let size = random.below(100)
        #expect(
          cache.set(key, [UInt8](repeating: 1, count: size), ttlMs: random.chance(10) ? 30 : 0)
            == .ok)
      case 17: _ = cache.delete(key)
      case 18: _ = cache.touch(key, ttlMs: 50)
      default:
        cache.advance(ms: 1)
        if random.chance(20) { _ = cache.cleanup() }
      }
      #expect(cache.cache.count() <= UInt64(capacity), "seed \(seed), step \(step)")
      if step % 40 == 0 { cache.cache.checkInvariants() }
    }
    #expect(cache.cache.resize(maxEntries: UInt64(max(1, capacity / 2)), maxBytes: 0) == .ok)
    cache.cache.checkInvariants()
    cache.cache.clear()
    cache.cache.checkInvariants()
    expectStatisticsToAddUp(cache)
  }
}
