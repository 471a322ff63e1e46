import CPlatform
import Synchronization

/// What a shard is like after a recovery.
package struct Recovery {
  /// Entries kept.
  package let entries: UInt64
  /// Entries that are gone and were not counted as such: now they are, as evictions.
  package let lost: UInt64
}

// Recovery: a shard whose lock was held by one who died, at whatever instruction.
//
// Readers need no lock, so whatever is in the index is whole at every moment: an entry is
// written before a slot leads to it, and its memory is used again only after the slot has
// changed and the version of its bucket. So there is no log and nothing to undo: the index
// stays, and all else is put together from it and from what entries say of themselves.
// What it costs is the write that was under way: its key has the older value, or the newer,
// or none if it had none before or was to have none after. One write is made in place, in a
// full no-evict cache (`overwrite`): an entry that is marked as unfinished is lost.
//
// In this order, since readers go on meanwhile:
//
//   1. The index keeps the slots that lead to an entry which is looked for there; the
//      version of every bucket changes (Index+Recover.swift). From now on nobody comes to
//      memory that is not an entry's.
//   2. So who has leased what is not in the index is known: nobody new can. These blocks
//      stay until their leases end.
//   3. Blocks by place: of two that overlap, which none ever wrote, the newer stays.
//   4. The arena, its pages and fences (Arena+Recover.swift); the wheel.
//   5. Blocks by last use: the policy.
//   6. Counters, claims and what belonged to the one who died.
//
// It may be cut short at any instruction, too, and is then begun anew: 1 changes nothing
// that is valid, and nothing else is read before it has been written.
//
// The cache does not report removals: those that waited are forgotten.

extension Shard {
  /// Recovers the shard, whose lock the caller holds, from one who died with it.
  ///
  /// `borrowed` calls its argument with the reference of every value that is out on lease,
  /// of this shard, including those whose release has begun and has not got the lock yet;
  /// it may be called several times. `isAlone`: nobody has the cache open, and whatever was
  /// leased or pinned is over; then the region may hold anything (CorruptRegion.swift). A
  /// shard that is unchecked nobody has come to since that was so (Shard+Check.swift).
  ///
  /// nil if there is no memory: then the shard must not be used before this has been called
  /// again. It takes 16 bytes an entry for a while; where there are no more than a few for
  /// the borrowed values, the shard loses all entries and goes on without.
  package func recover(
    isAlone: Bool = false, borrowed: ((Ref) -> Void) -> Void = { _ in }
  ) -> Recovery? {
    let (keepers, isForgotten, isUnchecked) = (Keepers(self), isForgotten, isUnchecked)
    let isUntouched = isAlone || isUnchecked
    if counters.pointee.versionFloor > Shard.versionMax { counters.pointee.versionFloor = 0 }
    let entries = index.recover(keepers, isAlone: isUntouched)
    guard
      var blocks = (isForgotten ? nil : gather(entries, borrowed, keepers))
        ?? gatherWithout(borrowed, keepers)
    else { return nil }
    defer { blocks.free() }
    blocks.sortByPlace()
    dropOverlaps(&blocks)
    let chargedBefore = arena.span.chargedPages
    arena.recover(blocks)
    region.pageBudget.give(chargedBefore &- arena.span.chargedPages)
    recoverTimes(&blocks, isAlone: isUntouched)
    blocks.sortByKey()
    policy.recover(blocks)
    let lost = recoverCounters(UInt64(blocks.count))
    claims.recover(wallNs: platform_wall_ns())
    ClaimWaiters(region).wakeAll()
    let removalsLost = removals.state.pointee.lost
    removals.state.pointee = RemovalState(
      first: 0, last: 0, lost: removalsLost <= Shard.countMaxAccepted ? removalsLost : 0)
    finish(forgetting: isForgotten, checking: isUnchecked)
    if isAlone {
      recoverReads()
      resetStall()
    }
    return Recovery(entries: UInt64(blocks.count), lost: lost)
  }

  static let versionMax: UInt64 = 1 << 48

  // MARK: The index

  /// What the index may lead to.
  private struct Keepers: Index.Referents {
    let shard: Shard
    let arena: Arena
    let bounds: Arena.Bounds
    let keyHash: KeyHash
    let shardMask: UInt32

    init(_ shard: Shard) {
      self.shard = shard
      arena = shard.arena
      bounds = arena.bounds
      keyHash = shard.keyHash
      shardMask = shard.header.pointee.shardCount - 1
    }

    func hash(of ref: Ref) -> UInt32? {
      guard arena.recoveredUnits(ref, in: bounds) > 0 else { return nil }
      let entry = arena.entry(ref)
      if entry.isUnfinished {
        // Somebody may have been told its version.
        shard.raiseVersionFloor(above: entry.version)
        return nil
      }
      if entry.isDead { return nil }
      let parts = HashParts(keyHash(entry.key(entry.access)))
      return parts.forShard & shardMask == shard.number ? parts.forIndex : nil
    }

    func haveSameKey(_ one: Ref, _ other: Ref) -> Bool {
      let (one, other) = (arena.entry(one), arena.entry(other))
      let (key, otherKey) = (one.key(one.access), other.key(other.access))
      return key.count == otherKey.count
        && platform_equal(key.baseAddress!, otherKey.baseAddress!, key.count)
    }

    func isNewer(_ one: Ref, than other: Ref) -> Bool {
      arena.entry(one).version > arena.entry(other).version
    }
  }

  // MARK: Blocks

  /// Keys of blocks while they are in the order of their places.
  private enum Kind {
    static let entry: UInt32 = 0
    static let borrowed: UInt32 = 1
  }

  /// All that is in the index, and what is borrowed and not in there; nil: no memory.
  private func gather(
    _ entries: UInt64, _ borrowed: ((Ref) -> Void) -> Void, _ keepers: Keepers
  ) -> BlockOrder? {
    var capacity = Int(entries)
    borrowed { _ in capacity += 1 }
    while true {
      guard var blocks = BlockOrder(capacity: capacity) else { return nil }
      var isComplete = true
      for number in 0..<index.bucketCount {
        index.forEachRef(in: index.bucket(number)) {
          isComplete = blocks.append($0, key: Kind.entry) && isComplete
        }
      }
      borrowed { ref in
        if isBorrowed(ref, keepers) {
          isComplete = blocks.append(ref, key: Kind.borrowed) && isComplete
        }
      }
      if isComplete { return blocks }
      // Others went on borrowing, and giving back.
      blocks.free()
      capacity = 2 * capacity + 16
    }
  }

  /// What is borrowed alone: without memory for it all, or if the entries are to be
  /// forgotten.
  private func gatherWithout(
    _ borrowed: ((Ref) -> Void) -> Void, _ keepers: Keepers
  ) -> BlockOrder? {
    for number in 0..<index.bucketCount {
      index.forEachRef(in: index.bucket(number)) { raiseVersionFloor(above: entry($0).version) }
    }
    index.clearAll(isAlone: false)
    return gather(0, borrowed, keepers)
  }

  /// Whether the block of an entry that is not in the index stays until its lease ends.
  /// Nobody can lease it any more.
  private func isBorrowed(_ ref: Ref, _ keepers: Keepers) -> Bool {
    guard keepers.arena.recoveredUnits(ref, in: keepers.bounds) > 0 else { return false }
    let entry = entry(ref)
    if index.find(hash: hash(of: ref).forIndex, ref: ref) != nil { return false }
    var word = entry.versionWord.relaxed
    // Without a lease it is about to be freed by who has ended the last, if it was dead
    // then; else nobody will, and nobody leases it who comes late.
    while word & Entry.VersionWord.dead == 0 {
      let (exchanged, original) = entry.versionWord.pointee.compareExchange(
        expected: word, desired: word | Entry.VersionWord.dead, ordering: .acquiringAndReleasing)
      if exchanged { return word & Entry.VersionWord.leaseMask != 0 }
      word = original
    }
    return true
  }

  /// Of blocks that cannot lie beside each other keeps one. Only damage makes such.
  private func dropOverlaps(_ blocks: inout BlockOrder) {
    let arena = arena
    var kept = 0
    for position in 0..<blocks.count {
      let (ref, kind) = (blocks[position], blocks.key(position))
      memory.blocks.prefetch(blocks.ahead(of: position))
      if kept > 0, blocks[kept - 1] == ref { continue }  // borrowed twice
      while true {
        let last = kept > 0 && arena.areInOneRun(blocks[kept - 1], ref) ? blocks[kept - 1] : nil
        let start = last.map { UInt64($0) + UInt64(entry($0).units) } ?? arena.runStart(of: ref)
        if UInt64(ref) >= start, arena.canFill(UInt64(ref) - start, after: last) {
          blocks.set(kept, ref, key: kind)
          kept += 1
          break
        }
        let lastKind = last == nil ? Kind.entry : blocks.key(kept - 1)
        if let last, kind == Kind.entry,
          lastKind == Kind.borrowed || entry(ref).version > entry(last).version
        {
          if lastKind == Kind.entry { drop(last) }
          kept -= 1
        } else {
          if kind == Kind.entry { drop(ref) }
          break
        }
      }
    }
    blocks.shorten(to: kept)
  }

  private func drop(_ ref: Ref) {
    let hash = hash(of: ref).forIndex
    guard let slot = index.find(hash: hash, ref: ref) else { return }
    raiseVersionFloor(above: entry(ref).version)
    index.remove(slot)
  }
}
