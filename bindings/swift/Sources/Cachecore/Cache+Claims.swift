import CCacheCore

extension Cache {
  /// As `get`; but of all who find nothing one is given the claim, and computes.
  ///
  /// - Parameters:
  ///   - early: one is to compute a fresh value anew a little before its deadline.
  ///   - claimLifetime: the claim is void after so long; zero: after 30 seconds.
  public func getOrClaim(
    _ key: Key, early: Bool = false, claimLifetime: Duration = .zero
  ) throws(CacheError) -> (answer: Answer<Value>, claim: Claim<Key, Value>) {
    let claim = Claim(self, key)
    claim.state.flags = early ? UInt32(CACHECORE_CLAIM_EARLY) : 0
    claim.state.claim_ms = try Lifetime.milliseconds(claimLifetime)
    var size = 512
    while true {
      let (status, value) = key.withCacheBytes { key in
        read(size, &size) {
          cachecore_get_or_claim(
            handle, key.baseAddress, key.count, $0, $1, &$2, &claim.state)
        }
      }
      if status == CACHECORE_E_TOO_SMALL.asStatus {
        // If it is fresh it has been counted, and is not counted again.
        if !early, let value = try peek(key) { return (.fresh(value), claim) }
        continue
      }
      switch try check(status) {
      case CACHECORE_OK.asStatus:
        guard let value else { throw CacheError(CACHECORE_E_TYPE.asStatus) }
        return (.fresh(value), claim)
      case CACHECORE_STALE.asStatus:
        guard let value else { throw CacheError(CACHECORE_E_TYPE.asStatus) }
        return (.stale(value), claim)
      case CACHECORE_ABSENT.asStatus: return (.absent, claim)
      case CACHECORE_CLAIMED.asStatus: return (.claimed, claim)
      default: return (.pending, claim)
      }
    }
  }

  /// The value, computed by `compute` if there is none: by one caller among all threads and
  /// processes, for whom the others wait, or are served what is stale.
  ///
  /// What `compute` throws is passed on, and the next caller computes. A value that is
  /// invalidated while it is computed is returned and not stored.
  public func value(
    for key: Key, lifetime: Lifetime = .byDefault, stale: Duration = .zero,
    compute: () throws -> Value
  ) throws -> Value {
    while true {
      let (answer, claim) = try getOrClaim(key)
      if case .pending = answer {
        _ = try claim.wait(for: .seconds(1))
        continue
      }
      if let known = known(answer, claim) { return known }
      let value = try compute()
      if claim.isHeld { try claim.fulfill(value, lifetime: lifetime, stale: stale) }
      return value
    }
  }

  /// The same for a task: it blocks no thread while it waits, but looks now and then, every
  /// millisecond at first and every 50 ms later.
  public func value(
    for key: Key, lifetime: Lifetime = .byDefault, stale: Duration = .zero,
    compute: () async throws -> Value
  ) async throws -> Value {
    var pause = Duration.milliseconds(1)
    while true {
      let (answer, claim) = try getOrClaim(key)
      if case .pending = answer {
        while try !claim.isOver {
          try await Task.sleep(for: pause)
          pause = min(pause * 2, .milliseconds(50))
        }
        continue
      }
      if let known = known(answer, claim) { return known }
      let value = try await compute()
      if claim.isHeld { try claim.fulfill(value, lifetime: lifetime, stale: stale) }
      return value
    }
  }

  /// What needs no computing.
  private func known(_ answer: Answer<Value>, _ claim: Claim<Key, Value>) -> Value? {
    switch answer {
    case .fresh(let value) where !claim.isHeld: value
    case .stale(let value) where !claim.isHeld: value
    default: nil
    }
  }
}
