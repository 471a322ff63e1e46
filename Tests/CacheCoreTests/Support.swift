import CPlatform
import CacheCore
import Foundation
import Testing

/// The engine with keys and values as arrays, which tests are easier to read
/// with.
struct TestCache {
  let cache: Cache

  init?(_ options: Options) {
    var refusal = Refusal.memory
    guard let cache = Cache.open(options, refusal: &refusal) else { return nil }
    self.cache = cache
  }

  init(_ cache: Cache) { self.cache = cache }

  func set(
    _ key: [UInt8], _ value: [UInt8], ttlMs: UInt64 = 0,
    if condition: Shard.Condition = .always
  ) -> Outcome {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        cache.set(key, value, deadline: cache.deadline(ttlMs: ttlMs), if: condition)
      }
    }
  }

  func get(_ key: [UInt8]) -> [UInt8]? { copy(key) { cache.get($0, into: $1, size: &$2) } }
  func peek(_ key: [UInt8]) -> [UInt8]? { copy(key) { cache.peek($0, into: $1, size: &$2) } }

  private func copy(
    _ key: [UInt8],
    _ read: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer, inout Int) -> Outcome
  ) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 256)
    while true {
      var size = 0
      let outcome = key.withUnsafeBytes { key in
        buffer.withUnsafeMutableBytes { read(key, $0, &size) }
      }
      switch outcome {
      case .ok: return Array(buffer[..<size])
      case .tooSmall: buffer = [UInt8](repeating: 0, count: size)
      default: return nil
      }
    }
  }

  /// Where the entry is, if the cache has one shard.
  func ref(_ key: [UInt8]) -> Ref? {
    let shard = cache.shard(0)
    return key.withUnsafeBytes { shard.find(HashParts(shard.keyHash($0)), $0)?.ref }
  }

  func delete(_ key: [UInt8]) -> Bool { key.withUnsafeBytes { cache.delete($0) } == .ok }
  func contains(_ key: [UInt8]) -> Bool { key.withUnsafeBytes { cache.contains($0) } }
  func info(_ key: [UInt8]) -> Cache.Info? { key.withUnsafeBytes { cache.inspect($0) } }
  func remaining(_ key: [UInt8]) -> Int64? { key.withUnsafeBytes { cache.remaining($0) } }
  func touch(_ key: [UInt8], ttlMs: UInt64) -> Outcome {
    key.withUnsafeBytes { cache.touch($0, deadline: cache.deadline(ttlMs: ttlMs)) }
  }
  func increment(_ key: [UInt8], by delta: Int64, initial: Int64) -> (Outcome, Int64) {
    var sum: Int64 = 0
    let outcome = key.withUnsafeBytes {
      cache.increment(
        $0, by: delta, initial: initial, deadline: cache.deadline(ttlMs: 0), sum: &sum)
    }
    return (outcome, sum)
  }
  func acquire(_ key: [UInt8]) -> Cache.Lease? {
    var lease: Cache.Lease?
    _ = key.withUnsafeBytes { cache.acquire($0, &lease) }
    return lease
  }
  func cleanup(limit: UInt64 = .max) -> UInt64 {
    var pace = Cache.Pace()
    return cache.removeExpired(limit: limit, pace: &pace) { true }.removed
  }
  func scan(prefix: [UInt8] = [], capacity: Int = 4096) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    var cursor: UInt64 = 0
    var bytes = [UInt64](repeating: 0, count: capacity / 8)
    repeat {
      bytes.withUnsafeMutableBytes { bytes in
        var buffer = RecordBuffer(bytes)
        prefix.withUnsafeBytes { cache.scan(&cursor, prefix: $0, into: &buffer) }
        var at = 0
        while at < buffer.used {
          let record = bytes.loadUnaligned(fromByteOffset: at, as: ScanRecord.self)
          let key = at + MemoryLayout<ScanRecord>.size
          keys.append(Array(bytes[key..<key + Int(record.keySize)]))
          at += Int(record.recordSize)
        }
      }
    } while cursor != 0
    return keys
  }
  /// Each key with its value, as often as it is listed.
  func scanValues(prefix: [UInt8] = [], capacity: Int = 4096) -> [[[UInt8]]] {
    var entries: [[[UInt8]]] = []
    var cursor: UInt64 = 0
    var bytes = [UInt64](repeating: 0, count: capacity / 8)
    var needed = 0
    repeat {
      needed = 0
      bytes.withUnsafeMutableBytes { bytes in
        var buffer = RecordBuffer(bytes)
        prefix.withUnsafeBytes {
          cache.scan(&cursor, prefix: $0, withValues: true, into: &buffer)
        }
        if buffer.isTooSmall { needed = buffer.needed }
        var at = 0
        while at < buffer.used {
          let record = bytes.loadUnaligned(fromByteOffset: at, as: ValueRecord.self)
          let key = at + MemoryLayout<ValueRecord>.size
          let value = key + Int(record.keySize)
          entries.append([
            Array(bytes[key..<value]), Array(bytes[value..<value + Int(record.valueSize)]),
          ])
          at += Int(record.recordSize)
        }
      }
      if needed > 0 { bytes = [UInt64](repeating: 0, count: needed / 8) }
    } while cursor != 0 || needed > 0
    return entries
  }
  func advance(ms: UInt64) { precondition(cache.advanceClock(by: ms) == .ok) }

  // MARK: Claims

  struct Answer {
    var outcome: Outcome
    var value: [UInt8]?
    /// 0: no claim.
    var token: UInt64
    var seen: UInt64
  }

  /// Not inlined: where the value is not used, the optimiser (Swift 6.3) writes to an array
  /// that it has freed, as AddressSanitizer finds.
  @inline(never)
  func getOrClaim(
    _ key: [UInt8], claimMs: UInt64 = 0, isEarly: Bool = false, capacity: Int = 1 << 17
  ) -> Answer {
    var claim = Cache.Claim()
    claim.claimMs = claimMs
    claim.isEarly = isEarly
    var buffer = [UInt8](repeating: 0, count: capacity)
    var size = 0
    let outcome = key.withUnsafeBytes { key in
      buffer.withUnsafeMutableBytes { cache.getOrClaim(key, into: $0, size: &size, &claim) }
    }
    let isFound = outcome == .ok || outcome == .stale
    return Answer(
      outcome: outcome, value: isFound ? Array(buffer[..<size]) : nil, token: claim.token,
      seen: claim.seen)
  }

  func fulfill(
    _ key: [UInt8], _ value: [UInt8], ttlMs: UInt64 = 0, staleMs: UInt64 = 0,
    keepsCost: Bool = false, token: UInt64
  ) -> Outcome {
    var fulfillment = Fulfillment(token: token)
    fulfillment.staleMs = staleMs
    fulfillment.keepsCost = keepsCost
    return key.withUnsafeBytes { key in
      value.withUnsafeBytes {
        cache.fulfill(key, $0, deadline: cache.deadline(ttlMs: ttlMs), fulfillment)
      }
    }
  }

  func fulfillAbsent(_ key: [UInt8], ttlMs: UInt64, token: UInt64) -> Outcome {
    guard let deadline = cache.absenceDeadline(ttlMs: ttlMs) else { return .argument }
    var fulfillment = Fulfillment(token: token)
    fulfillment.isAbsence = true
    return key.withUnsafeBytes {
      cache.fulfill(
        $0, UnsafeRawBufferPointer(start: nil, count: 0), deadline: deadline, fulfillment)
    }
  }

  func abandon(_ key: [UInt8], retryMs: UInt64 = 0, token: UInt64) {
    key.withUnsafeBytes { cache.abandon($0, token: token, retryMs: retryMs) }
  }

  func wait(_ key: [UInt8], seen: UInt64, timeoutMs: UInt64 = 0) -> Outcome {
    key.withUnsafeBytes { cache.waitForClaim($0, seen: seen, timeoutMs: timeoutMs) }
  }

  /// Whether the claim with this token still stands.
  func stands(_ key: [UInt8], _ token: UInt64) -> Bool {
    wait(key, seen: token) == .timeout
  }

  /// Stores a value that is stale from `ttlMs` on, for `staleMs`; false if that failed.
  func setStale(_ key: [UInt8], _ value: [UInt8], ttlMs: UInt64 = 10, staleMs: UInt64) -> Bool {
    _ = delete(key)
    let token = getOrClaim(key).token
    return fulfill(key, value, ttlMs: ttlMs, staleMs: staleMs, token: token) == .ok
  }

  func setAbsent(_ key: [UInt8], ttlMs: UInt64) -> Bool {
    _ = delete(key)
    return fulfillAbsent(key, ttlMs: ttlMs, token: getOrClaim(key).token) == .ok
  }
  /// Closes the cache, when all its entries are accounted for.
  func close(sourceLocation: SourceLocation = #_sourceLocation) {
    expectStatisticsToAddUp(self, sourceLocation: sourceLocation)
    cache.close()
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// What a randomised test begins with: another each time, or CACHECORE_SEED.
func testSeed() -> UInt64 {
  let asked = ProcessInfo.processInfo.environment["CACHECORE_SEED"].flatMap { UInt64($0) }
  return asked ?? UInt64.random(in: 1 ... .max)
}
