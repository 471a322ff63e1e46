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
//
// To write to an entry (the time of its last use, a lease) a reader guards the
// bucket for a few instructions: a writer who has taken something out of a
// guarded bucket waits before its memory is used again.

extension Shard {
  /// A live entry as a reader found it.
  package struct Found {
    package let entry: Entry
    package let ref: Ref
    package let use: Entry.Use
    package let term: Entry.Term
    package let valueSize: UInt64
    package let value: UnsafeMutableRawPointer
    /// The bucket's version when it was found.
    package let version: UInt32

    /// What is needed to record its use.
    @inline(__always) package var sighting: Sighting {
      Sighting(ref: ref, version: version, lastUsed: use.lastUsed)
    }
  }

  /// An entry that was used: small enough to stay in registers.
  package struct Sighting {
    package let ref: Ref
    package let version: UInt32
    package let lastUsed: UInt64
  }

  /// Finds the live entry for a key and hands it to `body`, which only reads,
  /// and may be called more than once: its last result counts. nil if there is
  /// no live entry.
  @inline(__always)
  package func read<Result>(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    _ body: (Found) -> Result
  ) -> Result? {
    var isSettled = false
    let result = attempt(parts, key, at: now, &isSettled, body)
    return isSettled ? result : readAgain(parts, key, at: now, body)
  }

  /// One try. Not settled if an entry in the same bucket changed during it.
  @inline(__always)
  private func attempt<Result>(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    _ isSettled: inout Bool, _ body: (Found) -> Result
  ) -> Result? {
    let index = index
    let table = index.tableNow
    let bucket = index.bucket(for: parts.forIndex, in: table)
    let version = bucket.version.pointee.load(ordering: .acquiring)
    var result: Result?
    var isStray = false
    let slot = index.find(
      in: bucket, tag: parts.tag, limit: Index.chainMax, isStray: &isStray
    ) { ref in
      guard let found = inspect(ref, key, version) else { return false }
      result = isExpired(found.use, found.term, at: now) ? nil : body(found)
      return true
    }
    // Everything above is read before the version is read again; pairs with
    // the fence in Index.renew.
    atomicMemoryFence(ordering: .acquiring)
    // The table first: if this is its size once more, what was renewed before
    // that is seen in the version.
    isSettled =
      !isStray && version & 1 == 0 && (slot != nil || index.tableNow == table)
      && bucket.version.relaxed == version
    return result
  }

  /// How often a reader tries before it takes the lock.
  private static let attempts = 64

  @inline(never)
  private func readAgain<Result>(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    _ body: (Found) -> Result
  ) -> Result? {
    for _ in 1..<Shard.attempts {
      platform_pause()
      var isSettled = false
      let result = attempt(parts, key, at: now, &isSettled, body)
      if isSettled { return result }
    }
    return lock.withLock {
      let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
      guard let slot = find(parts, key),
        let found = inspect(slot.ref, key, bucket.version.relaxed),
        !isExpired(found.use, found.term, at: now)
      else { return nil }
      return body(found)
    }
  }

  /// The entry at `ref`, if it is there, has this key and lies where memory is.
  @inline(__always)
  private func inspect(
    _ ref: Ref, _ key: UnsafeRawBufferPointer, _ version: UInt32
  ) -> Found? {
    let committed = base.atomic64(ShardLayout.arenaSpan).pointee.load(ordering: .acquiring)
    let start = UInt64(ref) &* UInt64(Entry.unit)
    let entry = entry(ref)
    // The value is on the next line, usually.
    platform_prefetch(entry.base + 64)
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
      value: keyAt + key.count, version: version)
  }

  // MARK: Uses

  /// Records that a reader used an entry it found.
  @inline(__always)
  package func noteUse(
    _ seen: Sighting, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    let stripe = stripeOfThisThread
    if seen.lastUsed < now, isDue(seen, stripe, at: now) {
      markUsed(seen, parts, key, at: now)
    }
    if stripe.noteHit(hash: parts.forIndex, ref: seen.ref, at: now) { drainIfAlone(at: now) }
  }

  /// Whether an entry's time of last use is to be set. Alone, a reader sets it
  /// once a millisecond; readers who are not would have one another fetch the
  /// entry's cache line each time.
  @inline(__always)
  private func isDue(_ seen: Sighting, _ stripe: ReadStripe, at now: UInt64) -> Bool {
    now >= stripe.lazyUntil.relaxed || now >= seen.lastUsed &+ UInt64(markMs.relaxed)
      || header.pointee.defaultTtiMs != 0
  }

  /// Sets the time of last use. If the entry has changed since it was found, that
  /// matters only where its life depends on the mark.
  @inline(never)
  private func markUsed(
    _ seen: Sighting, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    // If the table has grown since, this may be another bucket, of another
    // version.
    let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    if bucket.tryGuard(at: seen.version) {
      markUsed(seen.ref, at: now)
      bucket.unguard()
    } else if header.pointee.defaultTtiMs != 0 {
      lock.withLock {
        if let slot = find(parts, key) { markUsed(slot.ref, at: now) }
      }
    }
  }

  /// The same for whoever holds the lock or a guard, against others who do.
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

  @inline(__always)
  package func noteMiss(at now: UInt64) {
    if stripeOfThisThread.noteMiss() { keepApart(at: now) }
  }

  /// Sees to it that no other thread uses this one's stripe.
  @inline(never)
  private func keepApart(at now: UInt64) {
    if stripeOfThisThread.meetsAnother(thread: ThreadNumber.own, at: now) { ThreadNumber.renew() }
  }

  /// Applies this thread's notes if no other thread has done the same lately.
  @inline(never)
  private func drainIfAlone(at now: UInt64) {
    let own = stripeOfThisThread
    keepApart(at: now)
    guard lock.tryAcquire() else { return }
    let other = counters.pointee.lastReader
    counters.pointee.lastReader = ThreadNumber.own
    let isAlone = other == ThreadNumber.own || other == 0 || region.clock.isManual
    if isAlone || now > counters.pointee.lastReadMs + ReadStripe.lazyMs {
      drain(own)
    } else {
      stripeOfThisThread.lazyUntil.relaxed = now + ReadStripe.lazyMs
      counters.pointee.lostMs = now
    }
    counters.pointee.lastReadMs = now
    HitHistory(region).note(at: now)
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
      guard let found = read(parts, key, at: now, { $0 }) else { return .miss }
      // Between a guard and its end the entry is not given up, so the lease is
      // counted on what was found.
      let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
      guard bucket.tryGuard(at: found.version) else { continue }
      let isCounted = countLease(found.entry)
      bucket.unguard()
      return isCounted ? .leased(found) : .tooMany
    }
  }

  private func countLease(_ entry: Entry) -> Bool {
    var identity = entry.identity.relaxed
    while identity & Entry.Identity.leaseMask != Entry.leasesMax {
      let (exchanged, original) = entry.identity.pointee.compareExchange(
        expected: identity, desired: identity + 1, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      identity = original
    }
    return false
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
