import CPlatform
import Synchronization

// Who computes a missing value (ClaimTable.swift), seen from outside: a read that may make
// the caller the one, and how it ends.

extension Cache {
  /// What a caller says and is told of a claim.
  package struct Claim {
    /// 0: the caller has none.
    package var token: UInt64 = 0
    /// The claim that stands, whoever has it; 0: none was seen.
    package var seen: UInt64 = 0
    package var claimMs: UInt64 = 0
    /// Whether fresh values are refreshed early.
    package var isEarly = false
    package init() {}
  }

  /// How long a claim stands that does not say.
  private static let claimMsDefault: UInt64 = 30_000

  /// As `get`; on a miss, or for a stale value, makes the caller the one who computes if
  /// nobody else does.
  @inline(never)
  package func getOrClaim(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int,
    _ claim: inout Claim
  ) -> Outcome {
    claim.token = 0
    claim.seen = 0
    let (shard, parts) = route(key)
    while true {
      let now = clock.coarse
      size = 0
      guard let found = shard.read(parts, key, at: now, into: buffer, andWindowed: true) else {
        switch elect(.missing, shard, parts, key, &claim, at: now) {
        case .elected:
          shard.recordMiss(at: now)
          return .claimed
        case .claimed: return .pending
        case .paused, .changed: continue
        case .timeout: return .timeout
        }
      }
      if found.freshness == .absent {
        shard.recordPast(found, parts, key, at: now)
        return .absent
      }
      size = Int(truncatingIfNeeded: found.valueSize)
      if found.freshness == .live {
        shard.recordAccess(found, parts, key, at: now)
        guard size <= buffer.count else { return .tooSmall }
        if claim.isEarly, isEarlyRefreshDue(found, shard, at: now) {
          _ = elect(.live, shard, parts, key, &claim, at: now)
        }
        return .ok
      }
      guard size <= buffer.count else { return .tooSmall }
      if case .changed = elect(.stale, shard, parts, key, &claim, at: now) { continue }
      shard.recordPast(found, parts, key, at: now)
      return .stale
    }
  }

  /// Makes the caller the one who computes, if the premise holds and nobody else is.
  private func elect(
    _ premise: Shard.Premise, _ shard: Shard, _ parts: HashParts, _ key: UnsafeRawBufferPointer,
    _ claim: inout Claim, at now: UInt64
  ) -> Shard.Election {
    // Most who ask while somebody computes need no lock to be told.
    switch shard.claimStanding(parts, at: now) {
    case .claimed(let token, _):
      claim.seen = token
      return .claimed(token: token)
    case .paused where premise != .missing: return .paused
    default: break
    }
    let ms = claim.claimMs == 0 ? Cache.claimMsDefault : claim.claimMs
    let end = clock.deadline(in: ms)
    let election =
      shard.withLock { shard.elect(parts, key, given: premise, until: end, at: clock.coarse) }
      ?? .timeout
    switch election {
    case .elected(let token):
      claim.token = token
      claim.seen = token
    case .claimed(let token): claim.seen = token
    case .paused, .changed, .timeout: break
    }
    return election
  }

  private func isEarlyRefreshDue(_ found: Shard.Found, _ shard: Shard, at now: UInt64) -> Bool {
    guard found.computeMs > 0 else { return false }
    let state =
      shard.keyHash.secret ^ shard.stripeOfThisThread.usesEver ^ UInt64(ThreadNumber.own) << 48
    let random = KeyHash.mixed(state &+ KeyHash.step)
    let deadline = found.expiry.deadline
    return EarlyRefresh.isDue(
      leftMs: deadline - min(deadline, now), computeMs: found.computeMs, random: random)
  }

  /// Waits until the claim that was seen no longer stands, for `timeoutMs` at most.
  @inline(never)
  package func waitForClaim(
    _ key: UnsafeRawBufferPointer, seen: UInt64, timeoutMs: UInt64
  ) -> Outcome {
    guard handle.beginWaiting() else { return .state }
    let (shard, parts) = route(key)
    let endNs = platform_now_ns() + timeoutMs * 1_000_000
    let isOver = ClaimWaiters(region).sleep(parts.hash, until: endNs) {
      handle.isOpen ? standsForNs(shard, parts, seen) : nil
    }
    let isOpen = handle.isOpen
    handle.endWaiting()
    return !isOpen ? .state : isOver ? .ok : .timeout
  }

  /// After how long a claim is looked at again that could not be.
  private static let stalledNs: UInt64 = 10_000_000

  /// For how long a claim may stand; nil: it does not.
  private func standsForNs(_ shard: Shard, _ parts: HashParts, _ token: UInt64) -> UInt64? {
    // Ends that of one who is dead.
    if region.isShared { _ = shard.claimStanding(parts, at: clock.coarse) }
    let found = shard.withLock { () -> UInt64? in
      let (claims, now) = (shard.claims, clock.coarse)
      guard let place = claims.find(parts.hash, token: token), claims.stands(place, at: now)
      else { return nil }
      return claims.end(of: place)
    }
    // Behind one who is stopped nothing is known of it, but that all claims of a shard that
    // is forgotten are void.
    guard let found else { return shard.isForgotten ? nil : Cache.stalledNs }
    guard let end = found else { return nil }
    if clock.isManual || end == Clock.never { return UInt64.max }
    return max(1, end - min(end, clock.exact)) * 1_000_000
  }

  // MARK: Ending a claim

  /// Stores what was computed for a claim. `conflict` if that no longer stands.
  @inline(never)
  package func fulfill(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: UInt64,
    _ fulfillment: Fulfillment
  ) -> Outcome {
    withUnsafePointer(to: fulfillment) {
      set(key, value, deadline: deadline, if: .claim($0))
    }
  }

  /// The deadline of an absence for a lifetime as callers give it; nil if it has none.
  package func absenceDeadline(ttlMs: UInt64) -> UInt64? {
    let ttl = ttlMs == 0 ? region.header.pointee.defaultTtlMs : ttlMs
    guard ttl != 0, ttl != Clock.orItsOwn else { return nil }
    return ttl == UInt64.max ? Clock.never : clock.deadline(in: ttl)
  }

  /// Gives a claim up. What is stale is served for `retryMs` before somebody else is
  /// elected.
  @inline(never)
  package func abandon(_ key: UnsafeRawBufferPointer, token: UInt64, retryMs: UInt64) {
    let (shard, parts) = route(key)
    let retry = retryMs == 0 ? 0 : clock.deadline(in: retryMs)
    let isEnded: Void? = shard.withLock {
      shard.abandon(parts, key, token: token, retry: retry, at: clock.coarse)
    }
    if isEnded == nil { shard.leaveToBeSettled() }
  }
}
