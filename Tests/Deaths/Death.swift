import CPlatform
import CacheCore
import SeededRandom

/// One scene, cut short at one place, and what must hold after.
final class Death {
  let scene: Scene
  let stage: Stage
  /// That came to their ends, and the entries that they counted as lost.
  private(set) var (recoveries, lost): (Int, UInt64) = (0, 0)
  let seed: UInt64
  private var before: [Sight?] = []
  private var after: [Sight?] = []
  private var written: [[[UInt8]]] = []
  private var versions: [UInt64] = []
  /// Whether entries may be evicted.
  private var isForgetful = false

  init(_ scene: Scene, on stage: Stage, seed: UInt64) {
    self.scene = scene
    self.stage = stage
    self.seed = seed
  }

  private func world() -> World {
    let world = World(scene.options, seed: seed)
    scene.prepare(world)
    world.beginRecording()
    return world
  }

  /// The scene to its end: how long it is, in each unit, and what comes of it.
  func rehearse(_ unit: Stage.Unit) -> Int {
    let world = world()
    before = world.sights
    versions = world.versions
    let end = stage.run(dyingAfter: Int.max, unit) { self.scene.act(world) }
    after = world.sights
    written = world.written
    finish(world)
    guard case .finished(let length) = end else { fail("dies without cause") }
    return length
  }

  /// Dies after `limit`, and those who recover after theirs; the last one lives.
  /// How long that one took.
  @discardableResult
  func play(
    dyingAfter limit: Int, _ unit: Stage.Unit, thenAfter others: [Int], hasReader: Bool,
    isScrambled: Bool
  ) -> Int {
    let world = world()
    if hasReader, unit == .step { beginReading(world, before: limit) }
    let end = stage.run(dyingAfter: limit, unit) { self.scene.act(world) }
    // Whoever has pins or leases is found by the tickets, which are not there yet.
    bury(world)
    let held = world.allShards.filter { end == .died && world.isTaken($0) }
    if isScrambled, !hasReader { held.forEach { scramble($0, world) } }
    var length = 0
    for other in others + [Int.max] {
      let end = stage.run(dyingAfter: other, unit) {
        for shard in held { self.recover(shard, world) }
      }
      if case .finished(let steps) = end {
        length = steps
        break
      }
    }
    for shard in held { shard.lock.reset() }
    RegionPage.space(in: world.cache.region.base).pointee.lock.store(0, ordering: .relaxed)
    world.cache.handle.resizeLock.reset()
    reap(world)
    Shard.settleBudgets(of: world.cache.region)
    check(world)
    writeOn(world)
    checkVersions(world)
    use(world)
    finish(world)
    return length
  }

  private func recover(_ shard: Shard, _ world: World) {
    let tickets = world.leases.map(\.lease.ticket) + world.endingTickets
    let refs = tickets.filter { $0 >> 32 == UInt64(shard.number) }.map {
      Ref(truncatingIfNeeded: $0)
    }
    guard
      let recovery = shard.recover(borrowed: { body in for ref in refs { body(ref) } })
    else { fail("no memory") }
    recoveries += 1
    lost += recovery.lost
  }

  // MARK: What tickets will tell

  /// Whoever had pinned a bucket is dead.
  private func bury(_ world: World) {
    for shard in world.allShards {
      var position: UInt64 = 0
      while let (bucket, end) = shard.index.bucket(at: position) {
        bucket.pins.pointee.store(0, ordering: .relaxed)
        position = end
      }
    }
  }

  /// What the dead one had on lease, or was about to, is over.
  private func reap(_ world: World) {
    for ticket in world.endingTickets {
      let shard = world.cache.shard(UInt32(ticket >> 32))
      let ref = Ref(truncatingIfNeeded: ticket)
      guard shard.arena.isBlock(ref), !shard.entry(ref).hasFlag(Entry.Flag.hole) else { continue }
      let entry = shard.entry(ref)
      let live = world.leases.filter { $0.lease.ticket == ticket }.count
      let word = entry.versionWord.relaxed & ~Entry.VersionWord.leaseMask | UInt64(live)
      entry.versionWord.relaxed = word
      if live == 0, entry.isDead { shard.arena.free(ref) }
    }
  }

  // MARK: What must hold

  private func isAllowed(_ key: Int, _ sight: Sight?) -> Bool {
    guard let sight else {
      // What is past its deadline leaves before what replaces it comes. Where memory is
      // short the older value may be what makes room for the newer, or is written over.
      let mayGo = scene.options.maxBytes != 0 || before[key]?.freshness != .live
      return before[key] == nil || after[key] == nil || (mayGo && !written[key].isEmpty)
    }
    if let old = before[key], old.value == sight.value {
      return sight == old || !written[key].isEmpty || after[key]?.deadline == sight.deadline
    }
    return written[key].contains(sight.value)
  }

  private func check(_ world: World) {
    world.cache.checkInvariants()
    let statistics = world.cache.statistics()
    if !statistics.addsUp { fail("statistics: \(statistics)") }
    for key in world.keys.indices {
      let sight = world.sight(key)
      if isAllowed(key, sight) { continue }
      fail(
        "key \(key): \(describe(sight)), before \(describe(before[key])), "
          + "after \(describe(after[key]))")
    }
    for (lease, value) in world.leases where Array(lease.value) != value {
      fail("a lent value changed")
    }
  }

  /// Nothing that is stored from now on has a version that its key had.
  private func checkVersions(_ world: World) {
    for key in 0..<World.watchedCount where world.sight(key) == nil && versions[key] != 0 {
      if world.set(key, 10) == .ok, world.versions[key] <= versions[key] { fail("a version") }
    }
  }

  private func describe(_ sight: Sight?) -> String {
    guard let sight else { return "none" }
    return "\(sight.value.count) bytes \(sight.value.prefix(4)) until \(sight.deadline)"
  }

  private func beginReading(_ world: World, before limit: Int) {
    var random = Random(seed: seed ^ UInt64(limit) << 32)
    let hot = (0..<World.watchedCount).filter {
      before[$0] != after[$0] || !written[$0].isEmpty
    }
    stage.beginReading(seed: random.next(), before: limit, areLocksTaken: world.areLocksTaken) {
      [unowned self] in
      // Mostly where something happens.
      let key =
        hot.isEmpty || random.chance(30)
        ? random.below(World.watchedCount) : hot[random.below(hot.count)]
      let sight = world.sight(key, into: Death.readersBuffer)
      if sight == nil, isForgetful { return }
      if !isAllowed(key, sight) {
        fail("a reader sees key \(key): \(describe(sight)), before \(describe(before[key]))")
      }
    }
  }

  nonisolated(unsafe) private static let readersBuffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 1 << 20, alignment: 8)

  /// Uses memory again while the reader may still be where it was when this was another's.
  private func writeOn(_ world: World) {
    isForgetful = true
    stage.wakeReader()
    _ = stage.run {
      for key in World.watchedCount..<World.keyCount {
        let isSmall = self.scene.options.maxBytes == 0
        world.set(key, isSmall ? [43, 20, 8, 33][key % 4] : [3000, 1000][key % 2])
      }
    }
    stage.endReading()
    isForgetful = false
  }

  /// Goes on as if nothing had been.
  private func use(_ world: World) {
    var random = Random(seed: seed ^ 5)
    for _ in 0..<12 {
      let key = random.below(World.keyCount)
      switch random.below(8) {
      case 0..<4:
        let size = random.below(scene.options.maxBytes == 0 ? 90 : 6000)
        let outcome = world.set(key, size, ttlMs: UInt64(random.below(3)) * 20)
        let sight = world.sight(key)
        if outcome == .ok, sight?.value.count != size { fail("a set that is not seen") }
      case 4: world.delete(key)
      case 5: world.get(key)
      case 6: world.claim(key)
      default: world.advance(UInt64(random.below(5)))
      }
    }
    world.cleanup()
    world.cache.checkInvariants()
  }

  /// All blocks come back.
  private func finish(_ world: World) {
    while !world.leases.isEmpty { world.release() }
    world.cache.clear()
    world.cache.checkInvariants()
    for shard in world.allShards where shard.arena.state.pointee.usedUnits != 0 {
      fail("blocks are left in an empty cache")
    }
    if world.cache.region.entriesUsed.relaxed != 0 { fail("entries are left in an empty cache") }
    if !world.cache.statistics().addsUp { fail("statistics of an empty cache") }
    world.cache.close()
  }
}
