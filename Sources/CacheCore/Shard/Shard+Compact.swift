import CPlatform
import Synchronization

// Moving entries: one large hole out of several small ones, where there is room
// enough for a block but no place. A leased entry stays where it is, and so does
// everything beyond it in that attempt.

extension Shard {
  /// Entries forgotten, at most, so that another can move to where they were.
  private static let victimsPerMove = 4

  /// Tries to make a hole of `units` by moving what is in the way: from the
  /// largest hole on, or, if leases are in the way there, from the hand.
  func evacuate(units: UInt32) {
    let arena = arena
    arena.freeSpare()
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
  func clearNextBlock(into window: inout Arena.Window) -> Bool {
    let arena = arena
    let ref = window.end
    let entry = entry(ref)
    if entry.hasFlag(Entry.Flag.hole) {
      arena.absorbHole(&window)
      return true
    }
    guard !entry.isLeased, !entry.isDead else { return false }
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
    let access = entry.access
    let units = Entry.unitsNeeded(
      keySize: access.keySize, valueSize: entry.valueSize(access, entry.expiry),
      hasWindow: access.hasWindow)!
    for attempt in 0...Shard.victimsPerMove {
      if case .block(let target, let flags) = arena.allocate(units, mayExtend: false) {
        return .block(target, flags)
      }
      if header.pointee.isNoEvict { return .none }
      // There is no place for it: then it goes, like those before it.
      guard let victim = attempt < Shard.victimsPerMove ? victim() : ref else { return .none }
      evict(victim, for: .memory)
      if victim == ref { return .forgotten }
    }
    return .none
  }

  /// Copies an entry to a block elsewhere and makes everybody refer to that.
  private func move(_ slot: Index.Slot, to target: Ref, flags: UInt64, hash: UInt32) {
    let (old, new) = (entry(slot.ref), entry(target))
    let access = old.access
    let size = access.keyOffset + access.keySize + Int(old.valueSize(access, old.expiry))
    platform_copy(new.base, old.base, size)
    new.accessWord.relaxed =
      access.word & ~Entry.Flag.all | access.word & Entry.Flag.contents | flags & Entry.Flag.all
    new.expiryWord.relaxed =
      new.expiryWord.relaxed & ~Entry.Mark.afterHole | flags & Entry.Mark.afterHole
    new.versionWord.relaxed = old.versionWord.relaxed & ~Entry.VersionWord.leaseMask
    index.replace(slot, by: target)
    // Nobody marks the old copy any more; somebody may have since it was copied.
    setLastUsed(target, at: old.access.lastUsed)
    policy.relink(slot.ref, as: target)
    if new.hasMark(Entry.Mark.expired) {
      wheel.removeExpired(in: PageTable.page(of: slot.ref))
      wheel.addExpired(1, in: PageTable.page(of: target))
    } else {
      if access.hasWindow { moveCount(from: slot.ref, to: target) }
      schedule(target)
    }
  }

  /// An entry that is counted as being in its window was copied to another page.
  private func moveCount(from old: Ref, to target: Ref) {
    let entry = entry(target)
    guard entry.window(entry.access).isCounted else { return }
    let isAbsence = entry.expiry.isAbsence
    wheel.removeWindowed(in: PageTable.page(of: old), isAbsence: isAbsence)
    wheel.addWindowed(in: PageTable.page(of: target), isAbsence: isAbsence)
  }
}
