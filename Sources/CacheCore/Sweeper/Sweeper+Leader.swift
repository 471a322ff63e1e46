import CPlatform
import Synchronization

// Which of the sweepers leads, where processes share a cache. The region says who, by the
// process's number, which no other ever has. So the death of the leader can be told, and
// whoever finds it takes over. The leader also takes from the dead what they held.

extension Sweeper {
  /// How often one who stands by looks at the leader, and the leader looks for the dead.
  static let standByNs: UInt64 = 1_000_000_000

  private var leader: UnsafeMutablePointer<Atomic<UInt32>> {
    cache.region.sharing.pointee.leader.word
  }

  /// Whether this process's sweeper keeps the schedule. That of a private cache does.
  var leads: Bool {
    let region = cache.region
    return !region.isShared || leader.relaxed == region.owner
  }

  /// Whether another process's sweeper leads. If none does, this one does from now on.
  func standsBy() -> Bool {
    let region = cache.region
    guard region.isShared else { return false }
    if phaseWord.relaxed != Phase.running {
      resign()
      return false
    }
    let now = leader.relaxed
    if now != region.owner {
      if now != 0, !region.processes.isDead(now) { return true }
      let isMine = leader.pointee.compareExchange(
        expected: now, desired: region.owner, ordering: .acquiringAndReleasing
      ).exchanged
      if !isMine { return true }
    }
    lock.release()
    cache.reapDead()
    lock.acquire()
    return false
  }

  /// Leaves the lead to another.
  func resign() {
    let region = cache.region
    guard region.isShared else { return }
    _ = leader.pointee.compareExchange(
      expected: region.owner, desired: 0, ordering: .releasing)
  }
}
