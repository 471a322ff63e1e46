import CPlatform
import CacheCore
import SeededRandom

// Stores that are no words of threads have no steps between them. So all of what recovery
// makes anew is filled with chance beforehand: whatever had been stored of it and what not,
// nothing of it may matter.

extension Death {
  func scramble(_ shard: Shard, _ world: World) {
    var random = Random(seed: seed ^ 77)
    let control = shard.base
    func fill(_ offset: Int, _ size: Int) {
      for at in stride(from: offset, to: offset + size, by: 4) {
        let word: UInt32 =
          random.chance(30)
          ? 0
          : random.chance(40)
            ? UInt32(random.below(5000)) : UInt32(truncatingIfNeeded: random.next())
        (control + at).storeBytes(of: word, as: UInt32.self)
      }
    }
    func fill<Layout>(_ part: Part<Layout>) { fill(part.offset, part.end - part.offset) }
    fill(ShardControl.arena)
    fill(ShardControl.wheel)
    fill(ShardControl.removals)
    fill(ShardControl.recency)
    fill(ShardControl.checkpointCount)
    fill(ShardControl.checkpoints)
    fill(ShardControl.wheelMaps)
    fill(ShardControl.wheelHeads)
    fill(ShardControl.binRows)
    fill(ShardControl.binHeads)
    // Of the index what is free; of the counters the number of entries.
    let index = ShardControl.index(in: control)
    index.pointee.overflowTop = UInt32(truncatingIfNeeded: random.next())
    index.pointee.overflowFree = UInt32(truncatingIfNeeded: random.next())
    shard.counters.pointee.entries = random.next()
    shard.counters.pointee.lastReadMs = random.next()
    for page in 0..<UInt32(shard.arena.recordCount) {
      shard.pages[page].due = random.next()
      shard.pages[page].next = UInt32(truncatingIfNeeded: random.next())
      shard.pages[page].first = UInt16(random.below(513))
      shard.pages[page].isListed = UInt8(random.below(2))
      shard.pages[page].expiredCount = UInt16(random.below(9))
    }
    scrambleEntries(shard, world, &random)
  }

  /// Links and marks of what the index leads to.
  private func scrambleEntries(_ shard: Shard, _ world: World, _ random: inout Random) {
    var refs: Set<Ref> = []
    var position: UInt64 = 0
    while let (bucket, end) = shard.index.bucket(at: position) {
      shard.index.forEachRef(in: bucket) { refs.insert($0) }
      position = end
    }
    let limit = Ref(shard.arena.span.chargedEnd / 8)
    for ref in refs where ref >= shard.arena.firstRef && ref + 5 <= limit {
      let entry = shard.entry(ref)
      entry.previous.pointee.store(UInt32(truncatingIfNeeded: random.next()), ordering: .relaxed)
      entry.next.pointee.store(UInt32(truncatingIfNeeded: random.next()), ordering: .relaxed)
      let marks = random.next() & Entry.Mark.all
      let word = entry.expiryWord.relaxed
      entry.expiryWord.relaxed = word & ~Entry.Mark.all | marks
    }
  }
}
