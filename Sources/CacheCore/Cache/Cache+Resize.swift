import Synchronization

// The bounds, and what it takes to lower them.

extension Cache {
  package func resize(maxEntries: UInt64, maxBytes: UInt64) -> Outcome {
    guard Options.areValidBounds(maxEntries: maxEntries, maxBytes: maxBytes),
      hasRoomForUpkeep(maxBytes)
    else { return .argument }
    return withResizeLock { resizeLocked(maxEntries: maxEntries, maxBytes: maxBytes) }
  }

  private func withResizeLock(_ body: () -> Outcome) -> Outcome {
    if !region.isShared { return handle.resizeLock.withLock(body) }
    let lock = OwnedLock(region.sharing.pointee.resizeLock.word, owner: region.owner)
    if !lock.tryAcquire() {
      let end = lock.acquire(
        orFromDead: { region.processes.isDead($0) },
        orUntil: { region.processes.isStalled($0, sleeps: $1) })
      if case .stalled = end { return .timeout }
    }
    defer { lock.release() }
    return body()
  }

  static func setBounds(_ region: Region, maxEntries: UInt64, maxBytes: UInt64) {
    region.entriesLimit.relaxed = maxEntries == 0 ? UInt64.max : maxEntries
    region.bytesLimit.relaxed = maxBytes == 0 ? UInt64.max : maxBytes
  }

  private func hasRoomForUpkeep(_ maxBytes: UInt64) -> Bool {
    maxBytes == 0 || maxBytes / 2 >= region.header.pointee.fixedPages * UInt64(Geometry.page)
  }

  private func resizeLocked(maxEntries: UInt64, maxBytes: UInt64) -> Outcome {
    let (entriesBefore, bytesBefore) = (region.maxEntries, region.maxBytes)
    Cache.setBounds(region, maxEntries: maxEntries, maxBytes: maxBytes)
    if region.header.pointee.isNoEvict {
      if !region.entryBudget.isExceeded, !region.pageBudget.isExceeded { return .ok }
      var pace = Pace()
      _ = removeExpired(limit: UInt64.max, pace: &pace) { true }
      forEachShard { shard in
        inSlices(shard) { _ in
          (0..<64).contains { _ in
            !region.entryBudget.isExceeded || !shard.evictWindowed(for: .bound)
          }
        }
        trim(shard)
        inSlices(shard) { _ in
          !region.pageBudget.isExceeded || shard.surrender(pageCount: 16, at: clock.coarse) == 0
        }
      }
      if !region.entryBudget.isExceeded, !region.pageBudget.isExceeded { return .ok }
      Cache.setBounds(region, maxEntries: entriesBefore, maxBytes: bytesBefore)
      return .full
    }
    return evictToBounds()
  }

  /// Evicts until the bounds hold, a little from each shard in turn. `state` if
  /// leases are in the way.
  private func evictToBounds() -> Outcome {
    while region.entryBudget.isExceeded || region.pageBudget.isExceeded {
      var (hasProgress, isReached) = (false, true)
      forEachShard { shard in
        let attempt: Void? = shard.withLock {
          shard.drainAllReads()
          if region.entryBudget.isExceeded {
            if shard.removeSomeExpired(at: clock.coarse) > 0 {
              hasProgress = true
            } else if let victim = shard.victim() {
              shard.evict(victim, for: .bound)
              hasProgress = true
            }
          }
          if region.pageBudget.isExceeded {
            hasProgress = shard.surrender(pageCount: 8, at: clock.coarse) > 0 || hasProgress
          }
        }
        if attempt == nil { isReached = false }
      }
      if hasProgress { continue }
      // Others may have brought it inside meanwhile.
      if !region.entryBudget.isExceeded, !region.pageBudget.isExceeded { break }
      return isReached ? .state : .timeout
    }
    return .ok
  }
}
