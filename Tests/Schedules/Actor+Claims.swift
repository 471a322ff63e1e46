import CPlatform
import CacheCore
@preconcurrency import Linearizability
import SeededRandom

/// What an actor knows of claims.
struct Claims {
  /// Those it has, or had: one that has ended is used again now and then.
  var held: [(key: Int, token: UInt64)] = []
  /// The last that it saw standing, of each key.
  var seen = [UInt64](repeating: 0, count: Scenario.keyCount)
  /// What it waits for at present.
  var awaited: (key: Int, token: UInt64)?
  /// Whether it may stop here for ever: from the beginning of get_or_claim on until it
  /// goes on to fulfil.
  var mayStop = false
  /// The call that it is in then.
  var call: UnsafeMutablePointer<operation_t>?
}

extension Actor {
  func callAboutClaims() {
    // Mostly the same one: what is to be seen is who comes in between.
    let key = random.chance(75) ? 0 : random.below(Scenario.keyCount)
    switch random.below(20) {
    case 0..<8: getOrClaim(key)
    case 8..<13: endClaim()
    case 13..<16: waitForClaim(key)
    case 16: if random.chance(25) { removeAll() }
    default: _ = cache.advanceClock(by: UInt64(1 + random.below(random.chance(10) ? 40 : 6)))
    }
  }

  // MARK: Claiming

  /// How long a claim stands: short ones end by themselves in the course of a schedule.
  private static let claimMs: [UInt64] = [3, 10, 40, 1000]

  private func getOrClaim(_ key: Int) {
    guard let place = history_add(play.histories[key], UInt32(index)) else { return }
    var claim = Cache.Claim()
    claim.claimMs = Actor.claimMs[random.below(Actor.claimMs.count)]
    claim.isEarly = random.chance(50)
    var call = operation_t()
    call.kind = OPERATION_GET_OR_CLAIM
    call.claim_ms = claim.claimMs
    call.clock_low = cache.clock.coarse
    call.invoked = play.scheduler.moment()
    // As it is to be understood if it never comes back.
    place.pointee = call
    place.pointee.kind = OPERATION_LOST_CLAIM
    place.pointee.returned = UInt64.max
    claims.call = place
    claims.mayStop = true
    var bytes = [UInt8](repeating: 0, count: 40_000)
    var size = 0
    let outcome = Play.key(key).withUnsafeBytes { key in
      bytes.withUnsafeMutableBytes { cache.getOrClaim(key, into: $0, size: &size, &claim) }
    }
    call.returned = play.scheduler.moment()
    call.clock_high = cache.clock.coarse
    call.status = outcome.rawValue
    if outcome == .ok || outcome == .stale { call.value = understand(Array(bytes[..<size]), key) }
    if outcome == .claimed { call.token = claim.seen }
    if outcome == .pending { call.status = Outcome.miss.rawValue }
    claims.call = nil
    place.pointee = call
    if outcome == .stale || outcome == .pending || (outcome == .ok && claim.token != 0) {
      recordElection(key, call, claim)
    }
    learn(key, claim, outcome)
    // It computes.
    for _ in 0..<random.below(20) { play.scheduler.step() }
    claims.mayStop = false
  }

  /// The second half of a get_or_claim that found something, or found nothing and then
  /// another's claim.
  private func recordElection(_ key: Int, _ call: operation_t, _ claim: Cache.Claim) {
    guard let place = history_add(play.histories[key], UInt32(index)) else { return }
    var election = call
    election.kind = call.status == Outcome.ok.rawValue ? OPERATION_ELECT_EARLY : OPERATION_ELECT
    let outcome = claim.token != 0 ? Outcome.claimed : claim.seen != 0 ? .pending : .miss
    election.status = outcome.rawValue
    election.token = claim.seen
    place.pointee = election
  }

  private func learn(_ key: Int, _ claim: Cache.Claim, _ outcome: Outcome) {
    if claim.seen != 0 { claims.seen[key] = claim.seen }
    let isGiven = claim.token != 0
    if isGiven != (outcome == .claimed), outcome == .claimed || outcome == .pending {
      play.fail("\(outcome) with token \(claim.token)")
    }
    guard isGiven else { return }
    if !play.tokens.insert(claim.token).inserted { play.fail("a token was used twice") }
    claims.held.append((key, claim.token))
  }

  // MARK: Ending

  private func endClaim() {
    guard !claims.held.isEmpty else { return }
    let number = random.below(claims.held.count)
    let (key, token) = claims.held[number]
    if random.chance(85) { claims.held.remove(at: number) }
    switch random.below(8) {
    case 0..<5: fulfill(key, token)
    case 5: fulfillAbsent(key, token)
    default: abandon(key, token)
    }
  }

  private func fulfill(_ key: Int, _ token: UInt64) {
    let value = newValue()
    let ttl = scenario.hasLifetimes && random.chance(90) ? UInt64(1 + random.below(6)) : 0
    var fulfillment = Fulfillment(token: token)
    fulfillment.staleMs = [0, 10, 50][random.below(3)]
    fulfillment.keepsCost = random.chance(50)
    record(key, OPERATION_FULFILL) { call, key in
      call.value = value
      call.ttl = ttl
      call.token = token
      call.window_ms = fulfillment.staleMs
      return Value.bytes(value, sizes: scenario.sizes).withUnsafeBytes {
        cache.fulfill(key, $0, deadline: cache.deadline(ttlMs: ttl), fulfillment)
      }
    }
  }

  private func fulfillAbsent(_ key: Int, _ token: UInt64) {
    let ttl = UInt64(1 + random.below(20))
    var fulfillment = Fulfillment(token: token)
    fulfillment.isAbsence = true
    record(key, OPERATION_FULFILL_ABSENT) { call, key in
      call.ttl = ttl
      call.token = token
      let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
      return cache.fulfill(
        key, nothing, deadline: cache.absenceDeadline(ttlMs: ttl)!, fulfillment)
    }
  }

  private func abandon(_ key: Int, _ token: UInt64) {
    let retry = [0, 0, 5, 20][random.below(4)] as UInt64
    record(key, OPERATION_ABANDON) { call, key in
      call.token = token
      call.window_ms = retry
      cache.abandon(key, token: token, retryMs: retry)
      return .ok
    }
  }

  // MARK: Waiting

  private func waitForClaim(_ number: Int) {
    let token = claims.seen[number]
    guard token != 0, !claims.held.contains(where: { $0.token == token }) else { return }
    let timeout = [0, 1, UInt64(UInt32.max), UInt64(UInt32.max)][random.below(4)]
    record(number, OPERATION_CLAIM_WAIT) { call, key in
      call.token = token
      claims.awaited = (number, token)
      let outcome = cache.waitForClaim(key, seen: token, timeoutMs: timeout)
      claims.awaited = nil
      return outcome
    }
  }

  // MARK: Of all keys

  /// Two steps for each key: first nobody's claim stands any more, then the entries go.
  private func removeAll() {
    let places = (0..<Scenario.keyCount).map { key in
      (0..<2).map { _ in history_add(play.histories[key], UInt32(index)) }
    }
    var call = operation_t()
    call.clock_low = cache.clock.coarse
    call.invoked = play.scheduler.moment()
    if random.chance(50) {
      cache.clear()
    } else {
      _ = Array("key ".utf8).withUnsafeBytes { cache.deletePrefix($0) }
    }
    call.returned = play.scheduler.moment()
    call.clock_high = cache.clock.coarse
    for places in places {
      for (place, kind) in zip(places, [OPERATION_VOID, OPERATION_CLEAR]) {
        call.kind = kind
        place?.pointee = call
      }
    }
  }
}
