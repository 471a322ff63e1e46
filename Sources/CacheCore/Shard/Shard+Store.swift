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
  }

  package enum Stored {
    case done(Outcome)
    /// Not yet. Other shards should give up so many bytes, then again.
    case needsMemory(UInt64)
    /// Not yet. Another shard should give up an entry, then again.
    case needsEntry
  }

  /// Stores a value. `mayAskOthers`: whether it may end in one of the `needs`.
  package func store(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, if condition: Condition, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    policy.expect(parts.forIndex, orGone: true)
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
    }
    return put(
      parts, key, value, deadline: deadline, over: slot, isLive: isLive, at: now,
      mayAskOthers: mayAskOthers)
  }

  @inline(__always)
  package func isLive(_ ref: Ref, at now: UInt64) -> Bool {
    let entry = entry(ref)
    return !isExpired(entry.useNow, entry.termNow, at: now)
  }

  /// Stores a value in place of what `slot` refers to, if anything.
  package func put(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, over slot: Index.Slot?, isLive: Bool, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    guard let units = Entry.unitsNeeded(keySize: key.count, valueSize: UInt64(value.count)),
      UInt64(units) <= largestBlock
    else { return refuse(slot, parts, isLive: isLive, as: .refused) }
    var slot = slot
    if let expired = slot, !isLive {
      remove(expired, hash: parts.forIndex, because: .expired)
      counters.pointee.expirations += 1
      region.entryBudget.give(1)
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
          parts, key, value, units, deadline: deadline, isLive: isLive, at: now, shortage,
          mayAskOthers: mayAskOthers)
      case .block(let block, let blockFlags):
        (ref, flags) = (block, blockFlags)
      }
      // Making room may have removed or moved the older entry.
      slot = find(parts, key)
      if slot == nil, !hasCredit, !region.entryBudget.take(1) {
        // Nothing was written in it yet.
        arena.giveBack(ref, units + UInt32(flags >> Entry.Flag.slackShift & 7))
        return mayAskOthers ? .needsEntry : refuse(nil, parts, isLive: false, as: .refused)
      }
    }
    let older = slot.map { self.entry($0.ref).version + 1 } ?? counters.pointee.versionFloor
    let version = max(now << Entry.Identity.versionFractionBits, older)
    let entry = self.entry(ref)
    entry.write(
      key: key, value: value, version: version, deadline: deadline, now: now, blockFlags: flags)
    if let slot {
      index.replace(slot, hash: parts.forIndex, by: ref)
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
    schedule(ref, end: end(entry.useNow, entry.termNow))
    // Last: it may move the entry, or even forget it.
    if slot == nil { growIndex(at: now) }
    return .done(.ok)
  }

  /// The most units a block could have in this cache, however empty.
  private var largestBlock: UInt64 {
    let limit = region.pagesLimit.relaxed
    guard limit != UInt64.max else { return arena.largestBlock }
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
      remove(slot, hash: parts.forIndex, because: isLive ? .deleted : .expired)
      region.entryBudget.give(1)
      if isLive { counters.pointee.deletes += 1 } else { counters.pointee.expirations += 1 }
    }
    return .done(outcome)
  }

  /// No block could be had.
  private func giveUp(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    _ units: UInt32, deadline: UInt64, isLive: Bool, at now: UInt64, _ shortage: Shortage,
    mayAskOthers: Bool
  ) -> Stored {
    let isOthersTurn = shortage == .full && header.pointee.shardCount > 1
    if mayAskOthers, shortage == .poor || isOthersTurn {
      return .needsMemory(UInt64(units) * UInt64(Entry.unit))
    }
    let slot = find(parts, key)
    if let slot, isLive, overwrite(slot, parts, key, value, units, deadline: deadline, at: now) {
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
    _ value: UnsafeRawBufferPointer, _ units: UInt32, deadline: UInt64, at now: UInt64
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
    guard entry.leases == 0 else {
      index.renew(first)
      return false
    }
    revive(slot.ref)
    entry.write(
      key: key, value: value,
      version: max(now << Entry.Identity.versionFractionBits, entry.version + 1),
      deadline: deadline, now: now, blockFlags: UInt64(slack) << Entry.Flag.slackShift,
      marks: entry.termNow.marks)
    index.renew(first)
    if rest > slack {
      policy.shrink(slot.ref, by: rest)
      arena.giveBack(slot.ref + units, rest)
    }
    policy.use(slot.ref, parts.forIndex)
    counters.pointee.updates += 1
    schedule(slot.ref, end: end(entry.useNow, entry.termNow))
    return true
  }

  // MARK: Other changes

  /// Removes the entry of a key. Whether it was live.
  package func delete(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) -> Outcome {
    drainReads()
    guard let slot = find(parts, key), isLive(slot.ref, at: now) else { return .miss }
    remove(slot, hash: parts.forIndex, because: .deleted)
    counters.pointee.deletes += 1
    region.entryBudget.give(1)
    return .ok
  }

  /// Gives a live entry a new deadline.
  package func touch(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, deadline: UInt64, at now: UInt64
  ) -> Outcome {
    drainReads()
    guard let slot = find(parts, key), isLive(slot.ref, at: now) else { return .miss }
    let entry = entry(slot.ref)
    let term = entry.termNow
    entry.term.relaxed =
      Entry.Term(deadline: deadline, shortValueSize: term.shortValueSize, marks: term.marks).word
    revive(slot.ref)
    markUsed(slot.ref, at: now)
    policy.use(slot.ref, parts.forIndex)
    schedule(slot.ref, end: end(entry.useNow, entry.termNow))
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
    var deadline = deadline
    sum = initial
    if let slot, isLive {
      let entry = entry(slot.ref)
      let (use, term) = (entry.useNow, entry.termNow)
      let present = UnsafeRawBufferPointer(
        start: entry.base + use.keyOffset + use.keySize,
        count: Int(entry.valueSize(use, term)))
      guard let number = Decimal.parse(present) else { return .done(.type) }
      let (result, isOverflow) = number.addingReportingOverflow(delta)
      if isOverflow { return .done(.range) }
      sum = result
      deadline = term.deadline
    }
    let number = sum
    return withUnsafeTemporaryAllocation(byteCount: Decimal.sizeMax, alignment: 1) { text in
      let size = Decimal.write(number, to: text)
      return put(
        parts, key, UnsafeRawBufferPointer(rebasing: text[..<size]), deadline: deadline,
        over: slot, isLive: isLive, at: now, mayAskOthers: mayAskOthers)
    }
  }
}
