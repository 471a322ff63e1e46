import CPlatform

// What concerns the cache as a whole is done shard by shard and in slices: the
// lock is held for a bounded time, and whoever waits for it goes first.

extension Cache {
  /// How long one slice holds a shard's lock.
  package static let sliceNs: UInt64 = 200_000

  /// Runs `slice` under the shard's lock until it says that it is done, or
  /// `mayGoOn` no longer holds. False if whoever holds the lock is stopped.
  @discardableResult
  package func inSlices(
    _ shard: Shard, mayGoOn: () -> Bool = { true }, _ slice: (_ startNs: UInt64) -> Bool
  ) -> Bool {
    while mayGoOn() {
      guard let isDone = shard.withLockYielding({ slice(platform_now_ns()) }) else {
        return false
      }
      if isDone { break }
    }
    return true
  }

  /// Removes up to `limit` expired entries, and returns to the system what memory
  /// is free, however it became so. `pace.longestNs` becomes the longest time a lock
  /// was held, if that is longer than it was.
  package func removeExpired(
    limit: UInt64, pace: inout Pace, mayGoOn: () -> Bool
  ) -> (removed: UInt64, isTrimmed: Bool) {
    var (removed, isTrimmed) = (UInt64(0), true)
    for number in 0..<shardCount where mayGoOn() {
      let shard = shard(number)
      var isSwept = removed >= limit
      var longest = pace.longestNs
      var lag: UInt64 = 0
      let isReached = inSlices(shard, mayGoOn: mayGoOn) { startNs in
        let endNs = startNs + pace.sliceNs
        if !isSwept {
          shard.counters.pointee.longestLagMs = 0
          let (count, isDone) = shard.removeExpired(at: clock.coarse, limit: limit - removed) {
            platform_now_ns() < endNs
          }
          removed += count
          lag = max(lag, shard.counters.pointee.longestLagMs)
          isSwept = isDone || removed >= limit
        }
        // One step at least: on a machine that is slow enough no time is left.
        var discard = isSwept ? shard.trim() : Discard.more
        while discard == .more, isSwept, platform_now_ns() < endNs { discard = shard.trim() }
        if discard == .failed { isTrimmed = false }
        longest = max(longest, platform_now_ns() - startNs)
        return discard != .more
      }
      if !isReached { isTrimmed = false }
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

  @discardableResult
  package func clear() -> Outcome {
    removeAll(UnsafeRawBufferPointer(start: nil, count: 0), andExpired: true).outcome
  }

  package func deletePrefix(
    _ prefix: UnsafeRawBufferPointer
  ) -> (removed: UInt64, outcome: Outcome) { removeAll(prefix) }

  /// Returns a shard's free memory to the system.
  func trim(_ shard: Shard) { inSlices(shard) { _ in shard.trim() != .more } }

  /// Walks every shard and removes the live entries with a prefix, or all, and
  /// returns their memory to the system.
  private func removeAll(
    _ prefix: UnsafeRawBufferPointer, andExpired: Bool = false
  ) -> (removed: UInt64, outcome: Outcome) {
    var (removed, outcome) = (UInt64(0), Outcome.ok)
    forEachShard { shard in
      var position: UInt64 = 0
      // First: what is being computed now must not be stored behind our back.
      let isReached =
        shard.withLock { shard.endClaims(mayHavePrefix: prefix) } != nil
        && inSlices(shard) { _ in
          let next = shard.removeEntries(
            prefix, from: position, removed: &removed, at: clock.coarse,
            andExpired: andExpired)
          position = next ?? 0
          return next == nil
        }
      if isReached { trim(shard) } else { outcome = shard.giveUpWrite() }
    }
    return (removed, outcome)
  }

  /// Moves a manual clock.
  package func advanceClock(by ms: UInt64) -> Outcome {
    guard clock.isManual else { return .state }
    guard clock.advance(by: ms) else { return .range }
    ClaimWaiters(region).wakeAll()
    return .ok
  }
}
