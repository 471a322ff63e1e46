import CPlatform
import Synchronization

// Leases: a block stays as it is while somebody has leased its value. An entry that
// is removed meanwhile leaves the index at once, and the last lease frees its block.

extension Shard {
  package enum LeaseOutcome {
    /// With the number of the process's ticket, in a shared cache (BorrowTickets).
    case leased(Found, ticket: BorrowTickets.Number)
    case miss
    case tooMany
  }

  /// Finds the live entry for a key and counts a lease on it, which keeps its
  /// block as it is until `release`.
  package func lease(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) -> LeaseOutcome {
    guard ensureChecked() else { return .miss }
    while true {
      guard let found = read(parts, key, at: now) else { return .miss }
      guard let ticket = takeTicket(found.ref) else { return .tooMany }
      // Between a pin and its end the entry is not given up, so the lease is
      // counted on what was found.
      let index = index
      let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
      guard let pin = index.pin(bucket, at: found.bucketVersion) else {
        setTicket(ticket, found.ref, BorrowTickets.State.free)
        continue
      }
      let isCounted = countLease(found.entry, found.version)
      index.unpin(pin)
      typealias State = BorrowTickets.State
      setTicket(ticket, found.ref, isCounted ? State.counted : State.free)
      if isCounted { return .leased(found, ticket: ticket) }
      if isStill(found.entry, found.version) { return .tooMany }
    }
  }

  /// The same for the holder of the lock, of an entry that it found; nil: too many.
  package func leaseLocked(_ ref: Ref) -> BorrowTickets.Number? {
    guard let ticket = takeTicket(ref) else { return nil }
    let isCounted = countLease(entry(ref), entry(ref).version)
    typealias State = BorrowTickets.State
    setTicket(ticket, ref, isCounted ? State.counted : State.free)
    return isCounted ? ticket : nil
  }

  private func takeTicket(_ ref: Ref) -> BorrowTickets.Number? {
    memory.isShared ? BorrowTickets(region).take(shard: number, ref: ref) : 0
  }

  private func setTicket(_ ticket: BorrowTickets.Number, _ ref: Ref, _ state: UInt64) {
    if memory.isShared {
      BorrowTickets(region).set(ticket, shard: number, ref: ref, state: state)
    }
  }

  /// Counts a lease on an entry; false if there are as many as there can be, or if it is
  /// another entry by now. For who pins its bucket, though the pin may be void
  /// (Index+Pins.swift), or holds the lock.
  private func countLease(_ entry: Entry, _ version: UInt64) -> Bool {
    var word = entry.versionWord.relaxed
    while word & Entry.VersionWord.leaseMask != Entry.leasesMax, isStill(word, version) {
      let (exchanged, original) = entry.versionWord.pointee.compareExchange(
        expected: word, desired: word + 1, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      word = original
    }
    return false
  }

  /// Whether an entry, or its word, is in the cache with this version.
  private func isStill(_ entry: Entry, _ version: UInt64) -> Bool {
    isStill(entry.versionWord.relaxed, version)
  }
  private func isStill(_ word: UInt64, _ version: UInt64) -> Bool {
    word & (Entry.VersionWord.dead | Entry.VersionWord.unfinished) == 0
      && word >> Entry.VersionWord.versionShift == version
  }

  /// Ends a lease. The last one on an entry that is gone frees its block. A lease that the
  /// child of a fork has from its parent stays the parent's: false.
  package func release(_ ref: Ref, ticket: BorrowTickets.Number) -> Bool {
    typealias State = BorrowTickets.State
    guard !memory.isShared || BorrowTickets(region).isOwn(ticket) else { return false }
    setTicket(ticket, ref, State.changing)
    let isLast = isLastLease(ref)
    if isLast {
      setTicket(ticket, ref, State.freeing)
      let isFreed: Void? = withLock { arena.free(ref) }
      if isFreed == nil { leaveToBeSettled() }
    }
    setTicket(ticket, ref, State.free)
    return true
  }

  /// The same for the holder of the lock.
  package func endLease(_ ref: Ref) {
    if isLastLease(ref) { arena.free(ref) }
  }

  private func isLastLease(_ ref: Ref) -> Bool {
    let word = entry(ref).versionWord.pointee.wrappingSubtract(
      1, ordering: .acquiringAndReleasing
    ).newValue
    return word & Entry.VersionWord.dead != 0 && word & Entry.VersionWord.leaseMask == 0
  }

  // MARK: Of the dead

  /// How often the tickets are looked at again while one is changing: its holder lives, and
  /// needs a few instructions, or was stopped.
  private static let looksMax = 200

  /// Makes the count of leases of a block what the tickets of the living say, and frees the
  /// block if that was all that kept it. By how many that is less; 0 if it is no block.
  func settleLeases(of ref: Ref) -> UInt64 {
    guard arena.isBlock(ref), !entry(ref).access.isHole, !entry(ref).access.isFence,
      arena.spare != ref
    else { return 0 }
    let word = entry(ref).versionWord
    var looks = 0
    while true {
      let before = word.pointee.load(ordering: .sequentiallyConsistent)
      let living = livingLeases(of: ref)
      looks += 1
      // Who stays between two states is taken for one who has counted his: a block is
      // kept rather than used again too early.
      if living.changing > 0, looks < Shard.looksMax {
        platform_nap(10_000)
        continue
      }
      let count = min(living.counted + living.changing, Entry.leasesMax)
      let after = before & ~Entry.VersionWord.leaseMask | count
      guard
        word.pointee.compareExchange(
          expected: before, desired: after, ordering: .sequentiallyConsistent
        ).exchanged
      else { continue }
      let isGone = after & Entry.VersionWord.dead != 0 && count == 0
      if isGone, living.freeing == 0 { arena.free(ref) }
      let counted = before & Entry.VersionWord.leaseMask
      return counted - min(counted, count)
    }
  }

  private func livingLeases(
    of ref: Ref
  ) -> (counted: UInt64, changing: UInt64, freeing: UInt64) {
    var (counted, changing, freeing): (UInt64, UInt64, UInt64) = (0, 0, 0)
    BorrowTickets(region).forEachOfTheLiving { claim in
      guard claim.isFor(number, ref) else { return }
      switch claim.state {
      case BorrowTickets.State.counted: counted += 1
      case BorrowTickets.State.changing: changing += 1
      default: freeing += 1
      }
    }
    return (counted, changing, freeing)
  }
}
