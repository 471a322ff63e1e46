import CPlatform
import CacheCore
import Fibers
import Linearizability
import SeededRandom

/// One of the threads of a schedule: a script of calls, and what it was told.
final class Actor {
  private static let callCount = 12
  private static let callCountWithClaims = 20
  private static let leasesMax = 3

  let play: Play
  let index: Int
  var random: Random
  var claims = Claims()
  private var numbers: UInt64 = 0
  private var leases: [(lease: Cache.Lease, value: UInt64)] = []

  var cache: Cache { play.cache }
  var scenario: Scenario { play.scenario }

  init(_ play: Play, index: Int, random: Random) {
    self.play = play
    self.index = index
    self.random = random
  }

  func run() {
    let callCount = scenario.hasClaims ? Actor.callCountWithClaims : Actor.callCount
    for _ in 0..<callCount {
      if scenario.hasClaims, random.chance(65) {
        callAboutClaims()
      } else if random.chance(55) {
        callRecorded()
      } else {
        callAround()
      }
      play.checkSleepers()
    }
    if index == play.sweeperActor { _ = cache.sweeper.stop(timeoutMs: 0) }
    endLeases()
  }

  func endLeases() { while !leases.isEmpty { endLease() } }

  // MARK: Recorded

  private func callRecorded() {
    let key = random.below(Scenario.keyCount)
    switch scenario.isReadMostly && random.chance(70) ? 0 : random.below(20) {
    case 0..<5: _ = get(key)
    case 5: acquire(key)
    case 6: record(key, OPERATION_CONTAINS) { _, key in cache.contains(key) ? .ok : .miss }
    case 7..<11: store(key, OPERATION_SET, .always)
    case 11: store(key, OPERATION_ADD, .absent)
    case 12: store(key, OPERATION_REPLACE, .present)
    case 13: compareAndSet(key)
    case 14, 15: record(key, OPERATION_DELETE) { _, key in cache.delete(key) }
    case 16, 17:
      let ttl = someTtl()
      record(key, OPERATION_TOUCH) { call, key in
        call.ttl = ttl
        return cache.touch(key, deadline: cache.deadline(ttlMs: ttl))
      }
    default: increment(key)
    }
  }

  /// Does a call and writes down what it was told. nil if there were too many.
  @discardableResult
  func record(
    _ key: Int, _ kind: operation_kind_t,
    _ body: (inout operation_t, UnsafeRawBufferPointer) -> Outcome
  ) -> operation_t? {
    guard let place = history_add(play.histories[key], UInt32(index)) else { return nil }
    var call = operation_t()
    call.kind = kind
    call.clock_low = cache.clock.coarse
    call.invoked = play.scheduler.moment()
    call.status = Play.key(key).withUnsafeBytes { body(&call, $0).rawValue }
    call.returned = play.scheduler.moment()
    call.clock_high = cache.clock.coarse
    place.pointee = call
    return call
  }

  private func get(_ key: Int) -> operation_t? {
    record(key, OPERATION_GET) { call, bytes in
      let (outcome, found) = play.get(bytes)
      if outcome == .ok { call.value = understand(found, key) }
      return outcome
    }
  }

  private func acquire(_ key: Int) {
    if leases.count == Actor.leasesMax || random.chance(40) { endLease() }
    record(key, OPERATION_GET) { call, bytes in
      var lease: Cache.Lease?
      let outcome = cache.acquire(bytes, &lease)
      if let lease {
        call.value = understand(Array(lease.value), key)
        leases.append((lease, call.value))
      }
      return outcome
    }
  }

  /// What was lent is as it was, whatever became of the entry.
  private func endLease() {
    guard let (lease, value) = leases.popLast() else { return }
    if understand(Array(lease.value), -1) != value { play.fail("a lent value changed") }
    cache.release(ticket: lease.ticket)
  }

  func understand(_ bytes: [UInt8], _ key: Int) -> UInt64 {
    guard let value = Value.value(bytes, sizes: scenario.sizes) else {
      play.fail("key \(key): \(bytes.count) bytes are no value: \(bytes.prefix(24))")
    }
    return value
  }

  func newValue() -> UInt64 {
    numbers += 1
    let number = (numbers * 8 + UInt64(index)) * 1000
    return random.chance(30) ? number : number | Value.notANumber
  }

  private func someTtl() -> UInt64 {
    scenario.hasLifetimes && random.chance(50) ? UInt64(1 + random.below(30)) : 0
  }

  private func store(
    _ key: Int, _ kind: operation_kind_t, _ condition: Shard.Condition, expected: UInt64 = 0
  ) {
    let (value, ttl) = (newValue(), someTtl())
    record(key, kind) { call, key in
      call.value = value
      call.expected = expected
      call.ttl = ttl
      return Value.bytes(value, sizes: scenario.sizes).withUnsafeBytes {
        cache.set(key, $0, deadline: cache.deadline(ttlMs: ttl), if: condition)
      }
    }
  }

  /// By a version whose value is known: read between two readings of it.
  private func compareAndSet(_ key: Int) {
    let bytes = Play.key(key)
    guard let before = bytes.withUnsafeBytes({ cache.inspect($0) }),
      let read = get(key), read.status == 0,
      let after = bytes.withUnsafeBytes({ cache.inspect($0) }), before.version == after.version
    else { return }
    store(key, OPERATION_COMPARE_AND_SET, .version(before.version), expected: read.value)
  }

  private func increment(_ key: Int) {
    let (initial, ttl) = (newValue() & ~Value.notANumber, someTtl())
    record(key, OPERATION_INCREMENT) { call, key in
      call.delta = 1
      call.expected = initial
      call.ttl = ttl
      var sum: Int64 = 0
      let outcome = cache.increment(
        key, by: 1, initial: Int64(initial), deadline: cache.deadline(ttlMs: ttl), sum: &sum)
      call.value = UInt64(bitPattern: sum)
      return outcome
    }
  }

  // MARK: Around

  private func callAround() {
    switch random.below(24) {
    case 0..<9: for _ in 0..<1 + random.below(scenario.burst) { play.setFiller(&random) }
    case 9..<12:
      _ = Play.filler(random.below(scenario.fillerCount)).withUnsafeBytes { cache.delete($0) }
    case 12, 13: _ = cache.advanceClock(by: UInt64(random.below(12)))
    case 14, 15:
      var pace = Cache.Pace()
      let limit: UInt64 = random.chance(50) ? 2 : .max
      _ = cache.removeExpired(limit: limit, pace: &pace) { true }
    case 16: if scenario.mayEvict || scenario.isNoEvict { resize() }
    case 17: takeRemovals()
    case 18: if !cache.statistics().addsUp { play.fail("statistics: \(cache.statistics())") }
    case 19: _ = Play.fillerPrefix.withUnsafeBytes { cache.deletePrefix($0) }
    case 20: if random.chance(30) { forkAndUse() }
    case 21: scan()
    default: if index == play.sweeperActor { controlSweeper() }
    }
  }

  private func resize() {
    let entries = scenario.options.maxEntries
    let size = scenario.options.maxBytes
    let wanted = size == 0 ? 0 : max(64 << 10, size * 3 / 4 + UInt64(random.below(Int(size) / 2)))
    let outcome = cache.resize(
      maxEntries: entries == 0 ? 0 : max(1, entries / 2) + UInt64(random.below(Int(entries))),
      maxBytes: wanted)
    switch outcome {
    case .ok, .state, .argument: break
    case .full where scenario.isNoEvict: break
    default: play.fail("resize: \(outcome)")
    }
  }

  private func takeRemovals() {
    guard scenario.reportsRemovals else { return }
    withUnsafeTemporaryAllocation(byteCount: 20_000, alignment: 8) {
      var buffer = RecordBuffer($0)
      cache.takeRemovals(into: &buffer)
    }
  }

  private func scan() {
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) {
      var buffer = RecordBuffer($0)
      var cursor: UInt64 = 0
      cache.scan(&cursor, prefix: UnsafeRawBufferPointer(start: nil, count: 0), into: &buffer)
    }
  }

  private func controlSweeper() {
    var removed: UInt64 = 0
    switch random.below(6) {
    case 0, 1:
      _ = cache.sweeper.start(
        Sweeper.Options(
          flags: UInt32(random.below(4)), intervalMs: UInt64(random.below(3)), maxSliceUs: 1))
    case 2: _ = cache.sweeper.pause()
    case 3: _ = cache.sweeper.resume()
    case 4: _ = cache.sweeper.trigger(removed: &removed)
    default: _ = cache.sweeper.stop(timeoutMs: 0)
    }
  }

  // MARK: fork

  /// The child has a cache that works, whatever the others were in the middle of.
  private func forkAndUse() {
    let child = fork_fiber()
    if child != 0 {
      let status = wait_for_child(child)
      if status != 0 { play.fail("the child of a fork: \(status)") }
      return
    }
    alarm(20)
    play.scheduler.stopsHere = nil
    for number in 0..<Scenario.keyCount {
      Play.key(number).withUnsafeBytes { key in
        let (outcome, bytes) = play.get(key)
        if outcome == .ok { _ = understand(bytes, number) }
        claimInChild(key)
        _ = cache.set(key, UnsafeRawBufferPointer(rebasing: key[..<1]), deadline: Clock.never)
        _ = cache.delete(key)
        if cache.contains(key) { play.fail("deleted, and there, in the child") }
      }
    }
    for _ in 0..<5 { play.setFiller(&random) }
    var pace = Cache.Pace()
    _ = cache.removeExpired(limit: .max, pace: &pace) { true }
    if !cache.statistics().addsUp { play.fail("statistics in the child") }
    _ = cache.sweeper.stop(timeoutMs: 0)
    cache.clear()
    cache.checkInvariants()
    cache.close()
    _exit(0)
  }

  /// The parent's claims do not stand here.
  private func claimInChild(_ key: UnsafeRawBufferPointer) {
    var claim = Cache.Claim()
    var size = 0
    let outcome = withUnsafeTemporaryAllocation(byteCount: 40_000, alignment: 8) {
      cache.getOrClaim(key, into: $0, size: &size, &claim)
    }
    switch outcome {
    case .ok, .absent: return
    case .claimed, .stale: if claim.token == 0 { play.fail("not elected, in the child") }
    default: play.fail("get_or_claim in the child: \(outcome)")
    }
    let value = UnsafeRawBufferPointer(rebasing: key[..<1])
    let stored = cache.fulfill(
      key, value, deadline: Clock.never, Fulfillment(token: claim.token))
    if stored == .conflict { play.fail("a claim of the child's is void") }
  }
}
