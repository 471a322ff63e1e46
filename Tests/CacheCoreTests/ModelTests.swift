import CacheCore
import SeededRandom
import Testing

/// The cache as one would write it without a thought for speed: what the engine
/// must agree with, operation by operation.
///
/// Entries are in order of use, oldest first. Room is made as the engine
/// promises: an expired entry goes before any live one is forgotten.
struct ReferenceCache {
  struct Entry {
    var key: [UInt8]
    var value: [UInt8]
    var deadline: UInt64?
    var lastUsed: UInt64
  }

  var entries: [Entry] = []
  var now: UInt64 = 0
  let capacity: Int
  let isNoEvict: Bool
  let defaultTtl: UInt64
  let tti: UInt64

  func isExpired(_ entry: Entry) -> Bool {
    (entry.deadline.map { $0 <= now } ?? false) || (tti != 0 && entry.lastUsed + tti <= now)
  }

  func position(_ key: [UInt8]) -> Int? {
    entries.firstIndex { $0.key == key && !isExpired($0) }
  }

  func deadline(_ ttl: UInt64) -> UInt64? {
    let ttl = ttl == 0 ? defaultTtl : ttl
    return ttl == 0 || ttl == .max ? nil : now + ttl
  }

  mutating func use(_ position: Int) {
    var entry = entries.remove(at: position)
    entry.lastUsed = now
    entries.append(entry)
  }

  mutating func get(_ key: [UInt8]) -> [UInt8]? {
    guard let position = position(key) else { return nil }
    use(position)
    return entries.last!.value
  }

  mutating func set(_ key: [UInt8], _ value: [UInt8], ttl: UInt64) -> Outcome {
    let new = Entry(key: key, value: value, deadline: deadline(ttl), lastUsed: now)
    if let position = position(key) {
      entries.remove(at: position)
    } else {
      // An expired entry with this key goes whether or not there is room.
      entries.removeAll { $0.key == key }
      while entries.count >= capacity {
        if entries.contains(where: isExpired) {
          entries.removeAll(where: isExpired)
        } else if isNoEvict {
          return .full
        } else {
          entries.removeFirst()
        }
      }
    }
    entries.append(new)
    return .ok
  }

  mutating func delete(_ key: [UInt8]) -> Bool {
    guard let position = position(key) else { return false }
    entries.remove(at: position)
    return true
  }

  mutating func touch(_ key: [UInt8], ttl: UInt64) -> Bool {
    guard let position = position(key) else { return false }
    entries[position].deadline = deadline(ttl)
    use(position)
    return true
  }

  var live: [Entry] { entries.filter { !isExpired($0) } }
}

@Suite struct ModelTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    var capacity: Int
    var noEvict = false
    var defaultTtl: UInt64 = 0
    var tti: UInt64 = 0
    var bytes: UInt64 = 0
    var testDescription: String {
      "capacity \(capacity) noEvict \(noEvict) ttl \(defaultTtl) tti \(tti) bytes \(bytes)"
    }
  }

  /// Every combination of options that changes a path.
  static let settings: [Setting] = {
    var all: [Setting] = []
    for capacity in [1, 2, 7, 64, 500] {
      for noEvict in [false, true] {
        for (ttl, tti) in [(0, 0), (100, 0), (0, 70), (300, 50)] as [(UInt64, UInt64)] {
          // With a byte bound far above what is stored: both at once.
          for bytes in [0, 4 << 20] as [UInt64] {
            all.append(
              Setting(
                capacity: capacity, noEvict: noEvict, defaultTtl: ttl, tti: tti, bytes: bytes))
          }
        }
      }
    }
    return all
  }()

  @Test(arguments: settings)
  func agreesWithTheReference(_ setting: Setting) throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let flags = Options.manualClock | (setting.noEvict ? Options.noEvict : 0)
    let cache = try #require(
      TestCache(
        Options(
          flags: flags, shardCount: 1, maxEntries: UInt64(setting.capacity),
          maxBytes: setting.bytes, defaultTtlMs: setting.defaultTtl, defaultTtiMs: setting.tti,
          hashSeed: seed)))
    defer { cache.close() }
    var model = ReferenceCache(
      capacity: setting.capacity, isNoEvict: setting.noEvict, defaultTtl: setting.defaultTtl,
      tti: setting.tti)
    let keyCount = max(3, setting.capacity * 2)
    for step in 0..<3000 {
      let key = bytes("key \(random.below(keyCount))")
      let context: Comment = "seed \(seed), step \(step)"
      switch random.below(100) {
      case 0..<40:
        #expect(cache.get(key) == model.get(key), context)
      case 40..<70:
        let value = [UInt8](repeating: UInt8(step & 0xFF), count: random.below(200))
        let ttl: UInt64 = [0, 0, 0, .max, 5, 40, 1000, 100_000][random.below(8)]
        #expect(cache.set(key, value, ttlMs: ttl) == model.set(key, value, ttl: ttl), context)
      case 70..<78:
        #expect(cache.delete(key) == model.delete(key), context)
      case 78..<84:
        let value = model.position(key).map { model.entries[$0].value }
        #expect(cache.contains(key) == (value != nil), context)
        #expect(cache.peek(key) == value, context)
      case 84..<90:
        let ttl: UInt64 = [0, .max, 60][random.below(3)]
        #expect((cache.touch(key, ttlMs: ttl) == .ok) == model.touch(key, ttl: ttl), context)
      case 90..<93:
        #expect(cache.cache.count() == UInt64(model.live.count), context)
      case 93..<94:
        // How many expired entries made room for others is the engine's affair.
        let backlog = cache.cache.backlog()
        #expect(cache.cleanup() == backlog, context)
        #expect(cache.cache.backlog() == 0, context)
      case 94..<95:
        #expect(
          Set(cache.scan(capacity: 64 + random.below(500) / 8 * 8))
            == Set(model.live.map(\.key)), context)
      default:
        let ms = UInt64(random.below(random.chance(5) ? 5000 : 40))
        cache.advance(ms: ms)
        model.now += ms
      }
      if step % 50 == 0 { cache.cache.checkInvariants() }
    }
    cache.cache.checkInvariants()
    expectStatisticsToAddUp(cache)
  }
}

/// At the end of every test (TestCache.close), and wherever else it is of interest.
func expectStatisticsToAddUp(
  _ cache: TestCache, sourceLocation: SourceLocation = #_sourceLocation
) {
  let statistics = cache.cache.statistics()
  #expect(statistics.addsUp, "\(statistics)", sourceLocation: sourceLocation)
}
