import CPlatform
import Synchronization

// What a read leaves behind: the time of last use in the entry, and an access record
// in the thread's read buffer. Whoever next holds the lock applies the records to the
// order of use ("draining"; ReadStripe says when they are lost, and why).

extension Shard {
  // MARK: Readers

  /// Records that a reader used an entry it found.
  @inline(__always)
  package func recordAccess(
    _ found: Found, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    if isUnchecked {
      guard header.pointee.defaultTtiMs != 0 else {
        // None is lost before the record is full.
        if stripeOfThisThread.recordHit(hash: parts.forIndex, ref: found.ref, place: 0, at: now) {
          checkIfFree()
        }
        return
      }
      // The entry's life depends on the mark.
      guard ensureChecked() else { return }
    }
    recordAccess(
      found.ref, found.access, place: 0, in: found.bucketVersion, parts, key.baseAddress!,
      key.count, at: now)
  }

  /// The same by what there is to know of it. `place`: the slot where it was found; any, if
  /// that is not known.
  @inline(__always)
  package func recordAccess(
    _ ref: Ref, _ access: Entry.Access, place: Index.SlotPlace, in bucketVersion: UInt32,
    _ parts: HashParts, _ key: UnsafeRawPointer, _ keySize: Int, at now: UInt64
  ) {
    let stripe = stripeOfThisThread
    let lastUsed = access.lastUsed
    if lastUsed < now, isDue(lastUsed, stripe, at: now) {
      setLastUsed(ref, access, in: bucketVersion, parts, key, keySize, at: now)
    }
    if stripe.recordHit(hash: parts.forIndex, ref: ref, place: place, at: now) {
      drainIfAlone(at: now)
    }
  }

  /// The same for an entry past its deadline: a use, and a miss.
  package func recordPast(
    _ found: Found, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) {
    let stripe = stripeOfThisThread  // that of the use; recording it may give the thread another
    recordAccess(found, parts, key, at: now)
    stripe.countPast(isAbsence: found.freshness == .absent)
    recordMiss(at: now)
  }

  /// Whether an entry's time of last use is to be set. Alone, a reader sets it
  /// once a millisecond; readers who are not would have one another fetch the
  /// entry's cache line each time.
  @inline(__always)
  private func isDue(_ lastUsed: UInt64, _ stripe: ReadStripe, at now: UInt64) -> Bool {
    now >= stripe.lazyUntil.relaxed || now >= lastUsed &+ UInt64(accessGranularityMs.relaxed)
      || header.pointee.defaultTtiMs != 0
  }

  /// Sets the time of last use of an entry that was found with this word. If it has changed
  /// since, that matters only where its life depends on the mark.
  @inline(never)
  private func setLastUsed(
    _ ref: Ref, _ access: Entry.Access, in bucketVersion: UInt32, _ parts: HashParts,
    _ key: UnsafeRawPointer, _ keySize: Int, at now: UInt64
  ) {
    // If the table has grown since, this may be another bucket, of another
    // version.
    let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    var isSet = false
    if let pin = index.pin(bucket, at: bucketVersion) {
      // Once, and only over what was found: the pin may be void (Index+Pins.swift).
      isSet =
        entry(ref).accessWord.pointee.compareExchange(
          expected: access.word, desired: access.used(at: now), ordering: .relaxed
        ).exchanged
      index.unpin(pin)
    }
    if isSet { return }
    if header.pointee.defaultTtiMs != 0 {
      _ = withLock {
        let key = UnsafeRawBufferPointer(start: key, count: keySize)
        if let slot = find(parts, key) { setLastUsed(slot.ref, at: now) }
      }
    }
  }

  /// The same for whoever holds the lock, against those who have a pin.
  package func setLastUsed(_ ref: Ref, at now: UInt64) {
    let word = entry(ref).accessWord
    var access = Entry.Access(word.relaxed)
    while access.lastUsed < now {
      let (exchanged, original) = word.pointee.compareExchange(
        expected: access.word, desired: access.used(at: now), ordering: .relaxed)
      if exchanged { return }
      access = Entry.Access(original)
    }
  }

  @inline(__always)
  package func recordMiss(at now: UInt64) {
    if stripeOfThisThread.recordMiss() { keepApart(at: now) }
  }

  /// Sees to it that no other thread uses this one's stripe.
  @inline(never)
  private func keepApart(at now: UInt64) {
    if stripeOfThisThread.meetsAnother(thread: ThreadNumber.own, at: now) { ThreadNumber.change() }
  }

  /// Applies this thread's access records if no other thread has done the same lately.
  @inline(never)
  private func drainIfAlone(at now: UInt64) {
    let own = stripeOfThisThread
    keepApart(at: now)
    guard !isUnchecked, lock.tryAcquire() else { return }
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
    HitHistory(region).record(at: now)
    lock.release()
  }

  // MARK: For the holder of the lock

  /// Applies what the calling thread has read to the order of use, and now and
  /// then what other threads have. Before every write: with one thread the
  /// order is exact.
  @inline(__always)
  package func drainReads() {
    let own = stripeOfThisThread
    if own.hasRecords { drain(own) }
    counters.pointee.writesSinceDrain &+= 1
    if counters.pointee.writesSinceDrain >= 64 { nowAndThen() }
  }

  /// What a write does for the cache as a whole, one time in 64.
  private func nowAndThen() {
    drainAllReads()
    HitHistory(region).record(at: region.clock.coarse)
    // A bound that was lowered while leases were in the way.
    if region.pageBudget.isExceeded, !header.pointee.isNoEvict {
      _ = surrender(pageCount: 8, at: region.clock.coarse)
    }
  }

  package func drainAllReads() {
    counters.pointee.writesSinceDrain = 0
    for number in 0..<Int(stripeCount) where stripe(number).hasRecords { drain(stripe(number)) }
  }

  /// Pages of a cache that a core is likely to have at hand: 2 MiB.
  private static let pagesNearby: UInt64 = 512

  /// Moving an entry touches its neighbours, which are anywhere: asks for all of them.
  /// What a stale record leads to is only prefetched here.
  @inline(never)
  private func prefetchNeighbours(_ stripe: ReadStripe, _ start: UInt64, _ end: UInt64) {
    stripe.forEachRecord(from: start, to: end) { _, ref, _ in
      let entry = entry(ref)
      memory.blocks.prefetch(entry.previous.relaxed)
      memory.blocks.prefetch(entry.next.relaxed)
    }
  }

  @inline(never)
  package func drain(_ stripe: ReadStripe) {
    let (index, policy) = (index, policy)
    let (start, end, areSomeLost) = stripe.pending
    if areSomeLost { counters.pointee.lostMs = region.clock.coarse }
    if region.pagesUsed.relaxed > Shard.pagesNearby { prefetchNeighbours(stripe, start, end) }
    policy.use { use in
      stripe.forEachRecord(from: start, to: end) { hash, ref, place in
        if index.refers(at: place, to: ref) || index.refers(hash: hash, to: ref) {
          use(ref, hash)
        }
      }
    }
    stripe.finishDrain(end)
  }
}
