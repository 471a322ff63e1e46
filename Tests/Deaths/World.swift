import CPlatform
import CacheCore
import SeededRandom

/// What a key leads to.
struct Sight: Equatable {
  var value: [UInt8]
  var deadline: UInt64
  var freshness: Shard.Freshness
}

/// A cache that is made the same way each time, the keys that are looked at, and what is
/// lent.
final class World {
  /// Those that operations are about, and some more.
  static let (watchedCount, keyCount) = (64, 72)

  let cache: Cache
  var random: Random
  let keys: [[UInt8]]
  /// What was stored under each key since `beginRecording`.
  var written: [[[UInt8]]]
  private var isRecording = false
  var leases: [(lease: Cache.Lease, value: [UInt8])] = []
  /// Those whose ends are under way, or which have begun to be taken.
  var endingTickets: [UInt64] = []
  var tokens: [(key: Int, token: UInt64)] = []

  init(_ options: Options, seed: UInt64) {
    var options = options
    options.hashSeed = seed | 1
    options.flags |= Options.manualClock
    var refusal = Refusal.memory
    guard let cache = Cache.open(options, refusal: &refusal) else { fail("open: \(refusal)") }
    self.cache = cache
    random = Random(seed: seed)
    keys = (0..<World.keyCount).map {
      Array(($0 % 2 == 0 ? "even " : "odd ").utf8) + Array("\($0)".utf8)
    }
    written = [[[UInt8]]](repeating: [], count: World.keyCount)
  }

  func beginRecording() { isRecording = true }

  var allShards: [Shard] { (0..<cache.shardCount).map { cache.shard($0) } }

  // MARK: Calls

  /// Bytes that say whose and which they are.
  func value(_ key: Int, _ size: Int) -> [UInt8] {
    var state = Random(seed: random.next() | UInt64(key) << 56)
    var bytes = [UInt8](repeating: UInt8(key), count: size)
    var at = 0
    while at < size {
      bytes[at] = UInt8(truncatingIfNeeded: state.next() >> 13)
      at += size > 1000 ? 61 : 1
    }
    return bytes
  }

  @discardableResult
  func set(
    _ key: Int, _ size: Int, ttlMs: UInt64 = 0, if condition: Shard.Condition = .always
  ) -> Outcome {
    let value = value(key, size)
    note(key, value)
    return keys[key].withUnsafeBytes { key in
      value.withUnsafeBytes {
        cache.set(key, $0, deadline: cache.deadline(ttlMs: ttlMs), if: condition)
      }
    }
  }

  func note(_ key: Int, _ value: [UInt8]) { if isRecording { written[key].append(value) } }

  func delete(_ key: Int) { _ = keys[key].withUnsafeBytes { cache.delete($0) } }
  func touch(_ key: Int, ttlMs: UInt64) {
    _ = keys[key].withUnsafeBytes { cache.touch($0, deadline: cache.deadline(ttlMs: ttlMs)) }
  }
  func get(_ key: Int) {
    var size = 0
    _ = keys[key].withUnsafeBytes { cache.get($0, into: World.buffer, size: &size) }
  }
  func increment(_ key: Int) {
    var sum: Int64 = 0
    for number in 1...9 { note(key, Array(String(number).utf8)) }
    _ = keys[key].withUnsafeBytes {
      cache.increment($0, by: 1, initial: 1, deadline: cache.deadline(ttlMs: 0), sum: &sum)
    }
  }
  func acquire(_ key: Int) {
    var lease: Cache.Lease?
    let ref = ticket(of: key)
    if isRecording, let ref { endingTickets.append(ref) }
    _ = keys[key].withUnsafeBytes { cache.acquire($0, &lease) }
    if isRecording, ref != nil { endingTickets.removeLast() }
    if let lease { leases.append((lease, Array(lease.value))) }
  }
  func release() {
    let (lease, value) = leases.removeLast()
    if Array(lease.value) != value { fail("a lent value changed") }
    endingTickets.append(lease.ticket)
    cache.release(ticket: lease.ticket)
    endingTickets.removeLast()
  }
  func claim(_ key: Int) {
    var claim = Cache.Claim()
    claim.claimMs = 1000
    var size = 0
    _ = keys[key].withUnsafeBytes {
      cache.getOrClaim($0, into: World.buffer, size: &size, &claim)
    }
    if claim.token != 0 { tokens.append((key, claim.token)) }
  }
  func fulfill(_ size: Int, ttlMs: UInt64, staleMs: UInt64) {
    let (key, token) = tokens.removeLast()
    var fulfillment = Fulfillment(token: token)
    fulfillment.staleMs = staleMs
    let value = value(key, size)
    note(key, value)
    _ = keys[key].withUnsafeBytes { key in
      value.withUnsafeBytes {
        cache.fulfill(key, $0, deadline: cache.deadline(ttlMs: ttlMs), fulfillment)
      }
    }
  }
  func fulfillAbsent(ttlMs: UInt64) {
    let (key, token) = tokens.removeLast()
    var fulfillment = Fulfillment(token: token)
    fulfillment.isAbsence = true
    note(key, [])
    _ = keys[key].withUnsafeBytes {
      cache.fulfill(
        $0, UnsafeRawBufferPointer(start: nil, count: 0),
        deadline: cache.absenceDeadline(ttlMs: ttlMs)!, fulfillment)
    }
  }
  func abandon(retryMs: UInt64) {
    let (key, token) = tokens.removeLast()
    keys[key].withUnsafeBytes { cache.abandon($0, token: token, retryMs: retryMs) }
  }
  func cleanup() {
    var pace = Cache.Pace()
    _ = cache.removeExpired(limit: .max, pace: &pace) { true }
  }
  func advance(_ ms: UInt64) { _ = cache.advanceClock(by: ms) }

  nonisolated(unsafe) static let buffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 1 << 20, alignment: 8)

  // MARK: Looking

  private func ticket(of key: Int) -> UInt64? {
    keys[key].withUnsafeBytes { key in
      let (shard, parts) = cache.route(key)
      return shard.find(parts, key).map { UInt64(shard.number) << 32 | UInt64($0.ref) }
    }
  }

  /// What a reader without a lock sees.
  func sight(_ key: Int, into buffer: UnsafeMutableRawBufferPointer = World.buffer) -> Sight? {
    keys[key].withUnsafeBytes { key in
      let (shard, parts) = cache.route(key)
      guard
        let found = shard.read(
          parts, key, at: cache.clock.coarse, into: buffer, andWindowed: true)
      else { return nil }
      return Sight(
        value: Array(buffer[..<Int(found.valueSize)]), deadline: found.expiry.deadline,
        freshness: found.freshness)
    }
  }

  /// Of what there is; 0: nothing.
  var versions: [UInt64] {
    keys.map { $0.withUnsafeBytes { cache.inspect($0)?.version ?? 0 } }
  }

  var sights: [Sight?] { keys.indices.map { sight($0) } }

  func areLocksTaken() -> Bool {
    for number in 0..<cache.shardCount where isTaken(cache.shard(number)) { return true }
    return false
  }

  func isTaken(_ shard: Shard) -> Bool {
    ShardControl.lock(in: shard.base).pointee.load(ordering: .relaxed) != 0
  }
}
