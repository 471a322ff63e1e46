import CPlatform
import Synchronization

// Taking the shard's lock. Who finds that its holder is dead, which only happens in a cache
// that processes share, takes it over and puts the shard right before going on
// (Shard+Recover.swift).

extension Shard {
  package var lock: OwnedLock {
    @inline(__always) get {
      OwnedLock(ShardControl.lock(in: base).pointee.word, owner: memory.owner)
    }
  }

  /// How taking the lock ended.
  package enum Acquisition {
    case taken
    /// What had to be recovered changes what the cache as a whole has of its bounds.
    case takenAndRecovered
    /// Whoever holds it is stopped (Shard+Stall.swift). Only in a shared cache.
    case timeout
  }

  @inline(__always) @discardableResult
  package func acquire() -> Acquisition {
    guard lock.tryAcquire() else { return acquireSlow() }
    return isSettled ? .taken : settle()
  }

  @inline(never)
  private func acquireSlow() -> Acquisition {
    let end = lock.acquire(
      orFromDead: { region.processes.isDead($0) }, orUntil: { isStalled($0, sleeps: $1) })
    switch end {
    case .free: return isSettled ? .taken : settle()
    case .fromDead:
      region.sharing.pointee.recoveries.word.bump()
      recoverWithPatience()
      return .takenAndRecovered
    case .stalled(let owner):
      noteStall(of: owner)
      return .timeout
    }
  }

  private static let napNs: UInt64 = 10_000_000

  /// Recovers the shard, whose lock this thread holds.
  func recoverWithPatience() {
    let tickets = BorrowTickets(region)
    while true {
      let recovery = recover { body in
        tickets.forEachOfTheLiving { if $0.shard == number { body($0.ref) } }
      }
      if let recovery {
        region.sharing.pointee.entriesLost.word.bump(recovery.lost)
        return
      }
      // The process has no memory at all: others wait for this shard until it has some.
      platform_nap(Shard.napNs)
    }
  }

  /// Runs `body` under the lock; nil: whoever holds it is stopped.
  @inline(__always)
  package func withLock<Result>(_ body: () -> Result) -> Result? {
    let acquisition = acquire()
    if case .timeout = acquisition { return nil }
    let result = body()
    lock.release()
    if case .takenAndRecovered = acquisition { Shard.settleBudgets(of: region) }
    return result
  }

  /// As `withLock`; then lets whoever waits go first. For those who take the lock again at
  /// once.
  @inline(__always)
  package func withLockYielding<Result>(_ body: () -> Result) -> Result? {
    let acquisition = acquire()
    if case .timeout = acquisition { return nil }
    let result = body()
    lock.releaseAndYield()
    if case .takenAndRecovered = acquisition { Shard.settleBudgets(of: region) }
    return result
  }

  /// Runs `body` with the locks of all shards, taken in the order in which a fork takes
  /// them; nobody holds two in another order. nil: whoever holds one is stopped.
  /// `isRecovered`: whether one was recovered before.
  package static func withAllLocks<Result>(
    of region: Region, isRecovered: Bool = false, _ body: () -> Result
  ) -> Result? {
    let count = region.header.pointee.shardCount
    var isRecovered = isRecovered
    for number in 0..<count {
      switch Shard(region: region, number: number).acquire() {
      case .taken: break
      case .takenAndRecovered: isRecovered = true
      case .timeout:
        for taken in 0..<number { Shard(region: region, number: taken).lock.release() }
        // Its recovery sums up what is in use.
        if isRecovered { Shard(region: region, number: number).leaveToBeSettled() }
        return nil
      }
    }
    if isRecovered { sumBudgets(of: region) }
    let result = body()
    for number in 0..<count { Shard(region: region, number: number).lock.release() }
    return result
  }

  /// Makes what the region has in use, of entries and pages, what its shards have: a write
  /// that was cut off may have taken what no shard counts.
  @inline(never)
  package static func settleBudgets(of region: Region) {
    _ = withAllLocks(of: region, isRecovered: true) {}
  }

  /// The same for who has all locks, or is alone.
  @inline(never)
  static func sumBudgets(of region: Region) {
    var (pages, entries) = (region.header.pointee.fixedPages, UInt64(0))
    for number in 0..<region.header.pointee.shardCount {
      let shard = Shard(region: region, number: number)
      pages += shard.chargedPages
      entries += shard.counters.pointee.entries
    }
    region.pagesUsed.relaxed = pages
    region.entriesUsed.relaxed = entries
  }
}
