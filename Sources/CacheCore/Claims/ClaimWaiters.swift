import CPlatform
import Synchronization

/// Where threads sleep until a claim ends: 64 words for all claims of a cache, chosen by
/// the key's hash, so that hardly any thread is woken for another's claim.
///
/// No wake-up is missed. Who is about to sleep says so (`sleepers`), reads the word, and
/// then looks under the shard's lock whether the claim still stands. Who ends a claim does
/// so under that lock and looks at `sleepers` afterwards. If the sleeper looked first, the
/// other sees it and changes the word, and the sleeper does not go to sleep, or is woken.
package struct ClaimWaiters {
  private static let count = 64

  /// How long somebody sleeps in a shared region before he looks whether the claimant is
  /// dead.
  private static let sharedSleepNs: UInt64 = 5_000_000

  private let waits: UnsafeMutablePointer<ClaimWait>
  private let isShared: Bool

  package init(_ region: Region) {
    waits = RegionTail.claimWaits.elements(in: region.tail)
    isShared = region.isShared
  }

  private func wait(_ hash: UInt64) -> UnsafeMutablePointer<ClaimWait> {
    waits + Int(truncatingIfNeeded: hash >> 16 & UInt64(ClaimWaiters.count - 1))
  }

  /// A claim of this hash has ended. The caller holds its shard's lock.
  @inline(__always)
  package func wake(_ hash: UInt64) { wake(wait(hash)) }

  /// Has all look again: the clock was moved, or the cache is closed.
  package func wakeAll() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)  // pairs with the one in `sleep`
    for i in 0..<ClaimWaiters.count { wake(waits + i) }
  }

  private func wake(_ wait: UnsafeMutablePointer<ClaimWait>) {
    guard wait.pointee.sleepers.word.pointee.load(ordering: .sequentiallyConsistent) != 0 else {
      return
    }
    let changes = wait.pointee.changes.word
    changes.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    isShared
      ? platform_shared_futex_wake(changes, Int32.max) : platform_futex_wake(changes, Int32.max)
  }

  /// Sleeps as long as `leftNs`, which looks at the claim, says for how many nanoseconds
  /// more it may stand. True when that is nil; false once `endNs`, on the exact clock, has
  /// passed before.
  package func sleep(
    _ hash: UInt64, until endNs: UInt64, standingFor leftNs: () -> UInt64?
  ) -> Bool {
    let wait = wait(hash)
    wait.pointee.sleepers.word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    var isOver = false
    while true {
      let seen = wait.pointee.changes.word.pointee.load(ordering: .sequentiallyConsistent)
      guard let left = leftNs() else {
        isOver = true
        break
      }
      let now = platform_now_ns()
      guard now < endNs else { break }
      sleep(on: wait.pointee.changes.word, while: seen, min(left, endNs - now))
    }
    wait.pointee.sleepers.word.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    return isOver
  }

  private func sleep(
    on word: UnsafeMutablePointer<Atomic<UInt32>>, while value: UInt32, _ limitNs: UInt64
  ) {
    if isShared {
      _ = platform_shared_futex_wait(word, value, min(limitNs, ClaimWaiters.sharedSleepNs))
    } else {
      platform_futex_wait(word, value, limitNs)
    }
  }

  /// Nobody sleeps here: in the child of a fork, in a region from elsewhere.
  package func reset() {
    for i in 0..<ClaimWaiters.count {
      waits[i].changes.word.relaxed = 0
      waits[i].sleepers.word.relaxed = 0
    }
  }
}
