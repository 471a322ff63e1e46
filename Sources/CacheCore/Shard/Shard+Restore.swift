import Synchronization

// Storing an entry that was in a cache before.

/// An entry's times, on this cache's clock.
package struct RestoredTimes {
  package var deadline: UInt64
  package var window: Entry.Window
  /// Before now only where its life depends on it.
  package var lastUsed: UInt64
  package init(deadline: UInt64, window: Entry.Window, lastUsed: UInt64) {
    self.deadline = deadline
    self.window = window
    self.lastUsed = lastUsed
  }
}

extension Shard {
  /// Stores it unless there is something of use under its key, or somebody computes that.
  package func restore(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
    _ times: RestoredTimes, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    policy.prefetch(parts.forIndex)
    drainReads()
    let slot = find(parts, key)
    if let ref = slot?.ref, isLive(ref, at: now) || isInWindow(ref, at: now) {
      return .done(.exists)
    }
    if isClaimed(parts, at: now) { return .done(.pending) }
    recordLifetime(until: times.deadline, from: now)
    let stored = put(
      parts, key, value, deadline: times.deadline, window: times.window, over: slot,
      isLive: false, at: now, mayAskOthers: mayAskOthers)
    guard case .done(.ok) = stored, times.lastUsed < now, let ref = find(parts, key)?.ref else {
      return stored
    }
    moveLastUsed(ref, back: times.lastUsed)
    schedule(ref)
    return stored
  }

  private func isClaimed(_ parts: HashParts, at now: UInt64) -> Bool {
    let claims = claims
    guard !claims.isEmpty, let place = claims.find(parts.hash) else { return false }
    if case .claimed = claims.standing(of: place, at: now) { return true }
    return false
  }

  /// Sets the time of last use back, against readers who set it forward.
  private func moveLastUsed(_ ref: Ref, back lastUsed: UInt64) {
    let word = entry(ref).accessWord
    var access = Entry.Access(word.relaxed)
    while true {
      let (exchanged, original) = word.pointee.compareExchange(
        expected: access.word, desired: access.used(at: lastUsed), ordering: .relaxed)
      if exchanged { return }
      access = Entry.Access(original)
    }
  }
}
