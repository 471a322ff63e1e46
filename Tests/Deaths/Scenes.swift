import CacheCore
import SeededRandom

/// Something that may be cut short by death, and what it is done to.
struct Scene {
  let name: String
  var options: Options
  let prepare: (World) -> Void
  let act: (World) -> Void

  static var all: [Scene] { of(Options.policyLRU) + of(Options.policyAdaptive) }

  private static func of(_ policy: UInt32) -> [Scene] {
    var all = small(policy)
    for more in [few, growth, memory, full, large, shards] { all += more(policy) }
    return all
  }

  private static func options(
    _ policy: UInt32, shards: UInt32 = 1, entries: UInt64 = 0, bytes: UInt64 = 0,
    flags: UInt32 = 0, ttiMs: UInt64 = 0
  ) -> Options {
    Options(
      policy: policy, flags: flags, shardCount: shards, maxEntries: entries, maxBytes: bytes,
      defaultTtiMs: ttiMs)
  }

  private static func scenes(
    _ name: String, _ options: Options,
    _ prepare: @escaping (World) -> Void, _ acts: [(String, (World) -> Void)]
  ) -> [Scene] {
    let policy = options.policy == Options.policyLRU ? "LRU" : "ADAPTIVE"
    return acts.map {
      Scene(
        name: "\(policy), \(name): \($0.0)", options: options,
        prepare: prepare, act: $0.1)
    }
  }

  /// A bit of everything: lifetimes, windows, absences, claims, values on lease.
  private static func prepareSmall(_ world: World) {
    for key in 0..<20 {
      world.set(key, 8 + key * 5, ttlMs: key % 4 == 0 ? 40 : key % 4 == 1 ? 5 : 0)
    }
    world.increment(20)
    world.acquire(2)
    world.delete(2)
    world.acquire(3)
    world.acquire(6)
    world.set(6, 30)
    for key in 24..<27 {
      world.claim(key)
      world.fulfill(30, ttlMs: 5, staleMs: 100)
    }
    world.claim(27)
    world.fulfillAbsent(ttlMs: 50)
    world.claim(30)
    world.advance(10)
    // Versions that time alone would not reach.
    for _ in 0..<3 { world.set(7, 43) }
    for key in 0..<8 { world.get(key) }
  }

  private static func small(_ policy: UInt32) -> [Scene] {
    let acts: [(String, (World) -> Void)] = [
      ("set new", { $0.set(40, 50) }),
      ("set over", { $0.set(7, 43) }),
      ("set over, larger", { $0.set(7, 400, ttlMs: 3) }),
      ("set over what has expired", { $0.set(5, 40) }),
      ("set over what is lent", { $0.set(3, 40) }),
      ("set over what is stale", { $0.set(24, 40) }),
      ("delete", { $0.delete(7) }),
      ("delete what is lent", { $0.delete(3) }),
      ("delete what is stale", { $0.delete(25) }),
      ("increment new", { $0.increment(41) }),
      ("increment", { $0.increment(20) }),
      ("touch", { $0.touch(8, ttlMs: 70) }),
      (
        "touch what has a window",
        { world in
          world.claim(42)
          world.fulfill(20, ttlMs: 10, staleMs: 10)
          world.touch(42, ttlMs: 500)
        }
      ),
      ("replace", { $0.set(7, 20, if: .present) }),
      (
        "read until drained",
        { world in
          for _ in 0..<10 { for key in [7, 3, 11, 8] { world.get(key) } }
          world.set(43, 20)
        }
      ),
      ("acquire", { $0.acquire(7) }),
      ("release", { $0.release() }),
      (
        "release what is replaced and deleted",
        { world in
          world.release()
          world.release()
          world.release()
        }
      ),
      ("claim", { $0.claim(44) }),
      ("claim what is stale", { $0.claim(24) }),
      ("fulfill", { $0.fulfill(70, ttlMs: 30, staleMs: 20) }),
      ("fulfill absent", { $0.fulfillAbsent(ttlMs: 30) }),
      (
        "abandon",
        { world in
          world.claim(24)
          world.abandon(retryMs: 10)
        }
      ),
      ("count", { _ = $0.cache.count() }),
      ("expire", { $0.cleanup() }),
      ("clear", { $0.cache.clear() }),
      (
        "delete a prefix",
        { world in
          _ = Array("even".utf8).withUnsafeBytes { world.cache.deletePrefix($0) }
        }
      ),
      ("fewer entries", { _ = $0.cache.resize(maxEntries: 5, maxBytes: 0) }),
      (
        "evict",
        { world in
          var removed: UInt64 = 0
          _ = world.cache.evict(4, removed: &removed)
        }
      ),
      (
        "order",
        { world in
          var buffer = RecordBuffer(World.buffer)
          world.cache.list(.coldest, limit: 10, into: &buffer)
        }
      ),
      (
        "scan",
        { world in
          var (cursor, buffer) = (UInt64(0), RecordBuffer(World.buffer))
          _ = Array("odd".utf8).withUnsafeBytes {
            world.cache.scan(&cursor, prefix: $0, into: &buffer)
          }
        }
      ),
      ("reset statistics", { $0.cache.resetStatistics() }),
    ]
    return scenes("small", options(policy, entries: 1000), prepareSmall, acts)
      + scenes(
        "small, idle", options(policy, entries: 1000, ttiMs: 30), prepareSmall,
        [
          ("set over", { $0.set(7, 43) }), ("expire", { $0.cleanup() }),
          ("read", { world in for key in 6..<12 { world.get(key) } }),
        ])
  }

  private static func few(_ policy: UInt32) -> [Scene] {
    let prepare: (World) -> Void = { world in
      for key in 0..<6 { world.set(key, 20) }
      for key in 0..<3 { world.get(key) }
    }
    return scenes(
      "few", options(policy, entries: 6), prepare,
      [
        ("insert that evicts", { $0.set(40, 30) }),
        ("inserts that evict", { world in for key in 40..<48 { world.set(key, 30) } }),
      ])
      + scenes(
        "few of each", options(policy, shards: 4, entries: 4), prepare,
        [
          (
            "inserts that evict elsewhere",
            { world in
              for key in 40..<46 { world.set(key, 30) }
            }
          )
        ])
  }

  private static func growth(_ policy: UInt32) -> [Scene] {
    func prepare(_ count: Int) -> (World) -> Void {
      { world in
        _ = world.cache.resize(maxEntries: 1000, maxBytes: 0)
        for key in 0..<count { world.set(key, 20) }
      }
    }
    let options = options(policy, entries: 2)
    return scenes(
      "growth", options, prepare(0),
      [
        ("splits", { world in for key in 0..<64 { world.set(key, 10) } })
      ])
      + scenes(
        "growth", options, prepare(24),
        [
          ("a split or two", { world in for key in 24..<40 { world.set(key, 10) } })
        ])
      + scenes(
        "growth", options, prepare(64),
        [
          (
            "contraction",
            { world in
              for key in 4..<64 { world.delete(key) }
              world.cleanup()
            }
          ),
          ("clear", { $0.cache.clear() }),
        ])
  }

  /// Full of blocks of all sizes.
  private static func prepareFull(_ world: World) {
    for key in 0..<40 { world.set(key, 100 + Int(world.random.next() % 4000)) }
    for key in 0..<40 where key % 3 == 0 { world.get(key) }
    world.acquire(38)
    world.acquire(37)
    world.delete(37)
  }

  private static func memory(_ policy: UInt32) -> [Scene] {
    scenes(
      "memory", options(policy, bytes: 96 << 10), prepareFull,
      [
        ("insert", { $0.set(50, 3000) }),
        ("large insert", { $0.set(50, 16_000) }),
        ("inserts", { world in for key in 50..<56 { world.set(key, 5000) } }),
        ("set over, larger", { $0.set(39, 9000) }),
        ("less memory", { _ = $0.cache.resize(maxEntries: 0, maxBytes: 64 << 10) }),
        (
          "trim",
          { world in
            for key in 0..<40 where key % 5 != 0 { world.delete(key) }
            world.cleanup()
          }
        ),
        ("clear", { $0.cache.clear() }),
      ])
  }

  private static func full(_ policy: UInt32) -> [Scene] {
    func prepare(_ size: Int) -> (World) -> Void {
      { world in for key in 0..<40 where world.set(key, size) == .ok {} }
    }
    let options = options(policy, bytes: 64 << 10, flags: Options.noEvict)
    return scenes(
      "full", options, prepare(3000),
      [
        ("set over, in place", { $0.set(1, 3000) }),
        ("set over, smaller", { $0.set(1, 1000) }),
        ("set over, slightly smaller", { $0.set(1, 2984) }),
        ("insert", { $0.set(50, 3000) }),
        (
          "delete and insert",
          { world in
            world.delete(2)
            world.set(50, 2000)
          }
        ),
      ])
      + scenes(
        "full of entries", Scene.options(policy, entries: 5, flags: Options.noEvict),
        prepare(16), [("insert", { $0.set(50, 16) }), ("set over", { $0.set(1, 16) })])
  }

  /// Values of more than 512 KiB, and arenas of several runs.
  private static func large(_ policy: UInt32) -> [Scene] {
    let prepareLong: (World) -> Void = { world in
      world.set(0, 100)
      world.set(1, 600_000)
      world.set(2, 100)
    }
    let prepareRuns: (World) -> Void = { world in
      for key in 0..<20 { world.set(key, 20_000) }
      for key in 0..<20 where key % 4 == 0 { world.delete(key) }
    }
    return scenes(
      "long", options(policy, bytes: 4 << 20), prepareLong,
      [
        ("set over", { $0.set(1, 700_000) }), ("set new", { $0.set(3, 530_000) }),
      ])
      + scenes(
        "runs", options(policy, entries: 100), prepareRuns,
        [
          (
            "set that begins a run",
            { world in
              world.set(40, 200_000)
              world.set(41, 300_000)
            }
          ),
          (
            "delete the last",
            { world in
              for key in 8..<20 { world.delete(key) }
              world.cleanup()
            }
          ),
        ])
  }

  private static func shards(_ policy: UInt32) -> [Scene] {
    let prepare: (World) -> Void = { world in
      for key in 0..<30 { world.set(key, 100 + Int(world.random.next() % 12_000)) }
    }
    return scenes(
      "two shards", options(policy, shards: 2, entries: 40, bytes: 256 << 10), prepare,
      [
        ("inserts", { world in for key in 40..<46 { world.set(key, 20_000) } }),
        (
          "order",
          { world in
            var buffer = RecordBuffer(World.buffer)
            world.cache.list(.hottest, limit: 100, into: &buffer)
          }
        ),
        ("less memory", { _ = $0.cache.resize(maxEntries: 20, maxBytes: 128 << 10) }),
      ])
  }
}
