import CPlatform
import CacheCore
@preconcurrency import Linearizability
import SeededRandom
import Synchronization

/// One schedule: a scenario, its cache, actors who call it, and what must hold
/// in the end.
final class Play {
  private static let actorsMax = 4

  let seed: UInt64
  let scenario: Scenario
  let cache: Cache
  let scheduler: Scheduler
  let histories: [UnsafeMutablePointer<history_t>]
  let sweeperActor: Int
  /// Every token that was given.
  var tokens: Set<UInt64> = []
  private var actors: [Actor] = []
  private var random: Random

  static let fillerPrefix = Array("filler ".utf8)
  static func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }
  static func filler(_ number: Int) -> [UInt8] { fillerPrefix + Array(String(number).utf8) }

  init(seed: UInt64) {
    self.seed = seed
    var random = Random(seed: seed)
    let scenario = Scenario.from(&random)
    self.scenario = scenario
    let fail: (String) -> Never = { Play.fail($0, seed: seed, scenario.name) }
    scheduler = Scheduler(seed: random.next(), fail: fail)
    var refusal = Refusal.memory
    guard let cache = Cache.open(scenario.options, refusal: &refusal) else {
      fail("open: \(refusal)")
    }
    self.cache = cache
    if let (entries, size) = scenario.resizedTo {
      _ = cache.resize(maxEntries: entries, maxBytes: size)
    }
    histories = Play.allHistories
    sweeperActor = random.chance(40) ? 0 : -1
    self.random = random
  }

  nonisolated(unsafe) private static let allHistories = (0..<Scenario.keyCount).map { _ in
    UnsafeMutablePointer<history_t>.allocate(capacity: 1)
  }
  nonisolated(unsafe) private static let search = search_new()!

  func fail(_ message: String) -> Never { Play.fail(message, seed: seed, scenario.name) }

  static func fail(_ message: String, seed: UInt64, _ name: String) -> Never {
    platform_schedule(nil)
    print("SEED=\(seed) (\(name)): \(message)")
    fflush(nil)
    _exit(1)
  }

  /// Plays it and checks everything; a digest of the schedule and its length.
  func run() -> (digest: UInt64, steps: Int) {
    let actorCount = 2 + random.below(Play.actorsMax - 1)
    for (number, history) in histories.enumerated() {
      history_begin(history, UInt32(actorCount))
      history.pointee.may_evict = scenario.mayEvict ? 1 : 0
      history.pointee.may_idle = scenario.options.defaultTtiMs != 0 ? 1 : 0
      history.pointee.may_be_full = scenario.isNoEvict ? 1 : 0
      if scenario.fillsUp || scenario.isReadMostly, random.chance(80) { storeAtFirst(number) }
    }
    if scenario.fillsUp { for _ in 0..<40 { setFiller(&random) } }
    for (number, history) in histories.enumerated() { readAtFirst(number, history) }
    actors = (0..<actorCount).map {
      Actor(self, index: $0, random: Random(seed: random.next()))
    }
    scheduler.onStall = { [unowned self] in endAllClaims() }
    if scenario.hasClaims, random.chance(40) { stopOne() }
    scheduler.play(actors.map { actor in { actor.run() } })
    for actor in actors { actor.endLeases() }
    check()
    if scenario.hasClaims, random.chance(30) { closeUnderWaiters() } else { cache.close() }
    actors = []
    return (scheduler.digest, scheduler.steps)
  }

  // MARK: Claims

  /// One of the threads stops for ever, at some step from its first call of get_or_claim
  /// on until it goes on to fulfil, where it holds no lock and has pinned no bucket.
  private func stopOne() {
    let number = random.below(actors.count)
    if number == sweeperActor { return }
    var left = random.below(400)
    scheduler.stopsHere = { [unowned self] in
      guard scheduler.threadNumber == number, actors[number].claims.mayStop else { return false }
      left -= 1
      guard left <= 0, scheduler.quietly({ areLocksFree && !hasPins }) else { return false }
      actors[number].claims.call?.pointee.clock_high = scheduler.quietly { cache.clock.coarse }
      return true
    }
  }

  private var areLocksFree: Bool {
    for number in 0..<cache.shardCount {
      guard cache.shard(number).lock.tryAcquire() else { return false }
      cache.shard(number).lock.release()
    }
    return true
  }

  private var hasPins: Bool {
    for number in 0..<cache.shardCount {
      let index = cache.shard(number).index
      var position: UInt64 = 0
      while let (bucket, end) = index.bucket(at: position) {
        if bucket.pins.pointee.load(ordering: .relaxed) != 0 { return true }
        position = end
      }
    }
    return false
  }

  /// Nobody sleeps on a claim that has ended: it is woken before the lock is free again
  /// under which that was ended. One that ends by itself ends when the clock is moved.
  func checkSleepers() {
    for (number, actor) in actors.enumerated() {
      guard let (key, token) = actor.claims.awaited, let word = scheduler.sleepsOn(number),
        isOfClaims(word)
      else { continue }
      let isMissed = scheduler.quietly {
        let shard = cache.shard(0)
        let hash = Play.key(key).withUnsafeBytes { shard.keyHash($0) }
        return areLocksFree && !isInTable(hash, token)
      }
      if isMissed { fail("thread \(number) sleeps on a claim that has ended") }
    }
  }

  private func isOfClaims(_ word: UnsafeRawPointer) -> Bool {
    let waits = RegionTail.claimWaits
    let offset = word - UnsafeRawPointer(cache.region.tail)
    return offset >= waits.offset && offset < waits.end
  }

  private func isInTable(_ hash: UInt64, _ token: UInt64) -> Bool {
    for number in 0..<cache.shardCount {
      let claims = cache.shard(number).claims
      if let place = claims.find(hash), claims.token(of: place) == token { return true }
    }
    return false
  }

  /// All threads sleep: as it should be, if all that they wait for stands.
  private func endAllClaims() {
    checkSleepers()
    _ = cache.advanceClock(by: 100_000)
  }

  /// Threads wait for a claim while the cache is closed.
  private func closeUnderWaiters() {
    var claim = Cache.Claim()
    var size = 0
    let key = Play.key(0)
    _ = key.withUnsafeBytes {
      cache.getOrClaim(
        $0, into: UnsafeMutableRawBufferPointer(start: nil, count: 0), size: &size, &claim)
    }
    if claim.token == 0 { fail("no claim in an empty cache") }
    let token = claim.token
    scheduler.onStall = {}
    scheduler.stopsHere = nil
    scheduler.play([
      { self.waitUntilClosed(token) }, { self.cache.close() }, { self.waitUntilClosed(token) },
    ])
  }

  private func waitUntilClosed(_ token: UInt64) {
    guard cache.handle.isOpen else { return }
    let told = Play.key(0).withUnsafeBytes {
      cache.waitForClaim($0, seen: token, timeoutMs: UInt64(UInt32.max))
    }
    if told != .state { fail("a wait while the cache is closed: \(told)") }
  }

  // MARK: Before

  private func storeAtFirst(_ number: Int) {
    let value = UInt64(number + 1) | Value.notANumber
    Play.key(number).withUnsafeBytes { key in
      Value.bytes(value, sizes: scenario.sizes).withUnsafeBytes {
        _ = cache.set(key, $0, deadline: Clock.never)
      }
    }
  }

  private func readAtFirst(_ number: Int, _ history: UnsafeMutablePointer<history_t>) {
    let (outcome, bytes) = Play.key(number).withUnsafeBytes { get($0) }
    guard outcome == .ok else { return }
    history.pointee.is_present = 1
    history.pointee.value = Value.value(bytes, sizes: scenario.sizes)!
  }

  func get(_ key: UnsafeRawBufferPointer) -> (Outcome, [UInt8]) {
    var bytes = [UInt8](repeating: 0, count: 40_000)
    var size = 0
    let outcome = bytes.withUnsafeMutableBytes { cache.get(key, into: $0, size: &size) }
    return (outcome, Array(bytes[..<(outcome == .ok ? size : 0)]))
  }

  func setFiller(_ random: inout Random) {
    let size = scenario.sizes.lowerBound + random.below(scenario.sizes.count)
    let ttl = scenario.hasLifetimes && random.chance(40) ? UInt64(1 + random.below(20)) : 0
    let key = Play.filler(random.below(scenario.fillerCount))
    let value = [UInt8](repeating: 7, count: size)
    _ = key.withUnsafeBytes { key in
      value.withUnsafeBytes { cache.set(key, $0, deadline: cache.deadline(ttlMs: ttl)) }
    }
  }

  // MARK: After

  private func check() {
    cache.checkInvariants()
    let statistics = cache.statistics()
    if !statistics.addsUp { fail("statistics: \(statistics)") }
    for (number, history) in histories.enumerated() {
      let verdict = check_history(Play.search, history)
      if verdict == LINEARIZABLE { continue }
      print_history(stdout, history)
      fail("key \(number): \(verdict == UNDECIDED ? "undecided" : "no order is right")")
    }
    // Nothing is left of what was lent, moved or given up: all blocks come back.
    cache.clear()
    cache.forEachShard { shard in while shard.dropRemoval() {} }
    cache.checkInvariants()
    cache.forEachShard { shard in
      if shard.arena.state.pointee.usedUnits != 0 { fail("blocks are left in an empty cache") }
    }
  }
}
