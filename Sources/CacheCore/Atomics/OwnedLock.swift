import CPlatform
import Synchronization

/// A mutual-exclusion lock in one 32-bit word that says who holds it: 0 free, otherwise
/// the owner, and a bit if somebody sleeps on it. It lies in a region that processes may
/// share, where a holder can be killed: whoever waits can then tell, and take it over.
///
/// An owner is a process, by a number that no other process ever has (ProcessTable); in a
/// private cache it is always `privateOwner`. Threads of a process are not told apart: a
/// process dies as a whole.
///
/// Who takes the lock has all that was done under it before: each way to take it (acquire)
/// reads what the holder before stored when it let go (release), or a word that others have
/// marked since, which are exchanges and do not end what a release began. A lock that is
/// taken from the dead was not let go of. That its holder is dead is what the system says
/// after it has torn that process down, and the system's own locks, which both went
/// through, order what the process stored before.
///
/// A waker may die between its store and its wake, so nobody sleeps in a shared region
/// without a limit.
package struct OwnedLock {
  package static let privateOwner: UInt32 = 1
  /// Of a process that only looks at a shared cache, and takes no lock there.
  package static let readOnlyOwner: UInt32 = 2
  private static let waiters: UInt32 = 1 << 31

  private let word: UnsafeMutablePointer<Atomic<UInt32>>
  private let owner: UInt32

  /// As in Lock.
  private static let pausesMax = 64
  private static let looksMax = 40
  /// How long a sleeper waits before it asks whether the holder is dead: at first, and
  /// later.
  private static let firstSleepNs: UInt64 = 1_000_000
  private static let sleepNs: UInt64 = 10_000_000

  @inline(__always)
  package init(_ word: UnsafeMutablePointer<Atomic<UInt32>>, owner: UInt32) {
    self.word = word
    self.owner = owner
  }

  /// Takes the lock if it is free. Pairs with the release in `release`.
  @inline(__always)
  package func tryAcquire() -> Bool {
    word.relaxed == 0
      && word.pointee.compareExchange(
        expected: 0, desired: owner, successOrdering: .acquiring, failureOrdering: .relaxed
      ).exchanged
  }

  /// Who has it, of a moment ago; 0: nobody.
  package var holder: UInt32 { word.relaxed & ~OwnedLock.waiters }

  /// How an attempt to take the lock ended.
  package enum Acquisition {
    case free
    /// The holder was dead. What the lock guards is as it left it.
    case fromDead
    /// Another process holds it and does not go on.
    case stalled(_ owner: UInt32)
  }

  /// Takes the lock when it is free or when its holder is dead. In a shared region it is
  /// given up if `isStalled` says so of a holder who has not let go of it in so many sleeps.
  package func acquire(
    orFromDead isDead: (_ owner: UInt32) -> Bool,
    orUntil isStalled: (_ owner: UInt32, _ sleeps: Int) -> Bool
  ) -> Acquisition {
    var pauses = 1
    for _ in 0..<OwnedLock.looksMax {
      for _ in 0..<pauses { platform_pause() }
      if tryAcquire() { return .free }
      pauses = min(2 * pauses, OwnedLock.pausesMax)
    }
    let isShared = owner != OwnedLock.privateOwner
    var limit = isShared ? OwnedLock.firstSleepNs : UInt64.max
    // Sleeps that nothing ended but their limit, since the lock was last seen to change.
    var (sleeps, last) = (0, UInt32(0))
    while true {
      // Not `relaxed`, which has a step in a build for tests: a thread that was woken is
      // never stopped for good before it has taken the lock or sleeps again.
      let seen = word.pointee.load(ordering: .relaxed)
      if seen == 0 {
        // Others may sleep still.
        if exchange(0, for: owner | OwnedLock.waiters) { return .free }
        continue
      }
      let marked = seen | OwnedLock.waiters
      if seen != marked, !exchange(seen, for: marked) { continue }
      let isWoken = sleep(while: marked, limit)
      guard isShared, word.relaxed == marked else { continue }
      limit = OwnedLock.sleepNs
      let holder = seen & ~OwnedLock.waiters
      if isDead(holder), exchange(marked, for: owner | OwnedLock.waiters) { return .fromDead }
      sleeps = isWoken || holder != last ? 1 : sleeps + 1
      last = holder
      if holder != owner, isStalled(holder, sleeps) { return .stalled(holder) }
    }
  }

  private func exchange(_ before: UInt32, for after: UInt32) -> Bool {
    word.pointee.compareExchange(
      expected: before, desired: after, successOrdering: .acquiring, failureOrdering: .relaxed
    ).exchanged
  }

  /// Whether somebody, or something, ended the sleep before its limit.
  private func sleep(while value: UInt32, _ limitNs: UInt64) -> Bool {
    if owner == OwnedLock.privateOwner {
      platform_futex_wait(word, value, limitNs)
      return true
    }
    return platform_shared_futex_wait(word, value, limitNs)
  }

  @inline(__always)
  package func release() {
    if word.pointee.exchange(0, ordering: .releasing) & OwnedLock.waiters != 0 { wakeOne() }
  }

  @inline(never)
  private func wakeOne() {
    owner == OwnedLock.privateOwner
      ? platform_futex_wake(word, 1) : platform_shared_futex_wake(word, 1)
  }

  /// Lets whoever waits go first; for those who take the lock again at once.
  package func releaseAndYield() {
    let before = word.pointee.exchange(0, ordering: .releasing)
    if before & OwnedLock.waiters != 0 {
      wakeOne()
      platform_yield()
    }
  }

  /// Makes the lock free whoever held it: in the child of a fork, where the holder is the
  /// thread that forked; in a region that nobody has.
  package func reset() { word.pointee.store(0, ordering: .releasing) }
}
