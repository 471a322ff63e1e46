// Claims, for the holder of the lock, but for `claimStanding`. What the table knows of a key and
// what the index knows are put together here.

extension Shard {
  /// What must be so for somebody to be elected.
  package enum Premise {
    /// There is no value, nor is it known that there is none.
    case missing
    case stale
    case live
  }

  package enum Election {
    case elected(token: UInt64)
    /// Somebody else computes it.
    case claimed(token: UInt64)
    /// Nobody is to compute it for a while.
    case paused
    /// The premise no longer holds.
    case changed
    /// Whoever holds the lock is stopped.
    case timeout
  }

  /// Whether somebody computes the key. Takes no lock, unless the table changes meanwhile
  /// or who computes it is dead. Where claims are to be ended first, nobody does.
  package func claimStanding(_ parts: HashParts, at now: UInt64) -> ClaimTable.Standing {
    let claims = claims
    if claims.isEmpty || !isSettled { return .none }
    var standing = claims.standing(parts.hash, at: now)
    if case .unsettled = standing {
      standing =
        withLock {
          claims.find(parts.hash).map { claims.standing(of: $0, at: now) } ?? .none
        } ?? .none
    }
    guard case .claimed(let token, let owner) = standing, owner != memory.owner,
      region.isDeadByNow(owner)
    else { return standing }
    _ = withLock {
      if let place = claims.find(parts.hash), claims.token(of: place) == token {
        endClaim(at: place)
      }
    }
    return .none
  }

  /// Gives the caller the claim of a key until `end`, unless somebody else has it.
  @inline(never)
  package func elect(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, given premise: Premise,
    until end: UInt64, at now: UInt64
  ) -> Election {
    guard holds(premise, parts, key, at: now) else { return .changed }
    let claims = claims
    if let place = claims.find(parts.hash) {
      switch claims.standing(of: place, at: now) {
      case .claimed(let token, _): return .claimed(token: token)
      case .paused where premise != .missing: return .paused
      default: endClaim(at: place)
      }
    }
    return .elected(token: addClaim(parts, key, from: now, to: end))
  }

  private func holds(
    _ premise: Premise, _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64
  ) -> Bool {
    guard let ref = find(parts, key)?.ref else { return premise == .missing }
    if isLive(ref, at: now) { return premise == .live }
    if !isInWindow(ref, at: now) { return premise == .missing }
    return premise == .stale && !entry(ref).expiry.isAbsence
  }

  private func addClaim(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, from now: UInt64, to end: UInt64,
    asPause: Bool = false
  ) -> UInt64 {
    let claims = claims
    if let oldest = claims.oldestIfFull { endClaim(at: oldest) }
    return claims.add(parts.hash, key, from: now, to: end, asPause: asPause)
  }

  // MARK: Ending

  /// Nobody's claim of this key stands any more.
  @inline(__always)
  func endClaim(_ parts: HashParts) {
    if ClaimTable.hasClaims(memory) { endClaimSlow(parts) }
  }

  @inline(never)
  private func endClaimSlow(_ parts: HashParts) {
    if let place = claims.find(parts.hash) { endClaim(at: place) }
  }

  /// Takes a claim out and wakes who waits for it.
  @inline(never)
  private func endClaim(at place: ClaimTable.Place) {
    let hash = claims.hash(of: place)
    claims.remove(place)
    ClaimWaiters(region).wake(hash)
  }

  /// Ends the claims of all keys that may have the prefix.
  @inline(never)
  package func endClaims(mayHavePrefix prefix: UnsafeRawBufferPointer) {
    if claims.isEmpty { return }
    claims.forEach(mayHavePrefix: prefix) { endClaim(at: $0) }
  }

  /// Gives a claim up, if it still stands. If there is something to serve, nobody is elected
  /// before `retry`.
  @inline(never)
  package func abandon(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, token: UInt64, retry: UInt64,
    at now: UInt64
  ) {
    let claims = claims
    guard let place = claims.find(parts.hash, token: token), claims.isOwn(place) else { return }
    let stands = claims.stands(place, at: now)
    endClaim(at: place)
    guard stands, retry > now, !holds(.missing, parts, key, at: now) else { return }
    _ = addClaim(parts, key, from: now, to: retry, asPause: true)
  }

  // MARK: Fulfilling

  /// Stores what was computed for a claim, if that still stands, and ends it.
  @inline(never)
  func fulfill(
    _ fulfillment: UnsafePointer<Fulfillment>, _ parts: HashParts,
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: UInt64,
    over slot: Index.Slot?, isLive: Bool, at now: UInt64, mayAskOthers: Bool
  ) -> Stored {
    let (claims, token) = (claims, fulfillment.pointee.token)
    guard let place = claims.find(parts.hash, token: token), claims.isOwn(place) else {
      return .done(.conflict)
    }
    guard claims.stands(place, at: now) else {
      endClaim(at: place)
      return .done(.conflict)
    }
    let (deadline, window) = fulfillment.pointee.times(
      from: resolved(deadline, for: isLive ? slot : nil),
      computeMs: now - min(now, claims.start(of: place)))
    return put(
      parts, key, value, deadline: deadline, window: window, over: slot, isLive: isLive, at: now,
      mayAskOthers: mayAskOthers)
  }
}

/// What a claim is fulfilled with, beside the value.
package struct Fulfillment {
  package var token: UInt64
  /// How long the value may be served past its deadline.
  package var staleMs: UInt64 = 0
  /// Whether to remember how long it took.
  package var keepsCost = false
  /// That there is no value.
  package var isAbsence = false
  package init(token: UInt64) { self.token = token }

  /// An entry's deadline and window, for the deadline of the answer and the time that it
  /// took to compute.
  func times(
    from deadline: UInt64, computeMs: UInt64
  ) -> (deadline: UInt64, window: Entry.Window) {
    if isAbsence { return (0, Entry.Window(end: deadline, computeMs: 0)) }
    if deadline == Clock.never || (staleMs == 0 && !keepsCost) {
      return (deadline, Entry.Window.none)
    }
    let end = Clock.farthest - deadline > staleMs ? deadline + staleMs : Clock.farthest
    return (deadline, Entry.Window(end: end, computeMs: keepsCost ? computeMs : 0))
  }
}
