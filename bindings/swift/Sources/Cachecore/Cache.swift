import CCacheCore

/// A bounded, concurrent cache, private to the process or shared by path.
///
/// ```swift
/// let cache = try Cache<String, String>(CacheOptions(maxEntries: 10_000))
/// try cache.set("key", "value", lifetime: .after(.seconds(300)))
/// if let value = try cache.get("key") { print(value) }
/// let page = try cache.value(for: "page", lifetime: .after(.seconds(60))) { render() }
/// ```
///
/// Keys and values are bytes outside; `CacheBytes` says how a type is made of them. An entry
/// whose bytes are no `Value` counts as a miss here, and stays. Any method may be called by
/// any thread. What can happen to every program is a result; all else is thrown, as
/// `CacheError`. cachecore.h is the contract: what it says of policies, bounds, time and
/// sharing is true here.
public final class Cache<Key: CacheBytes, Value: CacheBytes>: @unchecked Sendable {
  let handle: OpaquePointer

  /// Opens a private cache, and starts no thread.
  public init(_ options: CacheOptions) throws(CacheError) {
    var native = try options.native()
    var opened: OpaquePointer?
    let status = cachecore_open(&native, &opened)
    guard let opened else { throw CacheError(status, cachecore_open_error()) }
    handle = opened
  }

  /// Makes a shared cache, or attaches to it, by the path of its file.
  public init(
    sharedAt path: String, _ options: CacheOptions, mode: SharingMode = .openOrCreate,
    maxProcesses: UInt32 = 0
  ) throws(CacheError) {
    var native = try options.native()
    var opened: OpaquePointer?
    let status = path.withCString { path in
      var shared = cachecore_shared_options_t()
      shared.struct_size = UInt32(MemoryLayout<cachecore_shared_options_t>.size)
      shared.flags = mode.rawValue
      shared.path = path
      shared.fd = -1
      shared.max_processes = maxProcesses
      return cachecore_open_shared(&native, &shared, &opened)
    }
    guard let opened else { throw CacheError(status, cachecore_open_error()) }
    handle = opened
  }

  deinit { cachecore_close(handle) }

  /// Closes the cache now: calls that follow are a state error. No other call may be under
  /// way. Borrowed values stay readable; of a shared cache the entries stay.
  public func close() { cachecore_close(handle) }

  // MARK: Reading

  /// A copy of the value; nil for a miss.
  public func get(_ key: Key) throws(CacheError) -> Value? {
    try read(key) { cachecore_get($0, $1, $2, $3, $4, $5) }
  }

  /// As `get`, counted as nothing.
  public func peek(_ key: Key) throws(CacheError) -> Value? {
    try read(key) { cachecore_peek($0, $1, $2, $3, $4, $5) }
  }

  /// Lends the value without a copy; nil for a miss.
  public func acquire(_ key: Key) throws(CacheError) -> BorrowedValue? {
    var value = cachecore_value_t()
    let status = key.withCacheBytes {
      cachecore_acquire(handle, $0.baseAddress, $0.count, &value)
    }
    return try isThere(status) ? BorrowedValue(value) : nil
  }

  public func contains(_ key: Key) throws(CacheError) -> Bool {
    try isThere(key.withCacheBytes { cachecore_contains(handle, $0.baseAddress, $0.count) })
  }

  /// The time left to live; nil for a miss.
  public func timeLeft(_ key: Key) throws(CacheError) -> TimeLeft? {
    var left: Int64 = 0
    let status = key.withCacheBytes { cachecore_ttl(handle, $0.baseAddress, $0.count, &left) }
    return try isThere(status) ? TimeLeft(milliseconds: left) : nil
  }

  /// What is known of an entry.
  public struct Info: Sendable {
    public let valueSize: Int
    public let timeLeft: TimeLeft
    public let age: Duration
    public let idle: Duration
    /// Differs for every value ever stored under the key.
    public let version: UInt64

    init(_ info: cachecore_entry_info_t) {
      valueSize = Int(info.value_size)
      timeLeft = TimeLeft(milliseconds: info.ttl_ms)
      age = .milliseconds(info.age_ms)
      idle = .milliseconds(info.idle_ms)
      version = info.version
    }
  }

  public func inspect(_ key: Key) throws(CacheError) -> Info? {
    var info = cachecore_entry_info_t()
    info.struct_size = UInt32(MemoryLayout<cachecore_entry_info_t>.size)
    let status = key.withCacheBytes {
      cachecore_inspect(handle, $0.baseAddress, $0.count, &info)
    }
    return try isThere(status) ? Info(info) : nil
  }

  /// The value with its version, for `compareAndSet`.
  public func getWithInfo(_ key: Key) throws(CacheError) -> (value: Value, info: Info)? {
    while true {
      // Lent bytes and the version before and after are of one value.
      guard let before = try inspect(key), let lent = try acquire(key),
        let after = try inspect(key)
      else { return nil }
      guard before.version == after.version else { continue }
      return lent.withUnsafeBytes { Value(cacheBytes: $0) }.map { ($0, before) }
    }
  }

  private typealias Read = (
    OpaquePointer, UnsafeRawPointer?, Int, UnsafeMutableRawPointer?, Int,
    UnsafeMutablePointer<Int>
  ) -> cachecore_status_t

  /// Copies a value to the stack, or to memory that is large enough. What did not fit has
  /// been counted, and is then read as `peek` does.
  private func read(_ key: Key, _ function: Read) throws(CacheError) -> Value? {
    var (status, value) = key.withCacheBytes { key in
      var size = 0
      let (status, value) = read(512, &size) {
        function(handle, key.baseAddress, key.count, $0, $1, &$2)
      }
      guard status == CACHECORE_E_TOO_SMALL.asStatus else { return (status, value) }
      while true {
        let (status, value) = read(size, &size) {
          cachecore_peek(handle, key.baseAddress, key.count, $0, $1, &$2)
        }
        if status != CACHECORE_E_TOO_SMALL.asStatus { return (status, value) }
      }
    }
    if try !isThere(status) { value = nil }
    return value
  }

  /// What a call copies into temporary memory of this size.
  func read(
    _ capacity: Int, _ size: inout Int,
    _ call: (UnsafeMutableRawPointer?, Int, inout Int) -> cachecore_status_t
  ) -> (cachecore_status_t, Value?) {
    withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 16) { buffer in
      let status = call(buffer.baseAddress, capacity, &size)
      guard status == CACHECORE_OK.asStatus || status == CACHECORE_STALE.asStatus else {
        return (status, nil)
      }
      return (status, Value(cacheBytes: UnsafeRawBufferPointer(rebasing: buffer[..<size])))
    }
  }

  // MARK: Writing

  /// Stores the value, or replaces the one that is there.
  public func set(_ key: Key, _ value: Value, lifetime: Lifetime = .byDefault)
    throws(CacheError)
  {
    try store(key, value, lifetime) { cachecore_set($0, $1, $2, $3, $4, $5) }
  }

  /// As `set`, if there is no live entry; whether it was stored.
  public func add(_ key: Key, _ value: Value, lifetime: Lifetime = .byDefault)
    throws(CacheError) -> Bool
  {
    try store(key, value, lifetime) { cachecore_add($0, $1, $2, $3, $4, $5) }
      == CACHECORE_OK.asStatus
  }

  /// As `set`, if there is a live entry; whether it was stored.
  public func replace(_ key: Key, _ value: Value, lifetime: Lifetime = .byDefault)
    throws(CacheError) -> Bool
  {
    try store(key, value, lifetime) { cachecore_replace($0, $1, $2, $3, $4, $5) }
      == CACHECORE_OK.asStatus
  }

  /// How a `compareAndSet` ended.
  public enum Exchange: Sendable {
    case stored
    /// The version is another by now.
    case conflict
    case missing
  }

  /// As `set`, if the entry still has the version that `getWithInfo` told.
  public func compareAndSet(
    _ key: Key, _ value: Value, version: UInt64, lifetime: Lifetime = .byDefault
  ) throws(CacheError) -> Exchange {
    let status = try store(key, value, lifetime) {
      cachecore_compare_and_set($0, $1, $2, $3, $4, version, $5)
    }
    if status == CACHECORE_CONFLICT.asStatus { return .conflict }
    return status == CACHECORE_OK.asStatus ? .stored : .missing
  }

  @discardableResult
  private func store(
    _ key: Key, _ value: Value, _ lifetime: Lifetime,
    _ function: (OpaquePointer, UnsafeRawPointer?, Int, UnsafeRawPointer?, Int, UInt64)
      -> cachecore_status_t
  ) throws(CacheError) -> cachecore_status_t {
    let ms = try lifetime.milliseconds
    return try check(
      key.withCacheBytes { key in
        value.withCacheBytes { value in
          function(handle, key.baseAddress, key.count, value.baseAddress, value.count, ms)
        }
      })
  }

  /// Removes the entry; whether it was live.
  @discardableResult
  public func remove(_ key: Key) throws(CacheError) -> Bool {
    try isThere(key.withCacheBytes { cachecore_delete(handle, $0.baseAddress, $0.count) })
  }

  /// Gives a live entry a new lifetime; whether there was one.
  @discardableResult
  public func touch(_ key: Key, lifetime: Lifetime = .byDefault) throws(CacheError) -> Bool {
    let ms = try lifetime.milliseconds
    return try isThere(
      key.withCacheBytes { cachecore_touch(handle, $0.baseAddress, $0.count, ms) })
  }

  /// Adds to a decimal number in text; an absent one begins as `initial`.
  @discardableResult
  public func increment(
    _ key: Key, by delta: Int64 = 1, initial: Int64 = 1, lifetime: Lifetime = .byDefault
  ) throws(CacheError) -> Int64 {
    let ms = try lifetime.milliseconds
    var sum: Int64 = 0
    try check(
      key.withCacheBytes {
        cachecore_increment(handle, $0.baseAddress, $0.count, delta, initial, ms, &sum)
      })
    return sum
  }
}
