import CacheCore
import SeededRandom
import Testing

/// Whom LRU forgets where access records were lost (Shard+Victim.swift). Caches of a
/// hundred entries, in which something happens every ten milliseconds.
@Suite struct VictimTests {
  private struct Hundred {
    let cache: TestCache
    var shard: Shard { cache.cache.shard(0) }
    /// Whether readers lose access records all the time.
    var areRecordsLost = false

    init(policy: UInt32 = Options.policyLRU) throws {
      cache = try #require(
        TestCache(
          Options(
            policy: policy, flags: Options.manualClock, shardCount: 1, maxEntries: 100,
            hashSeed: 1)))
    }

    static func key(_ number: Int) -> [UInt8] { bytes("key \(number)") }

    func store(_ numbers: Range<Int>, everyMs: UInt64 = 10, before: () -> Void = {}) {
      for number in numbers {
        cache.advance(ms: everyMs)
        if areRecordsLost { shard.counters.pointee.lostMs = cache.cache.clock.coarse }
        before()
        #expect(cache.set(Hundred.key(number), bytes("value")) == .ok)
      }
    }

    func get(_ numbers: Range<Int>) {
      for number in numbers {
        cache.advance(ms: 10)
        #expect(cache.get(Hundred.key(number)) != nil)
      }
    }

    /// Uses without an access record.
    func mark(_ numbers: StrideTo<Int>) {
      for number in numbers {
        if let ref = cache.ref(Hundred.key(number)) {
          shard.setLastUsed(ref, at: cache.cache.clock.coarse)
        }
      }
    }

    func kept(of numbers: some Sequence<Int>) -> [Int] {
      numbers.filter { cache.contains(Hundred.key($0)) }
    }
  }

  /// Recorded or not; where no records were lost the order alone counts.
  @Test(arguments: [false, true])
  func whatIsUsedStays(areRecordsLost: Bool) throws {
    var hundred = try Hundred()
    defer { hundred.cache.close() }
    hundred.areRecordsLost = areRecordsLost
    let used = stride(from: 0, to: 90, by: 3)
    hundred.store(0..<1000) { hundred.mark(used) }
    #expect(hundred.kept(of: used).count == (areRecordsLost ? 30 : 0))
    // Until it is no longer used.
    hundred.store(1000..<1400)
    #expect(hundred.kept(of: used).isEmpty)
  }

  @Test func whatNobodyUsesGoesInOrder() throws {
    var hundred = try Hundred()
    defer { hundred.cache.close() }
    hundred.areRecordsLost = true
    hundred.store(0..<50)
    // Also after a time without anything new.
    hundred.cache.advance(ms: 86_400_000)
    hundred.store(50..<200)
    #expect(hundred.kept(of: 0..<200) == Array(100..<200))
  }

  /// Places that entries came to by access records count as well as where they were stored.
  @Test func whatWasRecordedKeepsItsPlace() throws {
    var hundred = try Hundred()
    defer { hundred.cache.close() }
    hundred.store(0..<100)
    hundred.cache.advance(ms: 10_000)
    hundred.get(0..<100)
    hundred.store(100..<110)
    hundred.areRecordsLost = true
    hundred.store(110..<150)
    #expect(hundred.kept(of: 0..<150) == Array(50..<150))
  }

  /// The adaptive policy has its own view.
  @Test func theAdaptivePolicyGoesByItsNotes() throws {
    let kept = try [false, true].map { areRecordsLost in
      var hundred = try Hundred(policy: Options.policyAdaptive)
      defer { hundred.cache.close() }
      hundred.areRecordsLost = areRecordsLost
      hundred.store(0..<100)
      for start in stride(from: 100, to: 400, by: 10) {
        for number in hundred.kept(of: 0..<start) where number % 3 == 0 {
          _ = hundred.cache.get(Hundred.key(number))
        }
        hundred.store(start..<(start + 10))
      }
      return hundred.kept(of: 0..<400)
    }
    #expect(kept[0] == kept[1])
  }

  /// With one reader no record is lost, unless the lock was taken whenever its ring was
  /// full; then the shard knows when it has drained it.
  @Test func lostNotesAreNoticed() throws {
    let hundred = try Hundred()
    defer { hundred.cache.close() }
    let (shard, lostMs) = (hundred.shard, { hundred.shard.counters.pointee.lostMs })
    hundred.store(0..<10)
    hundred.get(0..<10)
    for _ in 0..<10 { hundred.get(0..<10) }
    hundred.store(10..<11)
    #expect(lostMs() == 0)
    shard.withLock { for _ in 0..<10 { hundred.get(0..<10) } }
    hundred.store(11..<12)
    #expect(lostMs() == hundred.cache.cache.clock.coarse)
  }

  /// How exact times of last use must be follows from how long entries stay.
  @Test func shortStaysWantExactTimes() throws {
    var hundred = try Hundred()
    defer { hundred.cache.close() }
    let accessGranularityMs = { hundred.shard.accessGranularityMs.relaxed }
    hundred.areRecordsLost = true
    hundred.store(0..<300)
    #expect(accessGranularityMs() == Shard.accessGranularityMaxMs)
    hundred.store(300..<600, everyMs: 1)
    // An eighth of 100, give or take a factor of 2
    #expect(accessGranularityMs() >= 6 && accessGranularityMs() <= 24)
    hundred.store(600..<1000, everyMs: 0)
    #expect(accessGranularityMs() <= 2)
    hundred.store(1000..<1300)
    #expect(accessGranularityMs() >= Shard.accessGranularityMaxMs / 2)
  }

  /// The bound is the cache's, and each shard evicts its own: all the same what goes is
  /// near the oldest of all, also after many have been deleted.
  @Test(arguments: [UInt64(1), 2, 3])
  func shardsForgetTheOldestOfAll(seed: UInt64) throws {
    let capacity = 10_000
    let cache = try #require(
      TestCache(
        Options(
          flags: Options.manualClock, shardCount: 8, maxEntries: UInt64(capacity),
          hashSeed: seed)))
    defer { cache.close() }
    var random = Random(seed: seed)
    var stored: [(number: Int, isDeleted: Bool)] = []
    for number in 0..<6 * capacity {
      cache.advance(ms: 1)
      #expect(cache.set(Hundred.key(number), bytes("value")) == .ok)
      stored.append((number, false))
      // A third of what is stored is deleted again, of any age.
      if number % 3 == 0 {
        let victim = max(0, number - random.below(capacity))
        if cache.delete(Hundred.key(victim)) { stored[victim].isDeleted = true }
      }
    }
    // What one shard with an exact order would have.
    let newest = stored.reversed().filter { !$0.isDeleted }.prefix(capacity)
    let kept: [Bool] = newest.map { cache.contains(Hundred.key($0.number)) }
    #expect(cache.cache.count() == UInt64(capacity))
    #expect(!kept[..<(capacity * 85 / 100)].contains(false), "one of the newest is gone")
    #expect(kept.filter { !$0 }.count < capacity * 4 / 100, "SEED=\(seed)")
  }
}
