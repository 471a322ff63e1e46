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

  /// Whether what had to be recovered changes what the cache as a whole has of its bounds.
  @inline(__always) @discardableResult
  package func acquire() -> Bool { lock.tryAcquire() ? false : acquireSlow() }

  @inline(never)
  private func acquireSlow() -> Bool {
    guard lock.acquire(orFromDead: { region.processes.isDead($0) }) else { return false }
    recoverFromDead()
    return true
  }

  private static let napNs: UInt64 = 10_000_000

  private func recoverFromDead() {
    let tickets = BorrowTickets(region)
    while true {
      let recovery = recover { body in
        tickets.forEachOfTheLiving { if $0.shard == number { body($0.ref) } }
      }
      if let recovery {
        region.sharing.pointee.recoveries.word.bump()
        region.sharing.pointee.entriesLost.word.bump(recovery.lost)
        return
      }
      // The process has no memory at all: others wait for this shard until it has some.
      platform_nap(Shard.napNs)
    }
  }

  @inline(__always)
  package func withLock<Result>(_ body: () -> Result) -> Result {
    let isRecovered = acquire()
    let result = body()
    lock.release()
    if isRecovered { Shard.settleBudgets(of: region) }
    return result
  }

  /// As `withLock`; then lets whoever waits go first. For those who take the lock again at
  /// once.
  @inline(__always)
  package func withLockYielding<Result>(_ body: () -> Result) -> Result {
    let isRecovered = acquire()
    let result = body()
    lock.releaseAndYield()
    if isRecovered { Shard.settleBudgets(of: region) }
    return result
  }

  /// Runs `body` with the locks of all shards, taken in the order in which a fork takes
  /// them; nobody holds two in another order.
  package static func withAllLocks<Result>(of region: Region, _ body: () -> Result) -> Result {
    let count = region.header.pointee.shardCount
    var isRecovered = false
    for number in 0..<count {
      if Shard(region: region, number: number).acquire() { isRecovered = true }
    }
    if isRecovered { settleBudgetsLocked(of: region) }
    let result = body()
    for number in 0..<count { Shard(region: region, number: number).lock.release() }
    return result
  }

  /// Makes what the region has in use, of entries and pages, what its shards have: a write
  /// that was cut off may have taken what no shard counts.
  @inline(never)
  package static func settleBudgets(of region: Region) {
    withAllLocks(of: region) { settleBudgetsLocked(of: region) }
  }

  @inline(never)
  private static func settleBudgetsLocked(of region: Region) {
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
