import CPlatform
import Synchronization

// Writing, for the holder of the lock.
//
// An entry is written to a block of its own, complete, before anybody can find
// it; then one store in the index makes it the entry for its key. A reader has
// the older value or the newer, whole.

extension Shard {
  /// What must be so for a value to be stored.
  package enum Condition {
    case always
    case absent
    case present
    case version(UInt64)
    /// A claim that stands.
    case claim(UnsafePointer<Fulfillment>)
  }

  package enum Stored {
    case done(Outcome)
    /// Not yet. Other shards should give up so many bytes, then again.
    case needsMemory(UInt64)
    /// Not yet. Another shard should give up an entry, then again.
    case needsEntry
  }

  /// Stores a value. `mayAskOthers`: whether it may end in one of the `needs`.
  @inline(__always)
  package func store(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, if condition: Condition, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    policy.prefetch(parts.forIndex)
    drainReads()
    let slot = find(parts, key)
    let isLive = slot.map { self.isLive($0.ref, at: now) } ?? false
    switch condition {
    case .always: break
    case .absent: if isLive { return .done(.exists) }
    case .present: if !isLive { return .done(.miss) }
    case .version(let expected):
      if !isLive { return .done(.miss) }
      if entry(slot!.ref).version != expected { return .done(.conflict) }
    case .claim(let fulfillment):
      return fulfill(
        fulfillment, parts, key, value, deadline: deadline, over: slot, isLive: isLive, at: now,
        mayAskOthers: mayAskOthers)
    }
    let deadline =
      deadline & Clock.orItsOwn == 0 ? deadline : resolved(deadline, for: isLive ? slot : nil)
    return put(
      parts, key, value, deadline: deadline, window: Entry.Window.none, over: slot,
      isLive: isLive, at: now, mayAskOthers: mayAskOthers)
  }

  /// A deadline as it is given: that of the live entry, if it keeps its own.
  @inline(__always)
  func resolved(_ deadline: UInt64, for live: Index.Slot?) -> UInt64 {
    if deadline & Clock.orItsOwn == 0 { return deadline }
    return live.map { entry($0.ref).expiry.deadline } ?? deadline & ~Clock.orItsOwn
  }

  @inline(__always)
  package func isLive(_ ref: Ref, at now: UInt64) -> Bool {
    let entry = entry(ref)
    return !isExpired(entry.access, entry.expiry, at: now)
  }

  /// Stores a value in place of what `slot` refers to, if anything. Stored or refused,
  /// nobody's claim of the key stands any more.
  @inline(__always)
  package func put(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, window: Entry.Window, over slot: Index.Slot?, isLive: Bool,
    at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    let stored = place(
      parts, key, value, deadline: deadline, window: window, over: slot, isLive: isLive, at: now,
      mayAskOthers: mayAskOthers)
    if case .done = stored { endClaim(parts) }
    return stored
  }

  /// The same but for the claim.
  @inline(__always)
  private func place(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, window: Entry.Window, over slot: Index.Slot?, isLive: Bool,
    at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    guard
      let units = Entry.unitsNeeded(
        keySize: key.count, valueSize: UInt64(value.count), hasWindow: !window.isNone),
      canHold(units)
    else { return refuse(slot, parts, isLive: isLive, as: .refused) }
    var slot = slot
    if let expired = slot, !isLive {
      remove(expired, because: .expired)
      slot = nil
    }
    if slot == nil { policy.prepare(parts.forIndex) }
    if slot == nil, let shortage = makeEntryRoom(at: now) {
      if mayAskOthers, shortage == .poor || header.pointee.shardCount > 1 { return .needsEntry }
      return refuse(nil, parts, isLive: false, as: .refused)
    }
    let ref: Ref
    let flags: UInt64
    if case .block(let block, let blockFlags) = arena.allocate(units) {
      (ref, flags) = (block, blockFlags)
    } else {
      let hasCredit = slot == nil
      switch makeRoom(units: units, at: now, mayAskOthers: mayAskOthers) {
      case .none(let shortage):
        if hasCredit { region.entryBudget.give(1) }
        return giveUp(
          parts, key, value, units, deadline: deadline, window: window, isLive: isLive, at: now,
          shortage, mayAskOthers: mayAskOthers)
      case .block(let block, let blockFlags):
        (ref, flags) = (block, blockFlags)
      }
      // Making room may have removed or moved the older entry.
      slot = find(parts, key)
      if slot == nil, !hasCredit, !region.entryBudget.take(1) {
        // Nothing was written in it yet.
        arena.giveBack(
          ref, units + UInt32(flags >> Entry.Flag.slackShift & 7),
          marks: flags & Entry.Mark.afterHole)
        return mayAskOthers ? .needsEntry : refuse(nil, parts, isLive: false, as: .refused)
      }
    }
    let older = slot.map { self.entry($0.ref).version + 1 } ?? counters.pointee.versionFloor
    let version = max(now << Entry.VersionWord.versionFractionBits, older)
    let entry = self.entry(ref)
    entry.write(
      key: key, value: value, version: version, deadline: deadline, window: window, now: now,
      blockFlags: flags)
    if let slot {
      index.replace(slot, by: ref)
      policy.replace(slot.ref, by: ref, parts.forIndex)
      retire(slot.ref, because: .replaced)
      counters.pointee.updates += 1
    } else {
      let growth = index.insert(hash: parts.forIndex, ref: ref)
      if growth != .done {
        arena.free(ref)
        region.entryBudget.give(1)
        return giveUpIndex(parts, growth, at: now, mayAskOthers: mayAskOthers)
      }
      policy.add(ref)
      counters.pointee.entries += 1
      counters.pointee.inserts += 1
    }
    if window.isNone {
      schedule(ref, deadline: deadline, lastUsed: now)
    } else {
      if deadline == 0 { countWindowed(ref) }
      schedule(ref)
    }
    // Last: it may move the entry, or even forget it.
    if slot == nil { growIndex(at: now) }
    return .done(.ok)
  }

  /// Whether a block of `units` could be had in this cache, however empty.
  @inline(__always)
  private func canHold(_ units: UInt32) -> Bool {
    if units <= PageTable.unitsPerPage, region.bytesLimit.relaxed == UInt64.max { return true }
    return UInt64(units) <= largestBlock
  }

  /// The most units that one could have.
  @inline(never)
  package var largestBlock: UInt64 {
    guard let limit = region.pagesLimit else { return arena.largestBlock }
    let fixed = header.pointee.fixedPages
    let bytes = (limit > fixed ? limit - fixed : 0) * UInt64(Geometry.page)
    return min(arena.largestBlock, bytes / UInt64(Entry.unit))
  }

  // MARK: Not storing

  /// The end of a write that cannot be done. Nobody is to be given the value it
  /// would have replaced, unless the cache must not forget.
  private func refuse(
    _ slot: Index.Slot?, _ parts: HashParts, isLive: Bool, as outcome: Outcome
  ) -> Stored {
    counters.pointee.refused += 1
    if header.pointee.isNoEvict { return .done(outcome == .noMemory ? outcome : .full) }
    if let slot {
      remove(slot, because: isLive ? .deleted : .expired)
    }
    return .done(outcome)
  }

  /// No block could be had.
  private func giveUp(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    _ units: UInt32, deadline: UInt64, window: Entry.Window, isLive: Bool, at now: UInt64,
    _ shortage: Shortage, mayAskOthers: Bool
  ) -> Stored {
    let isOthersTurn = shortage == .full && header.pointee.shardCount > 1
    if mayAskOthers, shortage == .poor || isOthersTurn {
      return .needsMemory(UInt64(units) * UInt64(Entry.unit))
    }
    let slot = find(parts, key)
    if let slot, isLive,
      overwrite(slot, parts, key, value, units, deadline: deadline, window: window, at: now)
    {
      return .done(.ok)
    }
    return refuse(
      slot, parts, isLive: isLive, as: shortage == .noMemory ? .noMemory : .refused)
  }

  /// No room for one more reference in the index.
  private func giveUpIndex(
    _ parts: HashParts, _ growth: Span.Growth, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    if growth == .overBudget, mayAskOthers {
      // The index takes what the arena gives at once, before an entry does.
      let isGiven = surrender(pageCount: 1, at: now) > 0 && index.prepareOverflow() == .done
      return .needsMemory(isGiven ? 0 : UInt64(Geometry.page))
    }
    return refuse(nil, parts, isLive: false, as: growth == .noMemory ? .noMemory : .refused)
  }

  /// Writes an entry over the present one, in its block: for a full no-evict
  /// cache, where there is no second block. Readers of the bucket wait for it.
  /// False if it does not fit or somebody has leased the present value.
  private func overwrite(
    _ slot: Index.Slot, _ parts: HashParts, _ key: UnsafeRawBufferPointer,
    _ value: UnsafeRawBufferPointer, _ units: UInt32, deadline: UInt64, window: Entry.Window,
    at now: UInt64
  ) -> Bool {
    let entry = entry(slot.ref)
    guard header.pointee.isNoEvict, !header.pointee.reportsRemovals, units <= entry.units else {
      return false
    }
    let rest = entry.units - units
    let slack = rest < Entry.unitsMin ? rest : 0
    // Odd: readers turn back, and none is about to lease it when this returns.
    let first = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    index.beginWriting(in: first)
    guard entry.beginOverwriting() else {
      index.changeVersion(first)
      return false
    }
    revive(slot.ref)
    entry.write(
      key: key, value: value,
      version: max(now << Entry.VersionWord.versionFractionBits, entry.version + 1),
      deadline: deadline, window: window, now: now,
      blockFlags: UInt64(slack) << Entry.Flag.slackShift, marks: entry.expiry.marks,
      versionFlags: Entry.VersionWord.unfinished)
    entry.finishOverwriting()
    index.changeVersion(first)
    if rest > slack { arena.giveBack(slot.ref + units, rest) }
    policy.use(slot.ref, parts.forIndex)
    counters.pointee.updates += 1
    if deadline == 0 { countWindowed(slot.ref) }
    schedule(slot.ref)
    return true
  }

  // MARK: Other changes

  /// Removes the entry of a key, and nobody's claim of it stands any more. Whether it was
  /// live; one in its window goes too.
  package func delete(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) -> Outcome {
    drainReads()
    endClaim(parts)
    guard let slot = find(parts, key) else { return .miss }
    let isLive = isLive(slot.ref, at: now)
    if isLive || isInWindow(slot.ref, at: now) {
      remove(slot, because: isLive ? .deleted : .expired)
    }
    return isLive ? .ok : .miss
  }

  /// Gives a live entry a new deadline.
  package func touch(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, deadline: UInt64, at now: UInt64
  ) -> Outcome {
    drainReads()
    guard let slot = find(parts, key), isLive(slot.ref, at: now) else { return .miss }
    let entry = entry(slot.ref)
    let expiry = entry.expiry
    let deadline = resolved(deadline, for: slot)
    entry.expiryWord.relaxed =
      Entry.Expiry(deadline: deadline, shortValueSize: expiry.shortValueSize, marks: expiry.marks)
      .word
    recordLifetime(until: deadline, from: now)
    revive(slot.ref)
    moveWindow(of: entry, from: expiry.deadline, to: deadline)
    setLastUsed(slot.ref, at: now)
    policy.use(slot.ref, parts.forIndex)
    schedule(slot.ref)
    return .ok
  }

  /// Adds to a number. `sum` is valid if the outcome is `ok`.
  package func increment(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, by delta: Int64, initial: Int64,
    deadline: UInt64, at now: UInt64, mayAskOthers: Bool, sum: inout Int64
  ) -> Stored {
    drainReads()
    let slot = find(parts, key)
    let isLive = slot.map { self.isLive($0.ref, at: now) } ?? false
    var deadline = resolved(deadline, for: nil)
    sum = initial
    if let slot, isLive {
      let entry = entry(slot.ref)
      let (access, expiry) = (entry.access, entry.expiry)
      let present = UnsafeRawBufferPointer(
        start: entry.base + access.keyOffset + access.keySize,
        count: Int(entry.valueSize(access, expiry)))
      guard let number = Decimal.parse(present) else { return .done(.type) }
      let (result, isOverflow) = number.addingReportingOverflow(delta)
      if isOverflow { return .done(.range) }
      sum = result
      deadline = expiry.deadline
    } else {
      recordLifetime(until: deadline, from: now)
    }
    let number = sum
    return withUnsafeTemporaryAllocation(byteCount: Decimal.sizeMax, alignment: 1) { text in
      let size = Decimal.write(number, to: text)
      return put(
        parts, key, UnsafeRawBufferPointer(rebasing: text[..<size]), deadline: deadline,
        window: Entry.Window.none, over: slot, isLive: isLive, at: now,
        mayAskOthers: mayAskOthers)
    }
  }
}
