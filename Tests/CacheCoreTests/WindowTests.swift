import CacheCore
import SeededRandom
import Testing

/// Stale values and absences (Shard+Window.swift), rule by rule.
@Suite struct WindowTests {
  private func open(
    policy: UInt32 = Options.policyLRU, flags: UInt32 = 0, entries: UInt64 = 1000,
    size: UInt64 = 0, ttiMs: UInt64 = 0
  ) throws -> TestCache {
    try #require(
      TestCache(
        Options(
          policy: policy, flags: flags | Options.manualClock, shardCount: 1, maxEntries: entries,
          maxBytes: size, defaultTtiMs: ttiMs, hashSeed: 7)))
  }

  private let key = bytes("key")

  @Test func aStaleValueIsServedInItsWindow() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, bytes("old"), ttlMs: 10, staleMs: 20))
    cache.advance(ms: 9)
    #expect(cache.getOrClaim(key).outcome == .ok)
    cache.advance(ms: 1)
    let first = cache.getOrClaim(key)
    #expect(first.outcome == .stale && first.value == bytes("old") && first.token != 0)
    let second = cache.getOrClaim(key)
    #expect(second.outcome == .stale && second.value == bytes("old") && second.token == 0)
    #expect(second.seen == first.token)
    cache.advance(ms: 19)
    #expect(cache.getOrClaim(key).outcome == .stale)
    cache.advance(ms: 1)
    #expect(cache.getOrClaim(key).outcome == .pending)
    #expect(cache.fulfill(key, bytes("new"), token: first.token) == .ok)
    #expect(cache.getOrClaim(key).value == bytes("new"))
  }

  @Test func anAbsenceIsAnAnswer() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setAbsent(key, ttlMs: 10))
    cache.advance(ms: 9)
    let answer = cache.getOrClaim(key)
    #expect(answer.outcome == .absent && answer.token == 0)
    cache.advance(ms: 1)
    #expect(cache.getOrClaim(key).outcome == .claimed)
  }

  /// What everybody but get_or_claim finds in place of either: nothing.
  @Test(arguments: [false, true])
  func nobodyElseSeesThem(isAbsence: Bool) throws {
    let cache = try open()
    defer { cache.close() }
    func prepare() {
      let isStored =
        isAbsence
        ? cache.setAbsent(key, ttlMs: 1000) : cache.setStale(key, [1], ttlMs: 10, staleMs: 1000)
      #expect(isStored)
      cache.advance(ms: 10)
    }
    prepare()
    #expect(cache.get(key) == nil && cache.peek(key) == nil && !cache.contains(key))
    #expect(cache.info(key) == nil && cache.remaining(key) == nil && cache.acquire(key) == nil)
    #expect(cache.touch(key, ttlMs: 1000) == .miss)
    #expect(cache.set(key, [2], if: .present) == .miss)
    #expect(cache.set(key, [2], if: .version(1)) == .miss)
    #expect(cache.cache.count() == 0 && cache.scan() == [])
    // And it is still there.
    #expect(cache.getOrClaim(key).outcome == (isAbsence ? .absent : .stale))
    #expect(cache.set(key, [3], if: .absent) == .ok && cache.get(key) == [3])
    prepare()
    #expect(cache.increment(key, by: 5, initial: 7) == (.ok, 7))
    prepare()
    #expect(!cache.delete(key) && cache.getOrClaim(key).outcome == .claimed)
    prepare()
    #expect(bytes("k").withUnsafeBytes { cache.cache.deletePrefix($0) }.removed == 0)
    #expect(cache.getOrClaim(key).outcome == .claimed)
    prepare()
    cache.cache.clear()
    #expect(cache.getOrClaim(key).outcome == .claimed)
    #expect(cache.cache.statistics().stale + cache.cache.statistics().absent == 0)
    cache.cache.checkInvariants()
  }

  @Test func plainSetHasNoWindow() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, [1], ttlMs: 10, staleMs: 1000))
    #expect(cache.set(key, [2], ttlMs: 10) == .ok)
    cache.advance(ms: 10)
    #expect(cache.getOrClaim(key).outcome == .claimed)
  }

  /// A window follows the deadline; after a value without one there is none.
  @Test func touchMovesTheWindow() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, [1], ttlMs: 10, staleMs: 20))
    cache.advance(ms: 5)
    #expect(cache.touch(key, ttlMs: 100) == .ok)
    cache.advance(ms: 99)
    #expect(cache.get(key) == [1])
    cache.advance(ms: 1)
    #expect(cache.get(key) == nil && cache.getOrClaim(key, claimMs: 1).outcome == .stale)
    cache.advance(ms: 19)
    #expect(cache.getOrClaim(key, claimMs: 1).outcome == .stale)
    cache.advance(ms: 1)
    #expect(cache.getOrClaim(key).outcome == .claimed)
    #expect(cache.setStale(key, [1], ttlMs: 10, staleMs: 20))
    #expect(cache.touch(key, ttlMs: .max) == .ok && cache.touch(key, ttlMs: 10) == .ok)
    cache.advance(ms: 10)
    #expect(cache.getOrClaim(key).outcome == .claimed)
    cache.cache.checkInvariants()
  }

  @Test func theFarthestDeadlinesHold() throws {
    let cache = try open()
    defer { cache.close() }
    for (ttl, stale) in [(10, .max), (.max - 1, .max), (1 << 39, 1 << 39)] as [(UInt64, UInt64)] {
      #expect(cache.setStale(key, [1], ttlMs: ttl, staleMs: stale))
      cache.cache.checkInvariants()
      #expect(cache.get(key) == [1])
    }
    #expect(cache.setStale(key, [1], ttlMs: 10, staleMs: .max))
    cache.advance(ms: Clock.manualLimit / 2)
    #expect(cache.getOrClaim(key).outcome == .stale)
  }

  // MARK: In statistics and reports

  /// Past their deadline they are part of `expired`; gauges say how many are of use.
  @Test func gaugesFollowTheClock() throws {
    let cache = try open()
    defer { cache.close() }
    func gauges() -> [UInt64] {
      let now = cache.cache.statistics()
      #expect(now.addsUp)
      return [now.entries, now.expired, now.stale, now.absent]
    }
    for number in 0..<10 {
      #expect(cache.setStale(bytes("stale \(number)"), [1], ttlMs: 10, staleMs: 20))
      #expect(cache.setAbsent(bytes("absent \(number)"), ttlMs: 15))
      #expect(cache.set(bytes("plain \(number)"), [1], ttlMs: 10) == .ok)
    }
    #expect(gauges() == [20, 10, 0, 10] && cache.cache.count() == 20)
    cache.advance(ms: 10)
    #expect(gauges() == [0, 30, 10, 10] && cache.cache.backlog() == 10)
    cache.advance(ms: 5)
    #expect(gauges() == [0, 30, 10, 0] && cache.cache.backlog() == 20)
    #expect(cache.cleanup() == 20 && gauges() == [0, 10, 10, 0])
    cache.advance(ms: 15)
    #expect(gauges() == [0, 10, 0, 0] && cache.cache.backlog() == 10)
    #expect(cache.cleanup() == 10 && gauges() == [0, 0, 0, 0])
    #expect(cache.cache.statistics().expirations == 30)
    cache.cache.checkInvariants()
  }

  /// One report at the end of a window, none of an absence.
  @Test func oneReportOfAStaleValueNoneOfAnAbsence() throws {
    let cache = try open(flags: Options.reportRemovals)
    defer { cache.close() }
    func reports() -> Int {
      var words = [UInt64](repeating: 0, count: 1024)
      return words.withUnsafeMutableBytes {
        var buffer = RecordBuffer($0)
        cache.cache.takeRemovals(into: &buffer)
        return buffer.count
      }
    }
    #expect(cache.setStale(bytes("stale"), [1], ttlMs: 10, staleMs: 20))
    #expect(cache.setAbsent(bytes("absent"), ttlMs: 10))
    cache.advance(ms: 10)
    #expect(cache.cleanup() == 1 && reports() == 0)
    cache.advance(ms: 20)
    #expect(cache.cleanup() == 1 && reports() == 1 && reports() == 0)
    // Nor when they leave otherwise.
    #expect(cache.setAbsent(bytes("absent"), ttlMs: 10) && !cache.delete(bytes("absent")))
    #expect(reports() == 0)
  }

  // MARK: Making room

  /// Both count against the bounds, and leave before E_FULL.
  @Test(arguments: [false, true])
  func theyMakeRoomInANoEvictCache(isByBytes: Bool) throws {
    let cache = try open(
      flags: Options.noEvict, entries: isByBytes ? 0 : 10, size: isByBytes ? 64 << 10 : 0)
    defer { cache.close() }
    let value = [UInt8](repeating: 1, count: 500)
    var live: [[UInt8]] = []
    for number in 0..<(isByBytes ? 30 : 4) {
      #expect(cache.set(bytes("live \(number)"), value) == .ok)
      live.append(bytes("live \(number)"))
      #expect(cache.setStale(bytes("stale \(number)"), value, ttlMs: 10, staleMs: 1000))
    }
    if !isByBytes { #expect(cache.setAbsent(bytes("absent"), ttlMs: 1000)) }
    cache.advance(ms: 10)
    var stored = 0
    while cache.set(bytes("new \(stored)"), value) == .ok { stored += 1 }
    #expect(stored >= (isByBytes ? 30 : 6))
    let statistics = cache.cache.statistics()
    #expect(statistics.stale == 0 && statistics.absent == 0 && statistics.evictions == 0)
    for key in live { #expect(cache.contains(key)) }
    cache.cache.checkInvariants()
  }

  @Test(arguments: [Options.policyLRU, Options.policyAdaptive])
  func theyLeaveBeforeLiveEntriesOfTheirAge(policy: UInt32) throws {
    let cache = try open(policy: policy, entries: 20)
    defer { cache.close() }
    for number in 0..<10 {
      #expect(cache.set(bytes("live \(number)"), [1]) == .ok)
      #expect(cache.setAbsent(bytes("absent \(number)"), ttlMs: 1000))
    }
    // All were used in one millisecond.
    for number in 0..<8 { #expect(cache.set(bytes("new \(number)"), [1]) == .ok) }
    let left = cache.cache.statistics().absent
    #expect(left == 2, "\(left) are left")
    cache.cache.checkInvariants()
  }

  /// What is stale and asked for stays; what was not used for longest leaves.
  @Test func theyLeaveInTheOrderOfUse() throws {
    let cache = try open(entries: 10)
    defer { cache.close() }
    for number in 0..<5 {
      #expect(cache.setStale(bytes("stale \(number)"), [1], ttlMs: 1, staleMs: 10_000))
      cache.advance(ms: 10)
    }
    for number in 0..<5 {
      #expect(cache.set(bytes("live \(number)"), [1]) == .ok)
      cache.advance(ms: 10)
    }
    #expect(cache.getOrClaim(bytes("stale 0")).outcome == .stale)
    for number in 0..<5 {
      #expect(cache.set(bytes("new \(number)"), [1]) == .ok)
      cache.advance(ms: 10)
    }
    #expect(cache.getOrClaim(bytes("stale 0")).outcome == .stale)
    #expect(cache.getOrClaim(bytes("stale 1")).outcome == .claimed)
    #expect(!cache.contains(bytes("live 0")) && cache.contains(bytes("live 1")))
  }

  /// Where the entries are that are stale or absences.
  private func refs(_ cache: TestCache) -> [[UInt8]: Ref] {
    var refs: [[UInt8]: Ref] = [:]
    for number in 0..<300 {
      let key = bytes("key \(number)")
      guard let ref = cache.ref(key) else { continue }
      let entry = cache.cache.shard(0).entry(ref)
      if entry.window(entry.access).isCounted { refs[key] = ref }
    }
    return refs
  }

  /// An entry in its window moves as any other does, and is counted where it then is.
  @Test func compactionMovesThem() throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let cache = try open(entries: 0, size: 96 << 10)
    defer { cache.close() }
    var moved = 0
    for step in 0..<3000 {
      let name = bytes("key \(random.below(300))")
      let size = random.below(random.chance(20) ? 4000 : 600)
      let value = [UInt8](repeating: UInt8(step & 0xFF), count: size)
      switch random.below(4) {
      case 0: _ = cache.set(name, value)
      case 1: _ = cache.setAbsent(name, ttlMs: UInt64(1 + random.below(300)))
      default: _ = cache.setStale(name, value, ttlMs: 1, staleMs: UInt64(1 + random.below(300)))
      }
      let before = refs(cache)
      cache.advance(ms: 1)
      _ = cache.cache.count()  // counts what is in its window from now on
      // A large value has others moved out of its way.
      _ = cache.set(bytes("large"), [UInt8](repeating: 1, count: random.below(16_000)))
      let after = refs(cache)
      moved += before.count { key, ref in after[key] != nil && after[key] != ref }
      if step % 20 == 0 { cache.cache.checkInvariants() }
    }
    #expect(moved > 0, "seed \(seed)")
    expectStatisticsToAddUp(cache)
    cache.advance(ms: 1000)
    _ = cache.cleanup()
    cache.cache.checkInvariants()
    #expect(cache.cache.statistics().stale == 0 && cache.cache.statistics().absent == 0)
  }

  /// A value that is not used for a time is of no more use, in its window as before.
  @Test func anIdleValueHasNoWindow() throws {
    let cache = try open(ttiMs: 50)
    defer { cache.close() }
    #expect(cache.setStale(key, [1], ttlMs: 10, staleMs: 1000))
    cache.advance(ms: 40)
    #expect(cache.getOrClaim(key, claimMs: 1).outcome == .stale)
    cache.advance(ms: 49)
    #expect(cache.getOrClaim(key, claimMs: 1).outcome == .stale)
    cache.advance(ms: 50)
    #expect(cache.getOrClaim(key, claimMs: 1).outcome == .claimed)
    _ = cache.cleanup()
    #expect(cache.cache.statistics().expired == 0)
    cache.cache.checkInvariants()
  }
}
