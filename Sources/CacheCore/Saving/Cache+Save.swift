import CPlatform

// Saving. First all entries are noted (SaveOrder), a slice of a shard at a time; then each
// is found again and its record added to a block in memory, under its shard's lock; and
// the block is written when it is full, under no lock. A value that is longer than a block
// is borrowed, and written from where it is.
//
// What is saved of an entry is what it is when its turn comes. One that is there all the
// while is saved once; one that comes or goes meanwhile may be in the file or not.

extension Cache {
  /// Saves what is live, or past its deadline and still of use, to a file, which takes the
  /// place of the one that was there. How many entries, in `saved`.
  @inline(never)
  package func saveEntries(to path: UnsafePointer<CChar>, saved: inout UInt64) -> Outcome {
    var outcome = Outcome.ok
    guard let target = NewFile.create(for: path, &outcome) else { return outcome }
    guard var writer = SavedWriter(target) else { return .noMemory }
    guard let order = notes(&outcome) else { return outcome }
    order.sort()
    let times = SavingTimes(clock)
    var start = 0
    while start < order.count {
      let size = min(Cache.groupSize, order.count - start)
      outcome = saveGroup(
        UnsafeBufferPointer(start: order.notes + start, count: size), times, &writer)
      if outcome != .ok { return outcome }
      start += size
    }
    outcome = writer.finish(savedMs: times.now, ttiMs: region.header.pointee.defaultTtiMs)
    if outcome == .ok { saved = writer.entries }
    return outcome
  }

  // MARK: Noting

  /// What a hold of a lock notes at most, but for a few.
  private static let notesAtOnce = 8192

  /// All entries, in no order; nil, with the reason in `refusal`, if that cannot be.
  private func notes(_ refusal: inout Outcome) -> SaveOrder? {
    refusal = .noMemory
    var present: UInt64 = 0
    forEachShard { shard in present += shard.withLock { shard.counters.pointee.entries } ?? 0 }
    guard var order = SaveOrder(capacity: Int(present + present / 8) + Cache.notesAtOnce) else {
      return nil
    }
    for number in 0..<shardCount {
      let outcome = note(shard(number), in: &order)
      if outcome != .ok {
        refusal = outcome
        return nil
      }
    }
    if order.isIncomplete { return nil }
    return order
  }

  private func note(_ shard: Shard, in order: inout SaveOrder) -> Outcome {
    guard order.reserve(Cache.notesAtOnce) else { return .noMemory }
    var place: UInt64 = 0
    let listed = shard.withLockYielding {
      shard.listHashes { hash, rank in
        order.add(hash: hash, rank: rank, place: place)
        place += 1
      }
    }
    guard let isListed = listed else { return .timeout }
    if isListed { return .ok }
    var position: UInt64? = 0
    while position != nil {
      guard order.reserve(Cache.notesAtOnce) else { return .noMemory }
      let isReached = inSlices(shard) { startNs in
        let endNs = startNs + Cache.sliceNs
        repeat {
          position = shard.walkHashes(from: position!) { hash, rank in
            order.add(hash: hash, rank: rank, place: 0)
          }
        } while position != nil && order.hasRoom(for: Cache.notesAtOnce / 2)
          && platform_now_ns() < endNs
        return position == nil || !order.hasRoom(for: Cache.notesAtOnce / 2)
      }
      if !isReached { return .timeout }
    }
    return .ok
  }

  // MARK: Writing

  /// Writes a group of entries, with the waits for their memory overlapped.
  private func saveGroup(
    _ notes: UnsafeBufferPointer<SaveOrder.Note>, _ times: SavingTimes,
    _ writer: inout SavedWriter
  ) -> Outcome {
    for note in notes {
      let (shard, parts) = route(note.hash)
      let index = shard.index
      platform_prefetch(index.bucket(for: parts.forIndex, in: index.tableNow).base)
    }
    for note in notes { prefetchEntry(route(note.hash)) }
    for note in notes {
      let outcome = saveEntry(route(note.hash), times, &writer)
      if outcome != .ok { return outcome }
    }
    return .ok
  }

  /// Writes the entry of a key that was there, if it is still of use.
  private func saveEntry(
    _ route: Route, _ times: SavingTimes, _ writer: inout SavedWriter
  ) -> Outcome {
    let (shard, parts) = route
    while true {
      let result = shard.withLock { attempt(shard, parts, times, &writer) }
      switch result ?? .timeout {
      case .timeout: return .timeout
      case .isOver: return .ok
      case .leased(let record, let key, let keySize, let lease):
        handle.countLease(1)
        let outcome = writer.writeAlone(record, key, key + keySize)
        release(ticket: lease)
        return outcome
      case .needsRoom: break
      }
      let outcome = writer.flush()
      if outcome != .ok { return outcome }
    }
  }

  private enum SaveAttempt {
    /// It is written, or not there any more.
    case isOver
    /// It is too long for the block, and lent until it is written.
    case leased(SavedRecord, key: UnsafeRawPointer, keySize: Int, lease: UInt64)
    /// The block must be written first.
    case needsRoom
    /// Whoever holds the lock is stopped.
    case timeout
  }

  /// For the holder of the shard's lock.
  private func attempt(
    _ shard: Shard, _ parts: HashParts, _ times: SavingTimes, _ writer: inout SavedWriter
  ) -> SaveAttempt {
    guard let ref = shard.find(hash: parts, at: clock.coarse) else { return .isOver }
    let entry = shard.entry(ref)
    let access = entry.access
    let record = times.record(entry, access)
    let key = UnsafeRawPointer(entry.base + access.keyOffset)
    if writer.append(record, key, key + access.keySize) { return .isOver }
    guard writer.isEmpty else { return .needsRoom }
    // Lent as often as can be, it cannot be borrowed.
    guard let borrow = shard.leaseLocked(ref) else { return .isOver }
    return .leased(
      record, key: key, keySize: access.keySize, lease: ticket(borrow, shard.number, ref))
  }
}
