import CPlatform
import Synchronization

// Making room: from expired entries first, then by forgetting what the policy
// names, and, when there is room enough but in pieces too small, by moving
// entries out of the way.

extension Shard {
  package enum Room {
    case block(Ref, _ flags: UInt64)
    case none(Shortage)
  }

  package enum Shortage {
    /// A no-evict cache is full.
    case full
    /// This shard has nothing left to give up; others may.
    case poor
    case noMemory
  }

  /// Expired entries removed at a time to make room for one.
  private static let expiredAtOnce: UInt64 = 16
  /// Evacuations tried for one block.
  private static let evacuationsMax = 8
  /// Entries forgotten, at most, so that another can move to where they were.
  private static let victimsPerMove = 4

  // MARK: A block

  /// A block of `units`, whatever must give way for it, after `arena.allocate`
  /// found none. `mayAskOthers`: rather than forget much, say that others
  /// should give up something.
  package func makeRoom(units: UInt32, at now: UInt64, mayAskOthers: Bool) -> Room {
    let arena = arena
    while dropRemoval() || removeSomeExpired(at: now) > 0 {
      if case .block(let ref, let flags) = arena.allocate(units) { return .block(ref, flags) }
    }
    if mayAskOthers, isFarBelowShare { return .none(.poor) }
    // What is forgotten for this block, until it is enough to be worth moving
    // others out of its way.
    var forgotten = header.pointee.isNoEvict ? arena.state.pointee.holeUnits : 0
    var evacuations = 0
    while true {
      // Leases are in the way: forgetting more would not help.
      if evacuations == Shard.evacuationsMax,
        arena.state.pointee.holeUnits > 4 * UInt64(units)
      {
        break
      }
      if forgotten >= UInt64(units) + UInt64(units) / 4, evacuations < Shard.evacuationsMax {
        evacuations += 1
        if !header.pointee.isNoEvict { forgotten = 0 }
        evacuate(units: units)
      } else if !header.pointee.isNoEvict, let victim = victim() {
        forgotten += UInt64(entry(victim).units)
        evict(victim)
        region.entryBudget.give(1)
        _ = dropRemoval()
      } else {
        break
      }
      if case .block(let ref, let flags) = arena.allocate(units) { return .block(ref, flags) }
    }
    // Once more, to tell a bound from a system that has no memory.
    switch arena.allocate(units) {
    case .block(let ref, let flags): return .block(ref, flags)
    case .noMemory: return .none(.noMemory)
    case .noRoom: return .none(header.pointee.isNoEvict ? .full : .poor)
    }
  }

  /// Whether this shard has so much less memory than its share that others
  /// should give some up before it forgets anything.
  private var isFarBelowShare: Bool {
    let shards = UInt64(header.pointee.shardCount)
    let limit = region.pagesLimit.relaxed
    guard shards > 1, limit != UInt64.max, !header.pointee.isNoEvict else { return false }
    return arena.span.chargedPages * 2 < limit / shards
  }

  /// Removes a few expired entries, if there are any, and gives their credit
  /// back; how many.
  package func removeSomeExpired(at now: UInt64) -> UInt64 {
    while true {
      let (removed, isDone) = removeExpired(at: now, limit: Shard.expiredAtOnce) { false }
      if removed > 0 { region.entryBudget.give(removed) }
      if removed > 0 || isDone { return removed }
    }
  }

  /// Forgets an entry. Its credit is the caller's.
  package func evict(_ ref: Ref) {
    expectEvictions(after: ref)
    remove(ref, because: .evicted)
    counters.pointee.evictions += 1
  }

  /// Asks for the memory that the next two evictions will touch: the bucket of
  /// the next victim, whose header the last call asked for, and the header of
  /// the one after it.
  @inline(__always)
  private func expectEvictions(after victim: Ref) {
    guard let next = policy.likelyVictim(after: victim) else { return }
    let hash = hash(of: next).forIndex
    platform_prefetch(index.bucket(for: hash, in: index.table.relaxed).base)
    policy.expect(hash, orGone: true)
    guard let afterNext = policy.likelyVictim(after: next) else { return }
    let block = entry(afterNext).base
    platform_prefetch(block)
    platform_prefetch(block + 64)
    platform_prefetch(block + 128)
  }

  // MARK: An entry's credit

  /// Leave to hold one entry more; nil if it is given.
  @inline(__always)
  package func makeEntryRoom(at now: UInt64) -> Shortage? {
    region.entryBudget.take(1) ? nil : makeEntryRoomSlow(at: now)
  }

  private func makeEntryRoomSlow(at now: UInt64) -> Shortage? {
    let budget = region.entryBudget
    repeat {
      if removeSomeExpired(at: now) > 0 { continue }
      if header.pointee.isNoEvict { return .full }
      guard let victim = victim() else { return .poor }
      evict(victim)
      // The victim's credit becomes the new entry's, unless there are too many
      // entries as it is.
      if !budget.isExceeded { return nil }
      budget.give(1)
    } while !budget.take(1)
    return nil
  }

  // MARK: Evacuation

  /// Tries to make a hole of `units` by moving what is in the way: from the
  /// largest hole on, or, if leases are in the way there, from the hand.
  private func evacuate(units: UInt32) {
    let arena = arena
    if let hole = arena.largestHole, evacuate(from: hole, units: units) { return }
    guard let start = evacuationStart() else { return }
    _ = evacuate(from: start, units: units)
  }

  private func evacuate(from start: Ref, units: UInt32) -> Bool {
    let arena = arena
    var window = Arena.Window(start: start)
    while window.units < units, window.end < arena.state.pointee.top {
      if !clearNextBlock(into: &window) { break }
    }
    let isLargeEnough = window.units >= units
    arena.state.pointee.hand = PageTable.page(of: window.end) + 1
    arena.release(window)
    return isLargeEnough
  }

  /// The first block in or after the hand's page.
  private func evacuationStart() -> Ref? {
    let state = arena.state
    let last = PageTable.page(of: state.pointee.top)
    if state.pointee.hand > last { state.pointee.hand = 0 }
    var page = state.pointee.hand
    for _ in 0...last {
      let first = pages.firstBlock(in: page)
      if first != 0, first < state.pointee.top { return first }
      page = page == last ? 0 : page + 1
    }
    return nil
  }

  /// Adds the block at the window's end to it. False if somebody has leased it.
  private func clearNextBlock(into window: inout Arena.Window) -> Bool {
    let arena = arena
    let ref = window.end
    let entry = entry(ref)
    if entry.hasFlag(Entry.Flag.hole) {
      arena.absorbHole(&window)
      return true
    }
    guard entry.identity.relaxed & (Entry.Identity.leaseMask | Entry.Identity.dead) == 0 else {
      return false
    }
    switch placeElsewhere(ref) {
    case .none: return false
    case .forgotten:
      // An empty window begins at the block that was here. That may have become
      // the end of a hole before it: then the window begins where the hole does.
      if window.units == 0, ref < arena.state.pointee.top {
        window = Arena.Window(start: block(at: ref))
      }
      return true
    case .block(let target, let flags):
      let hash = hash(of: ref).forIndex
      move(index.find(hash: hash, ref: ref)!, to: target, flags: flags, hash: hash)
      guard entry.markDead() else { return false }
      arena.absorbBlock(&window)
      return true
    }
  }

  private enum Elsewhere {
    case block(Ref, _ flags: UInt64)
    /// The entry itself was the one to forget.
    case forgotten
    case none
  }

  /// A hole that an entry can move to, if need be after others were forgotten.
  private func placeElsewhere(_ ref: Ref) -> Elsewhere {
    let entry = entry(ref)
    let use = entry.useNow
    let units = Entry.unitsNeeded(
      keySize: use.keySize, valueSize: entry.valueSize(use, entry.termNow))!
    for attempt in 0...Shard.victimsPerMove {
      if case .block(let target, let flags) = arena.allocate(units, mayExtend: false) {
        return .block(target, flags)
      }
      if header.pointee.isNoEvict { return .none }
      // There is no place for it: then it goes, like those before it.
      guard let victim = attempt < Shard.victimsPerMove ? victim() : ref else { return .none }
      evict(victim)
      region.entryBudget.give(1)
      _ = dropRemoval()
      if victim == ref { return .forgotten }
    }
    return .none
  }

  /// Copies an entry to a block elsewhere and makes everybody refer to that.
  private func move(_ slot: Index.Slot, to target: Ref, flags: UInt64, hash: UInt32) {
    let (old, new) = (entry(slot.ref), entry(target))
    let use = old.useNow
    let size = use.keyOffset + use.keySize + Int(old.valueSize(use, old.termNow))
    platform_copy(new.base, old.base, size)
    new.use.relaxed = use.word & ~0xFF | use.word & Entry.Flag.long | flags
    new.clearMark(Entry.Mark.afterHole)
    new.identity.relaxed = old.identity.relaxed & ~Entry.Identity.leaseMask
    index.replace(slot, hash: hash, by: target)
    // Nobody marks the old copy any more; somebody may have since it was copied.
    markUsed(target, at: old.useNow.lastUsed)
    policy.relink(slot.ref, as: target)
    if new.hasMark(Entry.Mark.expired) {
      wheel.removeExpired(in: PageTable.page(of: slot.ref))
      wheel.addExpired(1, in: PageTable.page(of: target))
    } else {
      schedule(target, end: end(new.useNow, new.termNow))
    }
  }

  // MARK: Giving pages up

  /// Gives up to `pageCount` pages of the arena back to the budget, from its
  /// end, forgetting as much as that takes. How many were given up.
  package func surrender(pageCount: UInt64, at now: UInt64) -> UInt64 {
    let before = chargedPages
    let charged = arena.span.chargedPages
    let target = charged > pageCount ? charged - pageCount : 0
    retreat(
      to: max(Ref(truncatingIfNeeded: target * UInt64(PageTable.unitsPerPage)), Arena.firstRef),
      at: now)
    if arena.state.pointee.usedUnits == 0, counters.pointee.entries == 0 {
      // Nothing is left: all of it goes, the index's and the policy's too.
      while trim() == .more {}
    } else {
      // As many as the pages' entries could have needed.
      contractIndex(atMost: Int(min(pageCount, 16)) * Shard.contractionsAtOnce)
      _ = index.trim()
      _ = policy.dropTables()
      let used = UInt64(arena.state.pointee.top) * UInt64(Entry.unit)
      _ = arena.span.shrink(to: max(used, target * UInt64(Geometry.page)))
    }
    let after = chargedPages
    return before > after ? before - after : 0
  }

  /// Pages that this shard has of the budget, but for its control area.
  var chargedPages: UInt64 {
    arena.chargedPages + index.chargedPages + policy.chargedPages
  }

  /// Clears everything at and beyond `targetTop`, as far as leases allow.
  private func retreat(to targetTop: Ref, at now: UInt64) {
    let arena = arena
    while arena.state.pointee.top > targetTop, removeSomeExpired(at: now) > 0 {}
    guard arena.state.pointee.top > targetTop else { return }
    // Holes for what is there now, made by forgetting what the policy names
    // and not what happens to be there.
    let wanted = UInt64(arena.state.pointee.top - targetTop)
    while arena.state.pointee.holeUnits < wanted, arena.state.pointee.top > targetTop {
      if dropRemoval() { continue }
      guard !header.pointee.isNoEvict, let victim = victim() else { break }
      evict(victim)
      region.entryBudget.give(1)
      _ = dropRemoval()
    }
    guard arena.state.pointee.top > targetTop else { return }
    var start = block(at: targetTop)
    while start < arena.state.pointee.top {
      // Of a hole that reaches beyond the target, what is before it stays a
      // place to move to.
      var window =
        arena.claimTail(ofHoleAt: start, from: targetTop) ?? Arena.Window(start: start)
      while window.end < arena.state.pointee.top, clearNextBlock(into: &window) {}
      let end = window.end
      let isBlocked = end < arena.state.pointee.top
      arena.release(window)
      if !isBlocked { return }
      // A leased block: it stays, and so does everything before it. Clear what
      // is beyond, so that the end can at least come down to it.
      start = end + entry(end).units
    }
  }

  /// The block that covers a place below the top, or begins at it.
  private func block(at place: Ref) -> Ref {
    var page = PageTable.page(of: place)
    var ref = pages.firstBlock(in: page)
    while ref == 0 || ref > place {
      if page == 0 { return Arena.firstRef }
      page -= 1
      ref = pages.firstBlock(in: page)
    }
    while ref + entry(ref).units <= place { ref += entry(ref).units }
    return ref
  }

  // MARK: The index's needs

  /// Splits a bucket or two if the table is crowded.
  @inline(__always)
  package func growIndex(at now: UInt64) {
    if index.isCrowded(entries: counters.pointee.entries) { growIndexSlow(at: now) }
  }

  private func growIndexSlow(at now: UInt64) {
    // Two at a time catch up when an earlier one had to be put off.
    for _ in 0..<2 where index.isCrowded(entries: counters.pointee.entries) {
      var growth = index.grow { hash(of: $0).forIndex }
      if growth == .overBudget,
        index.isCrowded(entries: counters.pointee.entries / 2)
      {
        // Twice as full as it should be: worth a page of entries.
        _ = surrender(pageCount: 1, at: now)
        growth = index.grow { hash(of: $0).forIndex }
      }
      if growth != .done { return }
    }
  }
}
