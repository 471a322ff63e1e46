import CacheCore
import Foundation
import SeededRandom
import Synchronization

/// Processes come, leave and are killed; nobody ever has the slot of another who lives,
/// nobody who lives is found dead, and of those who were killed each is reaped once.
enum Storm {
  private static let slots: UInt32 = 5

  static func run(_ path: String) {
    let seed =
      ProcessInfo.processInfo.environment["SEED"].flatMap(UInt64.init)
      ?? UInt64.random(in: 1...UInt64.max)
    print("SEED=\(seed)")
    var random = Random(seed: seed)
    let duration = ProcessInfo.processInfo.environment["CACHECORE_TEST_MS"].flatMap(Double.init)
    let until = nowMs() + (duration ?? 3000)
    let shared = Shared.open(path, slots: slots)
    var (kills, children): (Int, [Child]) = (0, [])
    while nowMs() < until {
      while children.count < 7 {
        let childSeed = random.next()
        children.append(Child { _, _ in visit(path, Random(seed: childSeed)) })
      }
      usleep(UInt32(random.next() % 2000))
      watch(shared)
      let number = Int(random.next() % UInt64(children.count))
      let child = children[number]
      if child.isZombie {
        require(child.ended(), "a visitor that ends well")
        children.remove(at: number)
      } else if random.next() % 2 == 0 {
        // Killed, but not at once waited for: it may be there as a zombie.
        child.signal(SIGKILL)
        usleep(UInt32(random.next() % 300))
        watch(shared)
        _ = child.ended()
        children.remove(at: number)
        kills += 1
      }
    }
    for child in children { child.kill() }
    _ = shared.table.reapDead { end($0, shared) }
    require(shared.table.count == 0, "nobody")
    for slot in 0..<slots {
      require(shared.word(slot).pointee.load(ordering: .acquiring) == 0, "nothing held")
    }
    print("\(kills) kills")
  }

  /// What a process holds is its slot's word, which says who it is.
  private static func visit(_ path: String, _ seeded: Random) -> Bool {
    var random = seeded
    let shared = Shared.open(path, slots: slots)
    for _ in 0..<random.next() % 20 {
      var refusal = FileRefusal.noMemory
      guard let owner = shared.table.join(refusal: &refusal, reap: { end($0, shared) }) else {
        require(refusal == .full, "why: \(refusal)")
        continue
      }
      let word = shared.word(of: owner)
      let (held, before) = word.pointee.compareExchange(
        expected: 0, desired: UInt64(owner), ordering: .acquiringAndReleasing)
      require(held, "\(owner) found \(before)")
      if random.next() % 4 == 0 { _ = shared.table.reapDead { end($0, shared) } }
      if random.next() % 2 == 0 { usleep(UInt32(random.next() % 1000)) }
      watch(shared)
      let (isStill, after) = word.pointee.compareExchange(
        expected: UInt64(owner), desired: 0, ordering: .acquiringAndReleasing)
      require(isStill, "\(owner) became \(after)")
      shared.table.leave()
    }
    shared.file.unmap()
    shared.file.close()
    return true
  }

  /// What the dead held; nothing, if it was killed before it held something.
  private static func end(_ owner: UInt32, _ shared: Shared) {
    require(shared.table.isDead(owner), "one that is dead")
    let (isEnded, before) = shared.word(of: owner).pointee.compareExchange(
      expected: UInt64(owner), desired: 0, ordering: .acquiringAndReleasing)
    require(isEnded || before == 0, "\(owner) is reaped; \(before) holds")
  }

  /// Takes what the dead hold, as who waits for a lock does; the living would notice.
  private static func watch(_ shared: Shared) {
    for slot in 0..<slots {
      let word = shared.word(slot)
      let held = word.pointee.load(ordering: .acquiring)
      guard held != 0, shared.table.isDead(UInt32(held)) else { continue }
      _ = word.pointee.compareExchange(
        expected: held, desired: 0, ordering: .acquiringAndReleasing)
      require(shared.table.isDead(UInt32(held)), "who is dead stays so")
    }
  }
}
