import Synchronization

// Removing entries, for whatever cause. All that must be done for one that leaves
// stands here once.

extension Shard {
  /// Removes an entry from the index, from the order of use and from what is due;
  /// counts it, gives its credit back and reports it. Its block is free, now or when
  /// its last lease ends. `keepsCredit`: another entry takes its place.
  package func remove(
    _ slot: Index.Slot, because cause: Removal.Cause, keepsCredit: Bool = false
  ) {
    // First: should this thread die, the key's next version is a higher one all the same.
    raiseVersionFloor(above: entry(slot.ref).version)
    atomicMemoryFence(ordering: .releasing)
    index.remove(slot)
    policy.remove(slot.ref)
    retire(slot.ref, because: cause, forSuccessor: keepsCredit)
    counters.pointee.entries -= 1
    switch cause {
    case .deleted: counters.pointee.deletes += 1
    case .evicted: counters.pointee.evictions += 1
    case .expired: counters.pointee.expirations += 1
    case .replaced: break  // of a key that stays: `retire` alone
    }
    if !keepsCredit { region.entryBudget.give(1) }
  }

  /// The same by reference and hash.
  @inline(__always)
  package func remove(
    _ ref: Ref, hash: UInt32, because cause: Removal.Cause, keepsCredit: Bool = false
  ) {
    remove(index.find(hash: hash, ref: ref)!, because: cause, keepsCredit: keepsCredit)
  }

  /// The same by reference alone.
  package func remove(_ ref: Ref, because cause: Removal.Cause) {
    remove(ref, hash: hash(of: ref).forIndex, because: cause)
  }

  @inline(__always)
  func raiseVersionFloor(above version: UInt64) {
    counters.pointee.versionFloor = max(counters.pointee.versionFloor, version + 1)
  }

  /// What remains to be done for an entry that neither index nor policy refers
  /// to any more. `forSuccessor`: another is to have its block, as a rule.
  @inline(__always)
  package func retire(_ ref: Ref, because cause: Removal.Cause, forSuccessor: Bool = true) {
    let entry = entry(ref)
    revive(ref)
    if header.pointee.reportsRemovals, !isAbsence(entry) { removals.add(entry, ref, cause) }
    // Nobody can lease it any more, but for one with a void pin (Index+Pins.swift), which is
    // a process's, and looks for the mark: without a lease now it is ours alone.
    if memory.isShared || entry.isLeased, !entry.markDead() { return }
    if forSuccessor { arena.keep(ref) } else { arena.free(ref) }
  }

  private func isAbsence(_ entry: Entry) -> Bool {
    entry.access.hasWindow && entry.expiry.isAbsence
  }

  // MARK: Reports

  /// Gives the oldest removal up, for its memory. False if there is none.
  package func dropRemoval() -> Bool {
    guard header.pointee.reportsRemovals, let removal = removals.first else { return false }
    removals.removeFirst()
    removals.state.pointee.lost += 1
    endLease(removal.ref)
    return true
  }

  /// The same for several; how many.
  package func dropRemovals(atMost limit: Int) -> Int {
    var count = 0
    while count < limit, dropRemoval() { count += 1 }
    return count
  }

  /// Writes removals as cachecore_removal_record_t has them, until the buffer is
  /// full or there are no more.
  package func takeRemovals(into buffer: inout RecordBuffer) {
    while buffer.needed == 0, let removal = removals.first {
      let entry = entry(removal.ref)
      let access = entry.access
      let valueSize = entry.valueSize(access, entry.expiry)
      let content = access.keySize + Int(valueSize)
      let headerSize = MemoryLayout<RemovalRecord>.size
      guard let record = buffer.append(size: headerSize + content) else { return }
      record.storeBytes(
        of: RemovalRecord(
          recordSize: UInt64(RecordBuffer.rounded(headerSize + content)), valueSize: valueSize,
          keySize: UInt32(access.keySize), cause: removal.cause.rawValue),
        as: RemovalRecord.self)
      (record + headerSize).copyMemory(from: entry.base + access.keyOffset, byteCount: content)
      removals.removeFirst()
      endLease(removal.ref)
    }
  }
}
