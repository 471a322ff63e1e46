import CPlatform
import CacheCore
import Synchronization
import Testing

/// Who computes a missing value (Cache+Claims.swift), rule by rule.
@Suite struct ClaimTests {
  private func open(flags: UInt32 = 0, entries: UInt64 = 1000, size: UInt64 = 0) throws -> TestCache
  {
    try #require(
      TestCache(
        Options(
          flags: flags | Options.manualClock, shardCount: 1, maxEntries: entries, maxBytes: size,
          hashSeed: 7)))
  }

  private let key = bytes("key")

  /// A live value under `key` and a claim to compute it anew.
  private func claimLive(_ cache: TestCache, ttlMs: UInt64 = 100) throws -> UInt64 {
    let first = cache.getOrClaim(key, claimMs: 1 << 30)
    cache.advance(ms: 1 << 22)  // it took that long, so that it is refreshed very early
    #expect(
      cache.fulfill(key, bytes("1"), ttlMs: ttlMs, keepsCost: true, token: first.token) == .ok)
    for _ in 0..<100 {
      let answer = cache.getOrClaim(key, isEarly: true)
      #expect(answer.outcome == .ok)
      if answer.token != 0 { return answer.token }
    }
    Issue.record("nobody was elected early")
    return 0
  }

  // MARK: Electing

  @Test func oneCallerIsElected() throws {
    let cache = try open()
    defer { cache.close() }
    let first = cache.getOrClaim(key)
    #expect(first.outcome == .claimed && first.token != 0 && first.seen == first.token)
    let second = cache.getOrClaim(key)
    #expect(second.outcome == .pending && second.token == 0 && second.seen == first.token)
    #expect(cache.getOrClaim(bytes("another")).outcome == .claimed)
    #expect(cache.fulfill(key, bytes("value"), token: first.token) == .ok)
    let third = cache.getOrClaim(key)
    #expect(third.outcome == .ok && third.value == bytes("value"))
    #expect(third.token == 0 && third.seen == 0)
  }

  @Test func aClaimEndsByItself() throws {
    let cache = try open()
    defer { cache.close() }
    let first = cache.getOrClaim(key, claimMs: 20)
    cache.advance(ms: 19)
    #expect(cache.getOrClaim(key).outcome == .pending && cache.stands(key, first.token))
    cache.advance(ms: 1)
    #expect(!cache.stands(key, first.token))
    // It is void even if nobody else was elected.
    #expect(cache.fulfill(key, bytes("late"), token: first.token) == .conflict)
    #expect(cache.get(key) == nil)
    let second = cache.getOrClaim(key)
    #expect(second.outcome == .claimed && second.token != first.token)
    #expect(cache.fulfill(key, bytes("later"), token: first.token) == .conflict)
    #expect(cache.fulfill(key, bytes("value"), token: second.token) == .ok)
    // 30 s unless the caller says otherwise.
    let third = cache.getOrClaim(bytes("default"))
    cache.advance(ms: 29_999)
    #expect(cache.stands(bytes("default"), third.token))
    cache.advance(ms: 1)
    #expect(!cache.stands(bytes("default"), third.token))
  }

  @Test func tokensNeverRepeat() throws {
    var seen: Set<UInt64> = []
    for _ in 0..<20 {
      let cache = try #require(
        TestCache(Options(flags: Options.manualClock, shardCount: 4, maxEntries: 1000)))
      for number in 0..<500 {
        let token = cache.getOrClaim(bytes("\(number)")).token
        #expect(token != 0 && seen.insert(token).inserted)
        if number % 2 == 0 { cache.cache.clear() }
      }
      cache.close()
    }
  }

  @Test func tooSmallTakesNoClaim() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, bytes("value"), ttlMs: 10, staleMs: 100))
    let live = cache.getOrClaim(key, capacity: 1)
    #expect(live.outcome == .tooSmall && live.token == 0)
    cache.advance(ms: 10)
    let misses = cache.cache.statistics().misses
    let stale = cache.getOrClaim(key, capacity: 1)
    #expect(stale.outcome == .tooSmall && stale.token == 0 && stale.seen == 0)
    #expect(cache.cache.statistics().misses == misses)
    #expect(cache.cache.statistics().staleServed == 0)
    #expect(cache.getOrClaim(key).token != 0)
  }

  @Test func whatCountsAsAMiss() throws {
    let cache = try open()
    defer { cache.close() }
    func counts() -> [UInt64] {
      let now = cache.cache.statistics()
      return [now.hits, now.misses, now.staleServed, now.absentServed]
    }
    let token = cache.getOrClaim(key).token
    #expect(counts() == [0, 1, 0, 0])
    _ = cache.getOrClaim(key)  // PENDING
    #expect(counts() == [0, 1, 0, 0])
    #expect(cache.fulfill(key, [1], ttlMs: 10, staleMs: 10, token: token) == .ok)
    _ = cache.getOrClaim(key)
    #expect(counts() == [1, 1, 0, 0])
    cache.advance(ms: 10)
    let stale = cache.getOrClaim(key)
    _ = cache.getOrClaim(key)  // without a token
    #expect(counts() == [1, 3, 2, 0])
    #expect(cache.fulfillAbsent(key, ttlMs: 10, token: stale.token) == .ok)
    #expect(cache.getOrClaim(key).outcome == .absent)
    #expect(counts() == [1, 4, 2, 1])
  }

  /// It is in no count, scan or report, and stands where no entry has room.
  @Test func aClaimIsNoEntry() throws {
    let cache = try open(flags: Options.noEvict | Options.reportRemovals, entries: 2)
    defer { cache.close() }
    #expect(cache.set(bytes("1"), [1]) == .ok && cache.set(bytes("2"), [2]) == .ok)
    let claim = cache.getOrClaim(key)
    #expect(claim.outcome == .claimed)
    #expect(cache.cache.count() == 2 && Set(cache.scan()) == [bytes("1"), bytes("2")])
    #expect(cache.info(key) == nil && !cache.contains(key))
    // A refusal leaves the entries and ends the claim.
    #expect(cache.fulfill(key, [3], token: claim.token) == .full)
    #expect(!cache.stands(key, claim.token))
    #expect(cache.delete(bytes("1")))
    #expect(cache.fulfill(key, [3], token: cache.getOrClaim(key).token) == .ok)
    cache.cache.checkInvariants()
  }

  /// A table that is full voids its oldest claim, and wakes those who wait for it.
  @Test func aFullTableVoidsItsOldest() throws {
    let cache = try open(entries: 16)  // and room for as many claims
    defer { cache.close() }
    let tokens = (0..<17).map { cache.getOrClaim(bytes("\($0)")).token }
    #expect(!cache.stands(bytes("0"), tokens[0]))
    for number in 1..<17 { #expect(cache.stands(bytes("\(number)"), tokens[number])) }
    #expect(cache.fulfill(bytes("0"), [1], token: tokens[0]) == .conflict)
    #expect(cache.fulfill(bytes("16"), [1], token: tokens[16]) == .ok)
    cache.cache.checkInvariants()
  }

  // MARK: Voiding

  private typealias Step = (TestCache, [UInt8]) -> Outcome

  /// What a write or an invalidation does to the claim of its key.
  private func expect(
    _ name: String, live: Bool, voids: Bool, told: Outcome, _ step: Step
  ) throws {
    let cache = try open(size: 1 << 20)
    defer { cache.close() }
    let token = live ? try claimLive(cache) : cache.getOrClaim(key).token
    let outcome = step(cache, key)
    #expect(outcome == told, "\(name)")
    #expect(cache.stands(key, token) == !voids, "\(name)")
    let stored = cache.fulfill(key, bytes("computed"), token: token)
    #expect(stored == (voids ? .conflict : .ok), "\(name)")
    cache.cache.checkInvariants()
  }

  @Test func whatStoresVoids() throws {
    for live in [false, true] {
      try expect("set", live: live, voids: true, told: .ok) { $0.set($1, [2]) }
      try expect("increment", live: live, voids: true, told: .ok) {
        $0.increment($1, by: 1, initial: 1).0
      }
    }
    try expect("add", live: false, voids: true, told: .ok) { $0.set($1, [2], if: .absent) }
    try expect("replace", live: true, voids: true, told: .ok) { $0.set($1, [2], if: .present) }
    try expect("compare_and_set", live: true, voids: true, told: .ok) {
      $0.set($1, [2], if: .version($0.info($1)!.version))
    }
  }

  @Test func whatIsRefusedVoids() throws {
    let large = [UInt8](repeating: 0, count: 2 << 20)
    try expect("set", live: false, voids: true, told: .refused) { $0.set($1, large) }
    try expect("set over a value", live: true, voids: true, told: .refused) { $0.set($1, large) }
    try expect("replace", live: true, voids: true, told: .refused) {
      $0.set($1, large, if: .present)
    }
    // The value stays, the claim goes.
    let cache = try open(flags: Options.noEvict, size: 64 << 10)
    defer { cache.close() }
    let token = try claimLive(cache)
    #expect(cache.set(key, large) == .full)
    #expect(cache.get(key) == bytes("1") && !cache.stands(key, token))
  }

  @Test func invalidationsVoid() throws {
    try expect("delete", live: true, voids: true, told: .ok) { $0.delete($1) ? .ok : .miss }
    try expect("delete of nothing", live: false, voids: true, told: .miss) {
      $0.delete($1) ? .ok : .miss
    }
    for live in [false, true] {
      try expect("set_until in the past", live: live, voids: true, told: .ok) { cache, key in
        key.withUnsafeBytes { cache.cache.set($0, $0, untilUnixMs: 1) }
      }
      try expect("clear", live: live, voids: true, told: .ok) { cache, _ in
        cache.cache.clear()
        return .ok
      }
      try expect("delete_prefix", live: live, voids: true, told: .ok) { cache, _ in
        _ = bytes("k").withUnsafeBytes { cache.cache.deletePrefix($0) }
        return .ok
      }
    }
  }

  @Test func whatChangesNothingVoidsNothing() throws {
    try expect("add", live: true, voids: false, told: .exists) { $0.set($1, [2], if: .absent) }
    try expect("replace", live: false, voids: false, told: .miss) {
      $0.set($1, [2], if: .present)
    }
    try expect("compare_and_set", live: true, voids: false, told: .conflict) {
      $0.set($1, [2], if: .version(1))
    }
    try expect("compare_and_set of nothing", live: false, voids: false, told: .miss) {
      $0.set($1, [2], if: .version(1))
    }
    try expect("touch", live: true, voids: false, told: .ok) { $0.touch($1, ttlMs: 5) }
    try expect("touch of nothing", live: false, voids: false, told: .miss) {
      $0.touch($1, ttlMs: 5)
    }
    try expect("another key", live: false, voids: false, told: .ok) { cache, _ in
      cache.set(bytes("another"), [1])
    }
    try expect("another prefix", live: false, voids: false, told: .ok) { cache, _ in
      _ = bytes("kez").withUnsafeBytes { cache.cache.deletePrefix($0) }
      return .ok
    }
    try expect("expiry", live: true, voids: false, told: .ok) { cache, _ in
      cache.advance(ms: 200)
      _ = cache.cleanup()
      return .ok
    }
    try expect("eviction", live: true, voids: false, told: .ok) { cache, key in
      for number in 0..<3000 { _ = cache.set(bytes("\(number)"), [1]) }
      return cache.contains(key) ? .exists : .ok
    }
    try expect("resize", live: false, voids: false, told: .ok) { cache, _ in
      cache.cache.resize(maxEntries: 10, maxBytes: 1 << 20)
    }
  }

  /// Not what is no number, either.
  @Test func anIncrementOfTextVoidsNothing() throws {
    let cache = try open()
    defer { cache.close() }
    let first = cache.getOrClaim(key, claimMs: 1 << 30)
    cache.advance(ms: 1 << 22)
    #expect(
      cache.fulfill(key, bytes("text"), ttlMs: 100, keepsCost: true, token: first.token) == .ok)
    var token: UInt64 = 0
    for _ in 0..<100 where token == 0 { token = cache.getOrClaim(key, isEarly: true).token }
    #expect(cache.increment(key, by: 1, initial: 1).0 == .type)
    #expect(token != 0 && cache.stands(key, token))
  }

  /// Of a long key 16 bytes are known: what may have the prefix is voided.
  @Test func aLongPrefixVoidsWhatMayHaveIt() throws {
    let cache = try open()
    defer { cache.close() }
    let keys = ["0123456789abcdefX", "0123456789abcdefY", "0123456789abcdeX", "0123456789abcdef"]
    let tokens = keys.map { cache.getOrClaim(bytes($0)).token }
    _ = bytes("0123456789abcdefX").withUnsafeBytes { cache.cache.deletePrefix($0) }
    #expect(!cache.stands(bytes(keys[0]), tokens[0]))
    #expect(!cache.stands(bytes(keys[1]), tokens[1]))
    // Another head; too short.
    #expect(cache.stands(bytes(keys[2]), tokens[2]) && cache.stands(bytes(keys[3]), tokens[3]))
  }

  // MARK: Ending

  @Test func whateverAFulfillmentIsToldItEndsTheClaim() throws {
    let cache = try open(size: 1 << 20)
    defer { cache.close() }
    let first = cache.getOrClaim(key)
    let large = [UInt8](repeating: 0, count: 2 << 20)
    #expect(cache.fulfill(key, large, token: first.token) == .refused)
    #expect(!cache.stands(key, first.token))
    #expect(cache.getOrClaim(key).outcome == .claimed)
    // A claim is good for one.
    let second = cache.getOrClaim(bytes("b"))
    #expect(cache.fulfill(bytes("b"), [1], token: second.token) == .ok)
    #expect(cache.fulfill(bytes("b"), [2], token: second.token) == .conflict)
    #expect(cache.get(bytes("b")) == [1])
    // A foreign key's, or none.
    let third = cache.getOrClaim(bytes("c"))
    #expect(cache.fulfill(bytes("d"), [1], token: third.token) == .conflict)
    #expect(cache.fulfill(bytes("c"), [1], token: 0) == .conflict)
    #expect(cache.fulfillAbsent(bytes("d"), ttlMs: 1, token: third.token) == .conflict)
    #expect(cache.stands(bytes("c"), third.token))
  }

  @Test func anAbsenceNeedsALifetime() throws {
    let cache = try open()
    defer { cache.close() }
    let token = cache.getOrClaim(key).token
    #expect(cache.fulfillAbsent(key, ttlMs: 0, token: token) == .argument)
    #expect(cache.fulfillAbsent(key, ttlMs: Clock.orItsOwn, token: token) == .argument)
    #expect(cache.stands(key, token))
    #expect(cache.fulfillAbsent(key, ttlMs: .max, token: token) == .ok)
    cache.advance(ms: Clock.manualLimit / 2)
    #expect(cache.getOrClaim(key).outcome == .absent)
  }

  @Test func abandoningElectsTheNext() throws {
    let cache = try open()
    defer { cache.close() }
    let first = cache.getOrClaim(key)
    cache.abandon(key, retryMs: 50, token: first.token)
    #expect(!cache.stands(key, first.token))
    // There is nothing to serve meanwhile.
    #expect(cache.getOrClaim(key).outcome == .claimed)
  }

  @Test func whatIsStaleIsServedUntilTheRetry() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, bytes("old"), ttlMs: 10, staleMs: 1000))
    cache.advance(ms: 10)
    let first = cache.getOrClaim(key)
    #expect(first.outcome == .stale && first.token != 0)
    cache.abandon(key, retryMs: 50, token: first.token)
    for _ in 0..<50 {
      let paused = cache.getOrClaim(key)
      #expect(paused.outcome == .stale && paused.token == 0 && paused.seen == 0)
      cache.advance(ms: 1)
    }
    let second = cache.getOrClaim(key)
    #expect(second.outcome == .stale && second.token != 0)
    // An invalidation ends a pause as it ends a claim.
    cache.abandon(key, retryMs: 50, token: second.token)
    #expect(!cache.delete(key))
    #expect(cache.setStale(key, bytes("old"), ttlMs: 10, staleMs: 1000))
    cache.advance(ms: 10)
    #expect(cache.getOrClaim(key).token != 0)
    cache.cache.checkInvariants()
  }

  /// Giving up what has ended by itself is no reason to wait.
  @Test func aClaimThatEndedByItselfLeavesNoPause() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.setStale(key, bytes("old"), ttlMs: 10, staleMs: 1000))
    cache.advance(ms: 10)
    let first = cache.getOrClaim(key, claimMs: 5)
    cache.advance(ms: 5)
    cache.abandon(key, retryMs: 500, token: first.token)
    #expect(cache.getOrClaim(key).token != 0)
  }

  // MARK: Waiting

  @Test func waitingForWhatHasEndedReturnsAtOnce() throws {
    let cache = try open()
    defer { cache.close() }
    #expect(cache.wait(key, seen: 0, timeoutMs: 1 << 30) == .ok)
    let first = cache.getOrClaim(key)
    #expect(cache.wait(key, seen: first.token) == .timeout)
    #expect(cache.wait(key, seen: first.token, timeoutMs: 5) == .timeout)
    cache.abandon(key, token: first.token)
    let second = cache.getOrClaim(key)
    #expect(second.outcome == .claimed)
    // Another's claim is not the one that was seen.
    #expect(cache.wait(key, seen: first.token, timeoutMs: 1 << 30) == .ok)
    #expect(cache.wait(key, seen: second.token) == .timeout)
  }

  /// Threads sleep until the claim ends, in whatever way that is.
  @Test func whoeverEndsAClaimWakesTheWaiters() throws {
    let key = key
    let ways: [(String, Outcome, (TestCache, UInt64) -> Void)] = [
      ("fulfill", .ok, { _ = $0.fulfill(key, [1], token: $1) }),
      ("fulfill_absent", .ok, { _ = $0.fulfillAbsent(key, ttlMs: 10, token: $1) }),
      ("abandon", .ok, { $0.abandon(key, token: $1) }),
      ("a pause", .ok, { $0.abandon(key, retryMs: 1000, token: $1) }),
      ("set", .ok, { cache, _ in _ = cache.set(key, [1]) }),
      ("delete", .ok, { cache, _ in _ = cache.delete(key) }),
      ("clear", .ok, { cache, _ in cache.cache.clear() }),
      ("time", .ok, { cache, _ in cache.advance(ms: 30_000) }),
      (
        "a full table", .ok,
        { cache, _ in
          for number in 0..<16 { _ = cache.getOrClaim(bytes("\(number)")) }
        }
      ),
      ("close", .state, { cache, _ in cache.close() }),
    ]
    for (name, told, end) in ways {
      let cache = try open(entries: 16)  // and room for as many claims
      let token = cache.getOrClaim(key).token
      let waiters = try (0..<3).map { _ in try Waiter(cache, key, seen: token) }
      while waiters.contains(where: { !$0.isAsleep }) { platform_nap(100_000) }
      end(cache, token)
      for _ in 0..<20_000 where waiters.contains(where: { !$0.isOver }) { platform_nap(1_000_000) }
      let areWoken = waiters.allSatisfy { $0.isOver }
      #expect(areWoken, "\(name) wakes those who wait")
      // Which wakes all, so that the test ends.
      if told == .ok || !areWoken { cache.close() }
      for waiter in waiters { #expect(!areWoken || waiter.join() == told, "\(name)") }
    }
  }
}

/// A thread that waits for a claim, without a limit.
private final class Waiter: @unchecked Sendable {
  private let (cache, key, seen): (TestCache, [UInt8], UInt64)
  private var thread: UInt64 = 0
  private var told = Outcome.argument
  private let over = Atomic<Bool>(false)

  init(_ cache: TestCache, _ key: [UInt8], seen: UInt64) throws {
    (self.cache, self.key, self.seen) = (cache, key, seen)
    let context = Unmanaged.passRetained(self).toOpaque()
    let error = platform_thread_start(
      &thread, 1 << 20,
      { context in
        let waiter = Unmanaged<Waiter>.fromOpaque(context!).takeRetainedValue()
        waiter.told = waiter.cache.wait(
          waiter.key, seen: waiter.seen, timeoutMs: UInt64(UInt32.max))
        waiter.over.store(true, ordering: .releasing)
        return nil
      }, context)
    try #require(error == 0)
  }

  /// Or about to be: it has said so.
  var isAsleep: Bool {
    let hash = key.withUnsafeBytes { cache.cache.shard(0).keyHash($0) }
    let waits: UnsafeMutablePointer<ClaimWait> = RegionTail.claimWaits.elements(
      in: cache.cache.region.tail)
    return waits[Int(hash >> 16 & 63)].sleepers.word.pointee.load(
      ordering: .sequentiallyConsistent) >= 3
  }

  var isOver: Bool { over.load(ordering: .acquiring) }

  func join() -> Outcome {
    platform_thread_join(thread)
    return told
  }
}
