import CCacheCore
import CacheCore

// Who computes a missing value (Cache+Claims.swift). What a caller holds is a struct that
// is read and written.

/// Runs an entry point on a key and a caller's claim. Unless the result says that an
/// argument is wrong, the claim has ended: its token is 0 then.
@inline(__always)
private func endingClaim(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ keySize: Int,
  _ claim: UnsafeMutablePointer<cachecore_claim_t>?,
  _ body: (Cache, UnsafeRawBufferPointer, cachecore_claim_t) -> Outcome
) -> cachecore_status_t {
  call(cache, key, keySize) { cache, key in
    var outcome = Outcome.argument
    guard let claim, var given = readClaim(claim, &outcome) else { return outcome }
    outcome = body(cache, key, given)
    if outcome != .argument {
      given.token = 0
      fill(claim, with: given)
    }
    return outcome
  }
}

/// A caller's claim, if its flags are known and it has all fields of the first version: a
/// token must find a place.
private func readClaim(
  _ claim: UnsafePointer<cachecore_claim_t>, _ outcome: inout Outcome
) -> cachecore_claim_t? {
  guard let given = copyIn(claim, &outcome) else { return nil }
  let isWhole = Int(given.struct_size) >= MemoryLayout<cachecore_claim_t>.size
  if !isWhole || given.flags & ~UInt32(CACHECORE_CLAIM_EARLY) != 0 {
    outcome = .argument
    return nil
  }
  return given
}

@c @implementation
public func cachecore_get_or_claim(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ size_out: UnsafeMutablePointer<Int>?,
  _ claim: UnsafeMutablePointer<cachecore_claim_t>?
) -> cachecore_status_t {
  var size = 0
  var asked = Cache.Claim()
  var unread = Outcome.argument
  let given = claim.flatMap { readClaim($0, &unread) }
  defer {
    size_out?.pointee = size
    if var given {
      given.token = asked.token
      given.seen = asked.seen
      fill(claim, with: given)
    }
  }
  return call(cache, key, key_size) { cache, key in
    guard let given else { return unread }
    guard size_out != nil, let buffer = CacheCoreABI.buffer(buffer, capacity) else {
      return .argument
    }
    asked.claimMs = given.claim_ms
    asked.isEarly = given.flags & UInt32(CACHECORE_CLAIM_EARLY) != 0
    return cache.getOrClaim(key, into: buffer, size: &size, &asked)
  }
}

@c @implementation
public func cachecore_claim_wait(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ claim: UnsafePointer<cachecore_claim_t>?, _ timeout_ms: UInt32
) -> cachecore_status_t {
  call(cache, key, key_size) { cache, key in
    var outcome = Outcome.argument
    guard let claim, let given = readClaim(claim, &outcome) else { return outcome }
    return cache.waitForClaim(key, seen: given.seen, timeoutMs: UInt64(timeout_ms))
  }
}

@c @implementation
public func cachecore_fulfill(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int,
  _ value: UnsafeRawPointer?, _ value_size: Int, _ ttl_ms: UInt64,
  _ claim: UnsafeMutablePointer<cachecore_claim_t>?
) -> cachecore_status_t {
  endingClaim(cache, key, key_size, claim) { cache, key, claim in
    guard let value = CacheCoreABI.value(value, value_size) else { return .argument }
    var fulfillment = Fulfillment(token: claim.token)
    fulfillment.staleMs = claim.stale_ms
    fulfillment.keepsCost = claim.flags & UInt32(CACHECORE_CLAIM_EARLY) != 0
    return cache.fulfill(key, value, deadline: cache.deadline(ttlMs: ttl_ms), fulfillment)
  }
}

@c @implementation
public func cachecore_fulfill_absent(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ ttl_ms: UInt64,
  _ claim: UnsafeMutablePointer<cachecore_claim_t>?
) -> cachecore_status_t {
  endingClaim(cache, key, key_size, claim) { cache, key, claim in
    guard let deadline = cache.absenceDeadline(ttlMs: ttl_ms) else { return .argument }
    var fulfillment = Fulfillment(token: claim.token)
    fulfillment.isAbsence = true
    let value = UnsafeRawBufferPointer(start: nil, count: 0)
    return cache.fulfill(key, value, deadline: deadline, fulfillment)
  }
}

@c @implementation
public func cachecore_abandon(
  _ cache: OpaquePointer?, _ key: UnsafeRawPointer?, _ key_size: Int, _ retry_ms: UInt64,
  _ claim: UnsafeMutablePointer<cachecore_claim_t>?
) -> cachecore_status_t {
  endingClaim(cache, key, key_size, claim) { cache, key, claim in
    cache.abandon(key, token: claim.token, retryMs: retry_ms)
    return .ok
  }
}
