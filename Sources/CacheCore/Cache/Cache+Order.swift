// The order of forgetting across all shards: each has its own, and the entry to come next
// is the first in the order among the shards' first ones.

/// The next entry of each shard.
private struct Fronts {
  private static let none = Shard.Standing(ref: 0, rank: 0)

  private var standings = InlineArray<256, Shard.Standing>(repeating: Fronts.none)
  private let count: Int
  private let order: EvictionOrder

  init(of count: UInt32, in order: EvictionOrder) {
    self.count = Int(count)
    self.order = order
  }

  /// nil for a shard that has no more.
  subscript(number: UInt32) -> Shard.Standing? {
    get { standings[Int(number)].ref == 0 ? nil : standings[Int(number)] }
    set { standings[Int(number)] = newValue ?? Fronts.none }
  }

  /// The shard whose entry comes next. Of equals, the first shard's is the coldest.
  var next: UInt32? {
    var best: Int?
    for number in 0..<count where standings[number].ref != 0 {
      if let best {
        let isColder = standings[number].rank < standings[best].rank
        if isColder != (order == .coldest) { continue }
      }
      best = number
    }
    return best.map { UInt32($0) }
  }
}

extension Cache {
  /// Entries that are evicted in one hold of a lock.
  private static let evictionsAtOnce: UInt64 = 64

  /// Removes up to `count` entries, but no more than there were: expired ones first, then
  /// others in the order of forgetting. How many, in `removed`.
  package func evict(_ count: UInt64, removed: inout UInt64) -> Outcome {
    guard !region.header.pointee.isNoEvict else { return .state }
    var present: UInt64 = 0
    forEachShard { shard in
      removed += removeExpired(in: shard, limit: count - removed)
      _ = shard.withLock {
        shard.drainAllReads()
        present += shard.counters.pointee.entries
      }
    }
    let live = min(count - removed, present)
    removed += shardCount == 1 ? evict(live, from: shard(0)) : evictMerging(live)
    return .ok
  }

  /// Evicts up to `count` entries of a shard; how many.
  private func evict(_ count: UInt64, from shard: Shard) -> UInt64 {
    var evicted: UInt64 = 0
    while evicted < count {
      let stop = min(count, evicted + Cache.evictionsAtOnce)
      _ = shard.withLockYielding { while evicted < stop, shard.evictOne() { evicted += 1 } }
      if evicted < stop { break }
    }
    return evicted
  }

  /// The same of all shards, the one whose entry is the coldest each time.
  @inline(never)
  private func evictMerging(_ count: UInt64) -> UInt64 {
    var evicted: UInt64 = 0
    var fronts = Fronts(of: shardCount, in: .coldest)
    forEachShard { shard in fronts[shard.number] = shard.withLock { shard.coldest } ?? nil }
    while evicted < count, let number = fronts.next {
      let shard = shard(number)
      let stop = min(count, evicted + Cache.evictionsAtOnce)
      let isReached: Void? = shard.withLockYielding {
        repeat {
          if shard.evictOne() { evicted += 1 }
          fronts[number] = shard.coldest
        } while evicted < stop && fronts.next == number
      }
      if isReached == nil { fronts[number] = nil }
    }
    return evicted
  }

  /// Removes up to `limit` expired entries of a shard, those of one page in one hold of
  /// the lock; how many.
  private func removeExpired(in shard: Shard, limit: UInt64) -> UInt64 {
    var removed: UInt64 = 0
    var isDone = false
    while !isDone, removed < limit {
      let reached = shard.withLockYielding {
        shard.removeExpired(at: clock.coarse, limit: limit - removed) { false }
      }
      guard let step = reached else { break }
      removed += step.removed
      isDone = step.isDone
    }
    return removed
  }

  /// Lists up to `limit` live entries in this order, as long as the buffer has room.
  /// Holds every shard's lock, so that what it lists was the order at one moment.
  @discardableResult
  package func list(
    _ order: EvictionOrder, limit: UInt64, into buffer: inout RecordBuffer
  ) -> Outcome {
    let isReached: Void? = withAllLocks {
      let (now, exactNow) = (clock.coarse, clock.exact)
      var fronts = Fronts(of: shardCount, in: order)
      forEachShard { shard in
        shard.drainAllReads()
        fronts[shard.number] = shard.firstLive(in: order, at: now)
      }
      var left = limit
      while left > 0, let number = fronts.next, let standing = fronts[number] {
        let shard = shard(number)
        guard shard.append(shard.found(standing.ref), to: &buffer, exactNow: exactNow)
        else { break }
        fronts[number] = shard.firstLive(in: order, after: standing.ref, at: now)
        left -= 1
      }
    }
    return isReached == nil ? .timeout : .ok
  }
}
