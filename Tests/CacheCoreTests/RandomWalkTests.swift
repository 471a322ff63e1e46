import CacheCore
import SeededRandom
import Testing

/// Everything at random, over every combination of options: no trap, no foreign
/// or older value, both bounds, the statistics, the invariants.
@Suite struct RandomWalkTests {
  private struct Walk {
    var random: Random
    let cache: TestCache
    let isNoEvict: Bool
    var maxEntries: UInt64
    var maxBytes: UInt64
    var latest: [Int: [UInt8]] = [:]
    var leases: [(Cache.Lease, [UInt8])] = []
    /// The latest claim of a key, if it was not voided.
    var claims: [Int: UInt64] = [:]
    /// A smaller bound that leases stand in the way of.
    var isOverBound = false

    mutating func step(sizeMax: Int, keyCount: Int) -> Bool {
      let number = random.below(keyCount)
      let key = bytes("key \(number)")
      switch random.below(125) {
      case 100..<115: return getOrClaim(number, key)
      case 115..<125: return endClaim(sizeMax: sizeMax)
      case 0..<40:
        let value = [UInt8](repeating: random.next8(), count: random.below(sizeMax))
        let ttl: UInt64 = random.chance(30) ? UInt64(1 + random.below(500)) : 0
        claims[number] = nil
        switch cache.set(key, value, ttlMs: ttl) {
        case .ok: latest[number] = value
        case .refused, .noMemory: latest[number] = nil
        case .full: return isNoEvict
        default: return false
        }
      case 40..<70:
        if let found = cache.get(key), found != latest[number] { return false }
      case 70..<75:
        _ = cache.delete(key)
        (latest[number], claims[number]) = (nil, nil)
      case 75..<79: _ = cache.touch(key, ttlMs: random.chance(50) ? 0 : 300)
      case 79..<84: cache.advance(ms: UInt64(random.below(100)))
      case 84..<88:
        if leases.count < 4, random.chance(40), let lease = cache.acquire(key) {
          leases.append((lease, latest[number] ?? []))
        } else if let (lease, value) = leases.popLast() {
          if Array(lease.value) != value { return false }
          cache.cache.release(ticket: lease.ticket)
        }
      case 88..<91: _ = cache.cleanup(limit: UInt64(1 + random.below(50)))
      case 91..<93:
        var words = [UInt64](repeating: 0, count: 2048)
        words.withUnsafeMutableBytes {
          var buffer = RecordBuffer($0)
          cache.cache.takeRemovals(into: &buffer)
        }
      case 93:
        if random.chance(5) {
          cache.cache.clear()
          (latest, claims) = ([:], [:])
        }
      case 94:
        if random.chance(10) {
          _ = bytes("key 1").withUnsafeBytes { cache.cache.deletePrefix($0) }
          for number in claims.keys where "\(number)".hasPrefix("1") { claims[number] = nil }
          for number in latest.keys where "\(number)".hasPrefix("1") { latest[number] = nil }
        }
      case 95:
        if random.chance(10) { resize() }
      default: _ = cache.contains(key)
      }
      return true
    }

    /// What is found, stale or not, is the latest; a claim is the only one.
    private mutating func getOrClaim(_ number: Int, _ key: [UInt8]) -> Bool {
      let isEarly = random.chance(30)
      let told = cache.getOrClaim(
        key, claimMs: UInt64(1 + random.below(400)), isEarly: isEarly)
      if told.token != 0 { claims[number] = told.token }
      switch told.outcome {
      case .ok, .stale: return told.value == latest[number]
      case .absent: return told.token == 0 && latest[number] == nil
      case .claimed: return told.token != 0
      case .pending: return told.token == 0 && told.seen == claims[number]
      default: return false
      }
    }

    /// A claim may have ended by itself, or for another's sake; it is never kept despite
    /// what voids it.
    private mutating func endClaim(sizeMax: Int) -> Bool {
      guard let number = claims.keys.min(by: { ($0 &* 7919) % 1499 < ($1 &* 7919) % 1499 }) else {
        return true
      }
      let (key, token) = (bytes("key \(number)"), claims.removeValue(forKey: number)!)
      if random.chance(15) {
        cache.abandon(key, retryMs: UInt64(random.below(50)), token: token)
        return true
      }
      let ttl = UInt64(1 + random.below(200))
      let value = [UInt8](repeating: random.next8(), count: random.below(sizeMax))
      let isAbsence = random.chance(25)
      let outcome =
        isAbsence
        ? cache.fulfillAbsent(key, ttlMs: ttl, token: token)
        : cache.fulfill(
          key, value, ttlMs: ttl, staleMs: UInt64(random.below(300)),
          keepsCost: random.chance(50), token: token)
      switch outcome {
      case .ok: latest[number] = isAbsence ? nil : value
      case .refused, .noMemory: latest[number] = nil
      case .full:
        if isAbsence { latest[number] = nil }
        return isNoEvict
      case .conflict: break
      default: return false
      }
      return true
    }

    private mutating func resize() {
      let entries = maxEntries == 0 ? 0 : UInt64(1 + random.below(2000))
      let size = maxBytes == 0 ? 0 : UInt64((256 << 10) + random.below(2 << 20))
      let outcome = cache.cache.resize(maxEntries: entries, maxBytes: size)
      if outcome == .ok || outcome == .state {
        (maxEntries, maxBytes) = (entries, size)
        isOverBound = outcome == .state
      }
    }

    func isInBounds() -> Bool {
      let statistics = cache.cache.statistics()
      return isOverBound
        || ((maxEntries == 0 || statistics.entries <= maxEntries)
          && (maxBytes == 0 || statistics.bytesResident <= maxBytes))
    }
  }

  private typealias Bounds = (shards: UInt32, entries: UInt64, size: UInt64, ttiMs: UInt64)

  @Test(
    arguments: [Options.policyLRU, Options.policyAdaptive],
    [0, Options.noEvict, Options.reportRemovals, Options.noEvict | Options.reportRemovals])
  func everythingAtRandom(policy: UInt32, flags: UInt32) throws {
    for bounds in [
      (1, 300, 0, 0), (4, 1000, 0, 70), (1, 0, 512 << 10, 0), (4, 0, 1 << 20, 200),
      (2, 500, 1 << 20, 0),
    ] as [Bounds] {
      try walk(seed: UInt64.random(in: 1 ... .max), policy: policy, flags: flags, bounds)
    }
  }

  /// An entry that gave way to itself, after a hole, was taken for a block still.
  @Test(
    arguments: [
      (2_129_306_884_775_561_732, Options.policyLRU, Options.reportRemovals),
      (14_869_755_477_855_523_181, Options.policyLRU, 0),
      (9_769_671_608_058_875_993, Options.policyAdaptive, Options.reportRemovals),
    ] as [(UInt64, UInt32, UInt32)])
  func walksThatFailed(seed: UInt64, policy: UInt32, flags: UInt32) throws {
    try walk(seed: seed, policy: policy, flags: flags, (1, 0, 512 << 10, 0))
  }

  private func walk(seed: UInt64, policy: UInt32, flags: UInt32, _ bounds: Bounds) throws {
    // A broken invariant ends the process: say which walk it was.
    print("walk: seed \(seed), policy \(policy), flags \(flags), bounds \(bounds)")
    let cache = try #require(
      TestCache(
        Options(
          policy: policy, flags: flags | Options.manualClock, shardCount: bounds.shards,
          maxEntries: bounds.entries, maxBytes: bounds.size, defaultTtiMs: bounds.ttiMs,
          hashSeed: seed)))
    var walk = Walk(
      random: Random(seed: seed), cache: cache, isNoEvict: flags & Options.noEvict != 0,
      maxEntries: bounds.entries, maxBytes: bounds.size)
    let sizeMax = [40, 1000, 20_000][walk.random.below(3)]
    for step in 0..<4000 {
      let isRight = walk.step(sizeMax: sizeMax, keyCount: 1500)
      #expect(isRight, "seed \(seed), step \(step), bounds \(bounds)")
      if step % 100 == 0 {
        #expect(walk.isInBounds(), "seed \(seed), step \(step), bounds \(bounds)")
        cache.cache.checkInvariants()
      }
      expectStatisticsToAddUp(cache)
    }
    for (lease, _) in walk.leases { cache.cache.release(ticket: lease.ticket) }
    cache.cache.checkInvariants()
    cache.close()
  }
}

extension Random {
  mutating func next8() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}
