import CPlatform
import Synchronization

/// A mutual-exclusion lock in one 32-bit word: 0 free, 1 taken, 2 taken and
/// somebody sleeps on it (Drepper, "Futexes Are Tricky", mutex 2).
///
/// A plain word rather than a pthread mutex, because it lies in the region,
/// must be put right in the child of a fork by a store, and costs 6 ns.
package struct Lock {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  /// A taker looks again after 1, 2, 4, ... pauses, this many at most, and so many times,
  /// before it goes to sleep: longer than critical sections take, several of them in a
  /// row, and shorter than a sleep and the wake-up from it.
  private static let pausesMax = 64
  private static let looksMax = 40

  @inline(__always)
  package init(_ word: UnsafeMutablePointer<Atomic<UInt32>>) { self.word = word }

  @inline(__always)
  package func acquire() {
    if !tryAcquire() { acquireSlow() }
  }

  /// Takes the lock if it is free. Pairs with the release in `release`.
  @inline(__always)
  package func tryAcquire() -> Bool {
    word.relaxed == 0
      && word.pointee.compareExchange(
        expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed
      ).exchanged
  }

  @inline(never)
  private func acquireSlow() {
    var pauses = 1
    for _ in 0..<Lock.looksMax {
      for _ in 0..<pauses { platform_pause() }
      if tryAcquire() { return }
      pauses = min(2 * pauses, Lock.pausesMax)
    }
    while word.pointee.exchange(2, ordering: .acquiring) != 0 {
      platform_futex_wait(word, 2, UInt64.max)
    }
  }

  @inline(__always)
  package func release() {
    if word.pointee.exchange(0, ordering: .releasing) == 2 { wakeOne() }
  }

  @inline(never)
  private func wakeOne() { platform_futex_wake(word, 1) }

  /// Makes the lock free whoever held it. Only in the child of a fork, where
  /// the holder is the thread that forked.
  package func reset() { word.pointee.store(0, ordering: .releasing) }

  @inline(__always)
  package func withLock<Result>(_ body: () -> Result) -> Result {
    acquire()
    let result = body()
    release()
    return result
  }
}
