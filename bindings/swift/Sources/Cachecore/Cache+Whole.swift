import CCacheCore

/// An entry that left the cache, and why.
public struct Removal<Key, Value> {
  public enum Cause: UInt32, Sendable {
    case expired = 1
    case evicted, replaced, deleted
  }

  public let key: Key
  public let value: Value
  public let cause: Cause
}

extension Removal: Sendable where Key: Sendable, Value: Sendable {}

/// Room for records, aligned as they must be.
private struct Page {
  var words: [UInt64]

  init(bytes: Int) { words = [UInt64](repeating: 0, count: bytes / 8 + 1) }

  var capacity: Int { words.count * 8 }

  /// Calls `body` with each record and the bytes from its end on.
  func forEach<Record>(
    _ size: Int, _ type: Record.Type, _ recordSize: (Record) -> Int,
    _ body: (Record, UnsafeRawPointer) -> Void
  ) {
    words.withUnsafeBytes { bytes in
      var at = 0
      while at < size {
        let record = bytes.loadUnaligned(fromByteOffset: at, as: Record.self)
        body(record, bytes.baseAddress! + at + MemoryLayout<Record>.size)
        at += recordSize(record)
      }
    }
  }
}

extension Cache {
  /// The number of live entries.
  public var count: Int { Int(cachecore_count(handle)) }

  public func removeAll() throws(CacheError) { try check(cachecore_clear(handle)) }

  /// Removes all live entries whose keys begin with these bytes; how many.
  @discardableResult
  public func removeAll(prefix: some CacheBytes) throws(CacheError) -> Int {
    var removed: UInt64 = 0
    try check(
      prefix.withCacheBytes {
        cachecore_delete_prefix(handle, $0.baseAddress, $0.count, &removed)
      })
    return Int(removed)
  }

  /// The live entries whose keys begin with these bytes. One that is there all the while is
  /// listed at least once.
  public func entries(prefix: some CacheBytes) throws(CacheError) -> [(key: Key, value: Value)] {
    var found: [(key: Key, value: Value)] = []
    var page = Page(bytes: 64 << 10)
    var (cursor, size) = (UInt64(0), 0)
    repeat {
      let status = prefix.withCacheBytes {
        cachecore_scan_values(
          handle, &cursor, $0.baseAddress, $0.count, &page.words, page.capacity, &size, nil)
      }
      if status == CACHECORE_E_TOO_SMALL.asStatus {
        page = Page(bytes: size)
        size = -1
        continue
      }
      try check(status)
      page.forEach(size, cachecore_value_record_t.self, { Int($0.record_size) }) { record, start in
        let key = UnsafeRawBufferPointer(start: start, count: Int(record.key_size))
        let value = UnsafeRawBufferPointer(
          start: start + key.count, count: Int(record.value_size))
        if let key = Key(cacheBytes: key), let value = Value(cacheBytes: value) {
          found.append((key, value))
        }
      }
    } while cursor != 0 || size < 0
    return found
  }

  /// The keys of the live entries that begin with these bytes.
  public func keys(prefix: some CacheBytes) throws(CacheError) -> [Key] {
    var keys: [Key] = []
    var page = Page(bytes: 64 << 10)
    var (cursor, size) = (UInt64(0), 0)
    repeat {
      let status = prefix.withCacheBytes {
        cachecore_scan(
          handle, &cursor, $0.baseAddress, $0.count, &page.words, page.capacity, &size, nil)
      }
      if status == CACHECORE_E_TOO_SMALL.asStatus {
        page = Page(bytes: size)
        size = -1
        continue
      }
      try check(status)
      append(to: &keys, from: page, size)
    } while cursor != 0 || size < 0
    return keys
  }

  private func append(to keys: inout [Key], from page: Page, _ size: Int) {
    page.forEach(size, cachecore_scan_record_t.self, { Int($0.record_size) }) { record, start in
      let key = UnsafeRawBufferPointer(start: start, count: Int(record.key_size))
      if let key = Key(cacheBytes: key) { keys.append(key) }
    }
  }

  /// Up to so many keys, those to be evicted first.
  public func coldest(_ limit: Int) throws(CacheError) -> [Key] {
    try list(limit) { cachecore_coldest(handle, $0, $1, $2, $3, nil) }
  }

  /// Up to so many keys, those to be evicted last.
  public func hottest(_ limit: Int) throws(CacheError) -> [Key] {
    try list(limit) { cachecore_hottest(handle, $0, $1, $2, $3, nil) }
  }

  private func list(
    _ limit: Int,
    _ function: (UInt64, UnsafeMutableRawPointer?, Int, UnsafeMutablePointer<Int>)
      -> cachecore_status_t
  ) throws(CacheError) -> [Key] {
    let largest = MemoryLayout<cachecore_scan_record_t>.size + Int(CACHECORE_KEY_SIZE_MAX) + 8
    var page = Page(bytes: 2 * largest)
    while true {
      var size = 0
      try check(
        page.words.withUnsafeMutableBytes {
          function(UInt64(limit), $0.baseAddress, $0.count, &size)
        })
      if page.capacity - size >= largest {  // all that there are had room
        var keys: [Key] = []
        append(to: &keys, from: page, size)
        return keys
      }
      page = Page(bytes: 4 * page.capacity)
    }
  }

  /// Removes up to so many entries, as if room were needed; how many.
  @discardableResult
  public func evict(_ most: Int) throws(CacheError) -> Int {
    var removed: UInt64 = 0
    try check(cachecore_evict(handle, UInt64(most), &removed))
    return Int(removed)
  }

  /// Removes expired entries; how many.
  @discardableResult
  public func cleanUpExpired() throws(CacheError) -> Int {
    var removed: UInt64 = 0
    try check(cachecore_cleanup_expired(handle, 0, &removed))
    return Int(removed)
  }

  public func resize(maxEntries: UInt64 = 0, maxBytes: UInt64 = 0) throws(CacheError) {
    try check(cachecore_resize(handle, maxEntries, maxBytes))
  }

  /// Every counter and gauge by its name in cachecore.h.
  public func statistics() throws(CacheError) -> [String: UInt64] {
    var stats = cachecore_stats_t()
    stats.struct_size = UInt32(MemoryLayout<cachecore_stats_t>.size)
    try check(cachecore_stats(handle, &stats))
    var field = cachecore_stats_field_t()
    field.struct_size = UInt32(MemoryLayout<cachecore_stats_field_t>.size)
    var (named, number) = ([String: UInt64](), UInt32(0))
    while cachecore_stats_field(number, &field) == CACHECORE_OK.asStatus {
      let (offset, size) = (Int(field.offset), field.size)
      if offset + Int(size) <= MemoryLayout<cachecore_stats_t>.size {
        named[String(cString: field.name)] = withUnsafeBytes(of: stats) {
          size == 4
            ? UInt64($0.load(fromByteOffset: offset, as: UInt32.self))
            : $0.load(fromByteOffset: offset, as: UInt64.self)
        }
      }
      number += 1
    }
    return named
  }

  public func resetStatistics() throws(CacheError) { try check(cachecore_reset_stats(handle)) }

  /// All that has left since the last time, of a cache that reports it.
  public func takeRemovals() throws(CacheError) -> [Removal<Key, Value>] {
    var removals: [Removal<Key, Value>] = []
    var page = Page(bytes: 4096)
    while true {
      var size = 0
      let status = cachecore_take_removals(handle, &page.words, page.capacity, &size, nil)
      if status == CACHECORE_E_TOO_SMALL.asStatus {
        page = Page(bytes: size)
        continue
      }
      if try !isThere(status) { return removals }
      page.forEach(size, cachecore_removal_record_t.self, { Int($0.record_size) }) {
        record, start in
        let key = UnsafeRawBufferPointer(start: start, count: Int(record.key_size))
        let value = UnsafeRawBufferPointer(
          start: start + key.count, count: Int(record.value_size))
        if let key = Key(cacheBytes: key), let value = Value(cacheBytes: value),
          let cause = Removal<Key, Value>.Cause(rawValue: record.cause)
        {
          removals.append(Removal(key: key, value: value, cause: cause))
        }
      }
    }
  }

  /// Saves all entries to a file; how many.
  @discardableResult
  public func save(to path: String) throws(CacheError) -> Int {
    var count: UInt64 = 0
    try check(cachecore_save(handle, path, &count))
    return Int(count)
  }

  /// Adds what is in a saved file; how many entries were stored.
  @discardableResult
  public func load(from path: String) throws(CacheError) -> Int {
    var count: UInt64 = 0
    try check(cachecore_load(handle, path, &count))
    return Int(count)
  }

  /// How many processes have a shared cache open, and whether it had entries when it was
  /// opened by a process that found no other.
  public func sharedInfo() throws(CacheError) -> (processes: Int, isWarm: Bool) {
    var info = cachecore_shared_info_t()
    info.struct_size = UInt32(MemoryLayout<cachecore_shared_info_t>.size)
    try check(cachecore_shared_info(handle, &info))
    return (Int(info.processes), info.warm != 0)
  }

  /// Moves a manual clock.
  public func advanceClock(by duration: Duration) throws(CacheError) {
    try check(cachecore_advance_clock(handle, try Lifetime.milliseconds(duration)))
  }

  /// Starts the thread that removes expired entries; zero: an interval chosen from the
  /// lifetimes stored.
  public func startSweeper(interval: Duration = .zero) throws(CacheError) {
    var options = cachecore_sweeper_options_t()
    options.struct_size = UInt32(MemoryLayout<cachecore_sweeper_options_t>.size)
    options.interval_ms = try Lifetime.milliseconds(interval)
    try check(cachecore_sweeper_start(handle, &options))
  }

  public func stopSweeper() throws(CacheError) { try check(cachecore_sweeper_stop(handle, 0)) }

  /// Has the sweeper sweep now and waits for that; what it removed.
  @discardableResult
  public func triggerSweeper() throws(CacheError) -> Int {
    var removed: UInt64 = 0
    try check(cachecore_sweeper_trigger(handle, &removed))
    return Int(removed)
  }
}
