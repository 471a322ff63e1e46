import CCacheCore

/// Who computes the value of a key: this caller, who then holds the claim, or another.
///
/// A claim that is held is ended by `fulfill`, `fulfillAbsent` or `abandon`, or is abandoned
/// when it is dropped. It keeps its cache. Any thread may end it, but not two at once.
public final class Claim<Key: CacheBytes, Value: CacheBytes> {
  private let cache: Cache<Key, Value>
  private let key: Key
  var state = cachecore_claim_t()

  init(_ cache: Cache<Key, Value>, _ key: Key) {
    self.cache = cache
    self.key = key
    state.struct_size = UInt32(MemoryLayout<cachecore_claim_t>.size)
  }

  deinit {
    if isHeld {
      _ = key.withCacheBytes {
        cachecore_abandon(cache.handle, $0.baseAddress, $0.count, 0, &state)
      }
    }
  }

  /// Whether this caller has it and has not ended it. It may be void by now.
  public var isHeld: Bool { state.token != 0 }

  /// Waits until the claim that was seen no longer stands; false if that takes longer. Blocks
  /// the thread: a task uses `isOver`, or `Cache.value(for:)`.
  public func wait(for timeout: Duration) throws(CacheError) -> Bool {
    let ms = UInt32(clamping: try Lifetime.milliseconds(max(timeout, .zero)))
    let status = key.withCacheBytes {
      cachecore_claim_wait(cache.handle, $0.baseAddress, $0.count, &state, ms)
    }
    if status == CACHECORE_E_TIMEOUT.asStatus { return false }
    try check(status)
    return true
  }

  /// Whether the claim that was seen no longer stands.
  public var isOver: Bool {
    get throws(CacheError) { try wait(for: .zero) }
  }

  /// Stores the value and ends the claim; false, and nothing is stored, if it is void by now.
  ///
  /// - Parameter stale: for so long past its deadline the value may be served while the next
  ///   is computed.
  @discardableResult
  public func fulfill(
    _ value: Value, lifetime: Lifetime = .byDefault, stale: Duration = .zero
  ) throws(CacheError) -> Bool {
    state.stale_ms = try Lifetime.milliseconds(stale)
    let ms = try lifetime.milliseconds
    let status = key.withCacheBytes { key in
      value.withCacheBytes { value in
        cachecore_fulfill(
          cache.handle, key.baseAddress, key.count, value.baseAddress, value.count, ms, &state)
      }
    }
    return try check(status) == CACHECORE_OK.asStatus
  }

  /// Stores, likewise, that there is no value.
  @discardableResult
  public func fulfillAbsent(lifetime: Lifetime = .byDefault) throws(CacheError) -> Bool {
    let ms = try lifetime.milliseconds
    let status = key.withCacheBytes {
      cachecore_fulfill_absent(cache.handle, $0.baseAddress, $0.count, ms, &state)
    }
    return try check(status) == CACHECORE_OK.asStatus
  }

  /// Gives the claim up.
  ///
  /// - Parameter retry: a stale value is served for so long before the next is elected.
  public func abandon(retry: Duration = .zero) throws(CacheError) {
    guard isHeld else { return }
    let ms = try Lifetime.milliseconds(retry)
    try check(
      key.withCacheBytes {
        cachecore_abandon(cache.handle, $0.baseAddress, $0.count, ms, &state)
      })
  }
}

/// What `Cache.getOrClaim` says.
public enum Answer<Value> {
  case fresh(Value)
  /// A value past its deadline, in the window that it was stored with.
  case stale(Value)
  /// There is known to be no value.
  case absent
  /// Nothing; this caller computes.
  case claimed
  /// Nothing; another caller computes.
  case pending
}
