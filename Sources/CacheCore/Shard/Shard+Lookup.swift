import CPlatform
import Synchronization

// Reading without a lock.
//
// A reader loads the bucket's version, finds the entry, takes what it wants
// from it, and loads the version again. Writers change a bucket's version after
// an entry has left it and before the entry's memory is used again, so an
// unchanged version means that all that was read belonged to that entry. In the
// other case what was read may be anything; nothing of it is used. For that the
// reader must not fault on what it reads: every extent is checked against the
// part of the arena that is committed, which only grows.

extension Shard {
  /// A live entry as a reader found it.
  package struct Found {
    package let entry: Entry
    package let ref: Ref
    package let use: Entry.Use
    package let term: Entry.Term
    package let valueSize: UInt64
    package let value: UnsafeMutableRawPointer
  }

  /// How often a reader tries again before it takes the lock. A try fails only
  /// if an entry in the same bucket changed during it.
  private static let attempts = 64

  /// Finds the live entry for a key and hands it to `body`, which only reads,
  /// and may be called more than once: its last result counts. nil if there is
  /// no live entry.
  @inline(__always)
  package func read<Result>(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    _ body: (Found) -> Result
  ) -> Result? {
    for _ in 0..<Shard.attempts {
      let index = index
      let table = index.tableNow
      let bucket = index.bucket(for: parts.forIndex, in: table)
      let version = bucket.version.pointee.load(ordering: .acquiring)
      if version & 1 == 0 {
        var result: Result?
        let slot = index.find(in: bucket, tag: parts.tag) { ref in
          guard let found = inspect(ref, key) else { return false }
          result = isExpired(found.use, found.term, at: now) ? nil : body(found)
          return true
        }
        // Everything above is read before the version is read again; pairs
        // with the fence in Index.renew.
        atomicMemoryFence(ordering: .acquiring)
        if bucket.version.relaxed == version, slot != nil || index.table.relaxed == table {
          return result
        }
      }
      platform_pause()
    }
    return readLocked(parts, key, at: now, body)
  }

  private func readLocked<Result>(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    _ body: (Found) -> Result
  ) -> Result? {
    lock.withLock {
      guard let slot = find(parts, key), let found = inspect(slot.ref, key),
        !isExpired(found.use, found.term, at: now)
      else { return nil }
      return body(found)
    }
  }

  /// The entry at `ref`, if it is there, has this key and lies where memory is.
  @inline(__always)
  private func inspect(_ ref: Ref, _ key: UnsafeRawBufferPointer) -> Found? {
    let committed = base.atomic64(ShardLayout.arenaSpan).pointee.load(ordering: .acquiring)
    let start = UInt64(ref) &* UInt64(Entry.unit)
    let entry = entry(ref)
    // A block is at least 40 bytes and was committed when it was made.
    let use = Entry.Use(entry.use.pointee.load(ordering: .acquiring))
    guard use.keySize == key.count, !use.isHole else { return nil }
    let bytes = start &+ UInt64(use.keyOffset) &+ UInt64(key.count)
    guard bytes <= committed else { return nil }
    let keyAt = entry.base + use.keyOffset
    guard platform_equal(keyAt, key.baseAddress!, key.count) else { return nil }
    let term = Entry.Term(entry.term.relaxed)
    let valueSize = entry.valueSize(use, term)
    guard valueSize <= committed &- bytes else { return nil }
    return Found(
      entry: entry, ref: ref, use: use, term: term, valueSize: valueSize,
      value: keyAt + key.count)
  }

  // MARK: Uses

  /// Records that a reader used an entry it found.
  @inline(__always)
  package func noteUse(
    _ found: Found, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    if found.use.lastUsed < now { markUsed(found, parts, key, at: now) }
    if stripeOfThisThread.noteHit(hash: parts.forIndex, ref: found.ref) { drainIfFree() }
  }

  /// Sets the time of last use, at most once a millisecond for an entry.
  private func markUsed(
    _ found: Found, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    let (exchanged, original) = found.entry.use.pointee.compareExchange(
      expected: found.use.word, desired: found.use.used(at: now), ordering: .relaxed)
    if exchanged || header.pointee.defaultTtiMs == 0 { return }
    // Another reader was faster, usually. If not, the entry's life may depend
    // on this mark: look again, with nobody in the way.
    let other = Entry.Use(original)
    if other.keySize == found.use.keySize, other.lastUsed >= now { return }
    lock.withLock {
      guard let slot = find(parts, key) else { return }
      markUsed(slot.ref, at: now)
    }
  }

  /// The same for the holder of the lock, against other readers.
  package func markUsed(_ ref: Ref, at now: UInt64) {
    let word = entry(ref).use
    var use = Entry.Use(word.relaxed)
    while use.lastUsed < now {
      let (exchanged, original) = word.pointee.compareExchange(
        expected: use.word, desired: use.used(at: now), ordering: .relaxed)
      if exchanged { return }
      use = Entry.Use(original)
    }
  }

  private func drainIfFree() {
    guard lock.tryAcquire() else { return }
    drain(stripeOfThisThread)
    lock.release()
  }

  // MARK: Leases

  package enum LeaseOutcome {
    case leased(Found)
    case miss
    case tooMany
  }

  /// Finds the live entry for a key and counts a lease on it, which keeps its
  /// block as it is until `release`.
  package func lease(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) -> LeaseOutcome {
    while true {
      let found = read(parts, key, at: now) { ($0, $0.entry.identity.relaxed) }
      guard let (found, seen) = found else { return .miss }
      var identity = seen
      // The version was valid with the entry, and no other entry here ever has
      // the same: a swap that succeeds is on this entry, and it was not dead.
      while identity & Entry.Identity.dead == 0,
        identity >> Entry.Identity.versionShift == seen >> Entry.Identity.versionShift
      {
        if identity & Entry.Identity.leaseMask == Entry.leasesMax { return .tooMany }
        let (exchanged, original) = found.entry.identity.pointee.compareExchange(
          expected: identity, desired: identity + 1, ordering: .acquiringAndReleasing)
        if exchanged { return .leased(found) }
        identity = original
      }
    }
  }

  /// Ends a lease. The last one on an entry that is gone frees its block.
  package func release(_ ref: Ref) {
    if isLastLease(ref) { lock.withLock { arena.free(ref) } }
  }

  /// The same for the holder of the lock.
  package func endLease(_ ref: Ref) {
    if isLastLease(ref) { arena.free(ref) }
  }

  private func isLastLease(_ ref: Ref) -> Bool {
    let identity = entry(ref).identity.pointee.wrappingSubtract(
      1, ordering: .acquiringAndReleasing
    ).newValue
    return identity & Entry.Identity.dead != 0 && identity & Entry.Identity.leaseMask == 0
  }

  // MARK: For the holder of the lock

  /// The slot for a key, expired or not.
  @inline(__always)
  package func find(_ parts: HashParts, _ key: UnsafeRawBufferPointer) -> Index.Slot? {
    let index = index
    let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    return index.find(in: bucket, tag: parts.tag) { ref in
      let entry = entry(ref)
      let use = entry.useNow
      return use.keySize == key.count
        && platform_equal(entry.base + use.keyOffset, key.baseAddress!, key.count)
    }
  }
}
