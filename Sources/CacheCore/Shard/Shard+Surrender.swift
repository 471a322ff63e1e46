// Giving pages of memory back to the cache's budget, for another shard or for a lower
// bound: entries are evicted until those at the arena's end fit into the holes
// before them, and are moved there (Shard+Compact.swift).

extension Shard {
  /// Removals given up at a time when one of them may be in the way.
  private static let removalsAtOnce = 64

  /// Gives up to `pageCount` pages of the arena back to the budget, from its
  /// end, forgetting as much as that takes. How many were given up.
  package func surrender(pageCount: UInt64, at now: UInt64) -> UInt64 {
    arena.freeSpare()
    let before = chargedPages
    let target = arena.end(without: pageCount)
    retreat(
      to: max(Ref(truncatingIfNeeded: target / UInt64(Entry.unit)), arena.firstRef),
      atMost: pageCount, at: now)
    if arena.state.pointee.usedUnits == 0, counters.pointee.entries == 0 {
      // Nothing is left: all of it goes, the index's and the policy's too.
      while trim() == .more {}
    } else {
      // As many as the pages' entries could have needed.
      contractIndex(atMost: Int(min(pageCount, 16)) * Shard.contractionsAtOnce)
      _ = index.trim()
      _ = policy.dropTables()
      _ = arena.shrink(to: target)
    }
    let after = chargedPages
    return before > after ? before - after : 0
  }

  /// Pages that this shard has of the budget, but for its control area.
  var chargedPages: UInt64 {
    arena.chargedPages + index.chargedPages + policy.chargedPages
  }

  /// Clears everything at and beyond `targetTop`, which is `pageCount` pages at most, as
  /// far as leases allow.
  private func retreat(to targetTop: Ref, atMost pageCount: UInt64, at now: UInt64) {
    let arena = arena
    while arena.state.pointee.top > targetTop, removeSomeExpired(at: now) > 0 {}
    guard arena.state.pointee.top > targetTop else { return }
    // Holes for what is there now, made by forgetting what the policy names
    // and not what happens to be there.
    let wanted = min(
      UInt64(arena.state.pointee.top - targetTop), pageCount * UInt64(PageTable.unitsPerPage))
    while arena.state.pointee.holeUnits < wanted, arena.state.pointee.top > targetTop {
      if dropRemoval() { continue }
      if header.pointee.isNoEvict {
        guard evictWindowed(for: .memory) else { break }
        continue
      }
      guard let victim = victim() else { break }
      evict(victim, for: .memory)
    }
    while arena.state.pointee.top > targetTop, !clear(beyond: targetTop),
      dropRemovals(atMost: Shard.removalsAtOnce) > 0
    {}
  }

  /// Moves away what is at and beyond `targetTop`, which is below the top. False if
  /// something has to stay.
  private func clear(beyond targetTop: Ref) -> Bool {
    let arena = arena
    var start = block(at: targetTop)
    var isClear = true
    while start < arena.state.pointee.top {
      // Of a hole that reaches beyond the target, what is before it stays a
      // place to move to.
      var window =
        arena.claimTail(ofHoleAt: start, from: targetTop) ?? Arena.Window(start: start)
      while window.end < arena.state.pointee.top, clearNextBlock(into: &window) {}
      let end = window.end
      let isBlocked = end < arena.state.pointee.top
      arena.release(window)
      if !isBlocked { break }
      // The end of a run, or a leased block: that stays, and so does everything before
      // it. Clear what is beyond, so that the end can at least come down to it.
      if !entry(end).access.isFence { isClear = false }
      start = end + entry(end).units
    }
    return isClear
  }

  /// The block that covers a place below the top, or begins at it.
  func block(at place: Ref) -> Ref {
    var page = PageTable.page(of: place)
    var ref = pages.firstBlock(in: page)
    while ref == 0 || ref > place {
      if page == 0 { return arena.firstRef }
      page -= 1
      ref = pages.firstBlock(in: page)
    }
    while ref + entry(ref).units <= place { ref += entry(ref).units }
    return ref
  }
}
