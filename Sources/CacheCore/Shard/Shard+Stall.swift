import CPlatform
import Synchronization

// A shard is *stalled* while the process that holds its lock is stopped (SIGSTOP, a
// debugger, a frozen container). It is alive, so its lock is not taken from it: when it
// goes on, it goes on writing where it was. Others do not wait for that. What they wanted to
// do under the lock ends in a timeout, and they leave in the shard's `stall` word what the
// lock's next holder has to do before anything else:
//
//   forget: a write was given up whose old value must not be seen any more. From now on
//           readers find nothing in this shard, and the next holder empties it. Never in a
//           no-evict cache, where a write that was given up has changed nothing.
//   settle: a claim or a lease could not be ended. The next holder recovers the shard
//           (Shard+Recover.swift), which ends them and keeps the entries.
//   seen:   somebody gave up. The next holder clears that.
//   check:  nobody has looked at the shard since all processes had gone. The next holder
//           recovers it (Shard+Check.swift).
//
// Readers take no lock and are not held up; the word costs a hit two instructions. Once one
// has given up on a process, `stalledBy` names it, and who comes later does not wait so
// long. Whoever sets the word does so before its own call ends, and whoever takes the lock
// looks at it afterwards. So if a write was given up, no later read finds what it would
// have replaced: the shard is not read before it was emptied.

extension Shard {
  package enum Stall {
    /// Makes a bucket's version odd (Shard+Hit.swift). Set while one of `careful` is.
    package static let odd: UInt32 = 1 << 0
    package static let forget: UInt32 = 1 << 1
    package static let check: UInt32 = 1 << 2
    package static let settle: UInt32 = 1 << 3
    package static let seen: UInt32 = 1 << 4

    /// What readers need to know.
    static let careful = forget | check
  }

  private var stall: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { words.pointee.stall.word }
  }

  /// What the lock's next holder has to do first. Pairs with the release in `finish`: who
  /// finds the shard checked reads it as it is then.
  @inline(__always)
  var leftToDo: UInt32 { stall.pointee.load(ordering: .acquiring) }

  @inline(__always)
  var isSettled: Bool { leftToDo == 0 }

  /// Whether readers are to find nothing.
  @inline(__always)
  package var isForgotten: Bool { leftToDo & Stall.forget != 0 }

  /// Whether the shard may hold anything.
  @inline(__always)
  package var isUnchecked: Bool { leftToDo & Stall.check != 0 }

  /// Whether a holder of the lock who has kept it for so many sleeps is given up.
  func isStalled(_ owner: UInt32, sleeps: Int) -> Bool {
    words.pointee.stalledBy.word.relaxed == owner
      || region.processes.isStalled(owner, sleeps: sleeps)
  }

  // MARK: Giving up

  /// Says that a holder of the lock was given up.
  func noteStall(of owner: UInt32) {
    words.pointee.stalledBy.word.relaxed = owner
    leave(Stall.seen)
  }

  private func leave(_ what: UInt32) {
    let odd = what & Stall.careful != 0 ? Stall.odd : 0
    _ = stall.pointee.bitwiseOr(what | odd, ordering: .sequentiallyConsistent)
  }

  /// The end of a write for which the lock could not be had: what it would have replaced is
  /// not to be seen.
  @inline(never)
  package func giveUpWrite() -> Outcome {
    leave(header.pointee.isNoEvict ? Stall.settle : Stall.forget)
    return .timeout
  }

  /// Leaves it to the lock's next holder to end claims and leases.
  package func leaveToBeSettled() { leave(Stall.settle) }

  // MARK: For the holder of the lock

  /// Does what was left to do.
  @inline(never)
  func settle() -> Acquisition {
    words.pointee.stalledBy.word.relaxed = 0
    // First: what is left while this goes on is for the next one.
    let kept = Stall.careful | Stall.odd
    let left = stall.pointee.bitwiseAnd(kept, ordering: .acquiring).oldValue
    if left & (Stall.careful | Stall.settle) == 0 { return .taken }
    recoverWithPatience()
    // Checking a shard tells the budgets of all that it changes.
    return left & (Stall.forget | Stall.settle) == 0 ? .taken : .takenAndRecovered
  }

  /// What a recovery began with is done.
  func finish(forgetting: Bool, checking: Bool) {
    let done = (forgetting ? Stall.forget : 0) | (checking ? Stall.check : 0)
    var before = leftToDo
    while before & done != 0 {
      var after = before & ~done
      if after & Stall.careful == 0 { after &= ~Stall.odd }
      let (exchanged, original) = stall.pointee.compareExchange(
        expected: before, desired: after, ordering: .releasing)
      if exchanged { return }
      before = original
    }
  }

  /// Forgets what is left to do, when nobody else is there.
  func resetStall() {
    words.pointee.stalledBy.word.relaxed = 0
    stall.relaxed = 0
  }

  /// Leaves it to the lock's next holder to check the shard, when nobody else is there.
  func leaveToBeChecked() {
    let wasForgotten = isForgotten
    resetStall()
    leave(wasForgotten ? Stall.careful : Stall.check)
  }
}
