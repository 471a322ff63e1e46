import CPlatform
import CacheCore
@preconcurrency import Linearizability
import SeededRandom

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
    var failure = Outcome.ok
    guard let cache = Cache.open(scenario.options, failure: &failure) else {
      fail("open: \(failure)")
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
    let actors = (0..<actorCount).map {
      Actor(self, index: $0, random: Random(seed: random.next()))
    }
    scheduler.play(actors.map { actor in { actor.run() } })
    check()
    cache.close()
    return (scheduler.digest, scheduler.steps)
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
