import CPlatform

// Making room for an entry: from expired entries first, then by evicting what the
// policy names (Shard+Victim.swift), and, when there is room enough but in pieces too
// small, by moving entries out of the way (Shard+Compact.swift).

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

  /// Evacuations tried for one block.
  private static let evacuationsMax = 8

  // MARK: A block

  /// A block of `units`, whatever must give way for it, after `arena.allocate`
  /// found none. `mayAskOthers`: rather than forget much, say that others
  /// should give up something.
  package func makeRoom(units: UInt32, at now: UInt64, mayAskOthers: Bool) -> Room {
    let arena = arena
    while dropRemoval() || removeSomeExpired(at: now) > 0
      || (header.pointee.isNoEvict && evictWindowed(for: .memory))
    {
      if case .block(let ref, let flags) = arena.allocate(units) { return .block(ref, flags) }
    }
    if mayAskOthers, isFarBelowShare { return .none(.poor) }
    if arena.needsNextRun(units) {
      // It cannot lie where others do now. Where there are addresses for it, they make
      // way for as much as it takes.
      if case .noMemory = arena.allocate(units) { return .none(.noMemory) }
      let bytes = UInt64(units + Fence.unitsMin) * UInt64(Entry.unit)
      _ = surrender(pageCount: bytes / UInt64(Geometry.page) + 2, at: now)
      if case .block(let ref, let flags) = arena.allocate(units) { return .block(ref, flags) }
    }
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
        evict(victim, for: .memory)
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
    guard shards > 1, let limit = region.pagesLimit, !header.pointee.isNoEvict else {
      return false
    }
    return arena.span.chargedPages * 2 < limit / shards
  }

  // MARK: Evicting

  /// What an entry is evicted for.
  package enum Need {
    /// Its memory. Where removals are reported its block waits for that, so the
    /// report that has waited longest is given up too.
    case memory
    /// The cache is to hold an entry less.
    case bound
    /// Another entry, to which its credit passes.
    case successor
  }

  package func evict(_ ref: Ref, for need: Need) {
    let slot = slot(ofVictim: ref)
    prefetchEvictions(after: ref)
    if wheel.hasWindowed, isCountedAsWindowed(ref) {
      expireWindowed(slot, for: need)
    } else {
      remove(slot, because: .evicted, keepsCredit: need == .successor)
    }
    if need == .memory { _ = dropRemoval() }
  }

  /// What is only in its window had expired before.
  @inline(never)
  private func expireWindowed(_ slot: Index.Slot, for need: Need) {
    remove(slot, because: .expired, keepsCredit: need == .successor)
  }

  /// Where the index refers to an entry, by the hash that the last eviction found if it
  /// still is its own.
  @inline(__always)
  private func slot(ofVictim ref: Ref) -> Index.Slot {
    if counters.pointee.nextVictim == ref,
      let slot = index.find(hash: counters.pointee.nextVictimHash, ref: ref)
    {
      return slot
    }
    return index.find(hash: hash(of: ref).forIndex, ref: ref)!
  }

  /// Asks for the memory that the next two evictions will touch: the bucket of
  /// the next victim, whose header the last call asked for, and the header of
  /// the one after it.
  @inline(__always)
  private func prefetchEvictions(after victim: Ref) {
    guard let next = policy.likelyVictim(after: victim) else { return }
    let hash = hash(of: next).forIndex
    counters.pointee.nextVictim = next
    counters.pointee.nextVictimHash = hash
    platform_prefetch(index.bucket(for: hash, in: index.table.relaxed).base)
    policy.prefetch(hash)
    guard let afterNext = policy.likelyVictim(after: next) else { return }
    let block = entry(afterNext).base
    platform_prefetch(block)
    platform_prefetch(block + CacheLine.size)
    platform_prefetch(block + CacheLine.size * 2)
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
      if header.pointee.isNoEvict {
        if evictWindowed(for: .bound) { continue }
        return .full
      }
      guard let victim = victim() else { return .poor }
      // The victim's credit becomes the new entry's, unless there are too many
      // entries as it is.
      if !budget.isExceeded {
        evict(victim, for: .successor)
        return nil
      }
      evict(victim, for: .bound)
    } while !budget.take(1)
    return nil
  }
}
