import Synchronization

// The first process to open a shared cache after nobody had it finds what those before it
// left at whatever instruction, and what may have been done to the file since. Putting it
// right takes 0.3 us an entry, and nobody waits for all of that: each shard is *unchecked*
// until somebody takes its lock, for a write or a sweep, and recovers it first
// (Shard+Recover.swift). Reads go on at once.
//
// In an unchecked shard the index may lead anywhere. So readers go the long way
// (Shard+Lookup.swift), which is safe on any contents: the table has a size that it can
// have, every link is of an overflow bucket, every block lies in memory. They change nothing
// in an entry: they record their hits, but not the time of last use, and one whose record is
// full checks the shard, unless somebody does. For a lease, and where a time to idle depends
// on it, they take the lock first.

extension Shard {
  /// Readies a shard of which nothing is known for readers, and leaves the rest to who takes
  /// its lock. For the first process after nobody; takes no time to speak of.
  func leaveUnchecked() {
    lock.reset()
    index.checkTable()
    recoverReads()
    // Part of a sum before it is counted.
    let entriesMax = arena.span.chargedEnd / UInt64(Entry.unit) / UInt64(Entry.unitsMin)
    counters.pointee.entries = min(counters.pointee.entries, entriesMax)
    leaveToBeChecked()
  }

  /// Checks the shard if nobody has yet. False if whoever does so is stopped.
  @inline(__always)
  func ensureChecked() -> Bool { !isUnchecked || checkNow() }

  @inline(never)
  private func checkNow() -> Bool { withLock {} != nil }

  /// Checks the shard, if nobody has its lock.
  @inline(never)
  func checkIfFree() {
    guard lock.tryAcquire() else { return }
    let acquisition = isSettled ? .taken : settle()
    lock.release()
    if case .takenAndRecovered = acquisition { Shard.settleBudgets(of: region) }
  }

  /// Where blocks end that a reader may look at, and how many overflow buckets there are.
  /// Only in an unchecked shard do slots and links lead elsewhere.
  var readable: (blocksEnd: UInt64, overflow: UInt32) {
    guard isUnchecked || memory.isReadOnly else { return (UInt64.max, UInt32.max) }
    let span = arena.span
    return (min(span.chargedEnd, span.extent), index.overflowCount)
  }
}
