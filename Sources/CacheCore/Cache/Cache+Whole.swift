import CPlatform
import Synchronization

// What concerns the cache as a whole is done shard by shard and in slices: the
// lock is held for a bounded time, and whoever waits for it goes first.

extension Cache {
  /// How long one slice holds a shard's lock.
  package static let sliceNs: UInt64 = 200_000
  /// Pages looked at between readings of the clock when nothing is removed.
  private static let pagesAtOnce = 32

  /// Runs `slice` under the shard's lock until it says that it is done, or
  /// `mayGoOn` no longer holds.
  package func inSlices(
    _ shard: Shard, mayGoOn: () -> Bool = { true }, _ slice: (_ startNs: UInt64) -> Bool
  ) {
    while mayGoOn() {
      shard.lock.acquire()
      let isDone = slice(platform_now_ns())
      shard.lock.releaseAndYield()
      if isDone { return }
    }
  }

  // MARK: Counting

  /// Live entries.
  package func count() -> UInt64 {
    var total: UInt64 = 0
    forEachExpiryMarked {
      total += $0.counters.pointee.entries - $0.wheel.state.pointee.expiredCount
    }
    return total
  }

  /// Entries expired and not yet removed.
  package func backlog() -> UInt64 {
    var total: UInt64 = 0
    forEachExpiryMarked { total += $0.wheel.state.pointee.expiredCount }
    return total
  }

  /// Calls `body` for each shard, locked, when all that has expired is marked.
  func forEachExpiryMarked(_ body: (Shard) -> Void) {
    forEachShard { shard in
      inSlices(shard) { _ in
        guard shard.markExpired(at: clock.coarse, pageLimit: Cache.pagesAtOnce) else {
          return false
        }
        body(shard)
        return true
      }
    }
  }

  // MARK: Removing

  /// Removes up to `limit` expired entries, and returns memory to the system
  /// where some are gone. `pace.longestNs` becomes the longest time a lock was
  /// held, if that is longer than it was.
  package func removeExpired(
    limit: UInt64, pace: inout Pace, mayGoOn: () -> Bool
  ) -> (removed: UInt64, isTrimmed: Bool) {
    var (removed, isTrimmed) = (UInt64(0), true)
    for number in 0..<shardCount where removed < limit && mayGoOn() {
      let shard = shard(number)
      let before = removed
      var isSwept = false
      var longest = pace.longestNs
      var lag: UInt64 = 0
      inSlices(shard, mayGoOn: mayGoOn) { startNs in
        let endNs = startNs + pace.sliceNs
        if !isSwept {
          shard.counters.pointee.longestLagMs = 0
          let (count, isDone) = shard.removeExpired(at: clock.coarse, limit: limit - removed) {
            platform_now_ns() < endNs
          }
          if count > 0 { region.entryBudget.give(count) }
          removed += count
          lag = max(lag, shard.counters.pointee.longestLagMs)
          isSwept = isDone || removed >= limit
        }
        var discard = isSwept && removed == before ? Discard.done : .more
        while isSwept, discard == .more, platform_now_ns() < endNs { discard = shard.trim() }
        if discard == .failed { isTrimmed = false }
        longest = max(longest, platform_now_ns() - startNs)
        return discard != .more
      }
      pace.longestNs = longest
      pace.longestLagMs = max(pace.longestLagMs, lag)
    }
    return (removed, isTrimmed)
  }

  /// How long a lock may be held, and how long it was.
  package struct Pace {
    package var sliceNs: UInt64
    package var longestNs: UInt64 = 0
    /// Longest that an entry outlived its end.
    package var longestLagMs: UInt64 = 0
    package init(sliceNs: UInt64 = Cache.sliceNs) { self.sliceNs = sliceNs }
  }

  package func clear() {
    _ = removeAll(UnsafeRawBufferPointer(start: nil, count: 0), andExpired: true)
    forEachShard { shard in inSlices(shard) { _ in shard.trim() != .more } }
  }

  package func deletePrefix(_ prefix: UnsafeRawBufferPointer) -> UInt64 {
    removeAll(prefix)
  }

  /// Walks every shard and removes the live entries with a prefix, or all.
  private func removeAll(
    _ prefix: UnsafeRawBufferPointer, andExpired: Bool = false
  ) -> UInt64 {
    var removed: UInt64 = 0
    forEachShard { shard in
      var position: UInt64 = 0
      inSlices(shard) { _ in
        let next = shard.removeEntries(
          prefix, from: position, removed: &removed, at: clock.coarse, andExpired: andExpired)
        position = next ?? 0
        return next == nil
      }
    }
    return removed
  }

  // MARK: Scanning

  /// A cursor is the shard in the high 8 bits, the position in it below.
  private static let positionBits: UInt64 = 56

  /// Lists live entries from `cursor` on, which it moves; 0 at the end.
  package func scan(
    _ cursor: inout UInt64, prefix: UnsafeRawBufferPointer, into buffer: inout RecordBuffer
  ) {
    let number = cursor >> Cache.positionBits
    guard number < UInt64(shardCount) else {
      cursor = 0
      return
    }
    let shard = shard(UInt32(number))
    let position = cursor & (1 << Cache.positionBits - 1)
    let next = shard.lock.withLock {
      shard.scan(
        from: position, prefix: prefix, into: &buffer, at: clock.coarse, exactNow: clock.exact)
    }
    if let next {
      cursor = number << Cache.positionBits | next
    } else {
      cursor = number + 1 < UInt64(shardCount) ? (number + 1) << Cache.positionBits : 0
    }
  }

  // MARK: Removals

  /// Takes removals from each shard in turn, as long as the buffer has room.
  package func takeRemovals(into buffer: inout RecordBuffer) {
    forEachShard { shard in
      if buffer.needed == 0 { shard.lock.withLock { shard.takeRemovals(into: &buffer) } }
    }
  }

  // MARK: New bounds

  package func resize(maxEntries: UInt64, maxBytes: UInt64) -> Outcome {
    guard Options.areValidBounds(maxEntries: maxEntries, maxBytes: maxBytes),
      isReserved(maxBytes)
    else { return .argument }
    return handle.resizeLock.withLock { resizeLocked(maxEntries: maxEntries, maxBytes: maxBytes) }
  }

  private func isReserved(_ maxBytes: UInt64) -> Bool {
    let header = region.header.pointee
    return maxBytes <= header.geometry.arenaSize * UInt64(header.shardCount)
      && maxBytes / 2 >= (maxBytes == 0 ? 0 : header.fixedPages * UInt64(Geometry.page))
  }

  private func resizeLocked(maxEntries: UInt64, maxBytes: UInt64) -> Outcome {
    let entriesBefore = region.entriesLimit.relaxed
    let bytesBefore = region.bytesLimit.relaxed
    Cache.setBounds(region, maxEntries: maxEntries, maxBytes: maxBytes)
    if region.header.pointee.isNoEvict {
      if !region.entryBudget.isExceeded, !region.pageBudget.isExceeded { return .ok }
      var pace = Pace()
      _ = removeExpired(limit: UInt64.max, pace: &pace) { true }
      forEachShard { shard in
        inSlices(shard) { _ in shard.trim() != .more }
        inSlices(shard) { _ in
          !region.pageBudget.isExceeded || shard.surrender(pageCount: 16, at: clock.coarse) == 0
        }
      }
      if !region.entryBudget.isExceeded, !region.pageBudget.isExceeded { return .ok }
      Cache.setBounds(
        region, maxEntries: entriesBefore == UInt64.max ? 0 : entriesBefore,
        maxBytes: bytesBefore)
      return .full
    }
    return evictToBounds() ? .ok : .state
  }

  /// Evicts until the bounds hold, a little from each shard in turn. False if
  /// leases are in the way.
  private func evictToBounds() -> Bool {
    while region.entryBudget.isExceeded || region.pageBudget.isExceeded {
      var hasProgress = false
      forEachShard { shard in
        shard.lock.withLock {
          shard.drainAllReads()
          if region.entryBudget.isExceeded {
            if shard.removeSomeExpired(at: clock.coarse) > 0 {
              hasProgress = true
            } else if let victim = shard.victim() {
              shard.evict(victim)
              region.entryBudget.give(1)
              hasProgress = true
            }
          }
          if region.pageBudget.isExceeded {
            hasProgress = shard.surrender(pageCount: 8, at: clock.coarse) > 0 || hasProgress
          }
        }
      }
      if !hasProgress { break }
    }
    // Others may have brought it inside meanwhile.
    return !region.entryBudget.isExceeded && !region.pageBudget.isExceeded
  }
}
