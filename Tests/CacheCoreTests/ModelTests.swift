import CacheCore
import SeededRandom
import Testing

/// The cache as one would write it without a thought for speed: what the engine
/// must agree with, operation by operation.
///
/// Entries are in order of use, oldest first. Room is made as the engine
/// promises: an expired entry goes before any live one is forgotten, one in its
/// window before a live one that was used at the same time, and in a no-evict cache
/// before any.
struct ReferenceCache {
  struct Entry {
    var key: [UInt8]
    /// nil: an absence.
    var value: [UInt8]?
    var deadline: UInt64?
    var lastUsed: UInt64
    /// How long it is of use to get_or_claim after its deadline.
    var staleMs: UInt64 = 0
  }

  struct Claim {
    var key: [UInt8]
    /// 0: a pause.
    var token: UInt64
    var end: UInt64
  }

  enum Found: Equatable { case live, stale, absent, none }

  var entries: [Entry] = []
  var claims: [Claim] = []
  var now: UInt64 = 0
  let capacity: Int
  let isNoEvict: Bool
  let defaultTtl: UInt64
  let tti: UInt64
  let claimsMax: Int
  /// Whether the engine, which was asked first, still has an entry.
  let isThere: ([UInt8]) -> Bool

  private func isIdle(_ entry: Entry) -> Bool { tti != 0 && entry.lastUsed + tti <= now }

  func found(_ entry: Entry) -> Found {
    if isIdle(entry) { return .none }
    let isPast = entry.deadline.map { $0 <= now } ?? false
    if entry.value == nil { return isPast ? .none : .absent }
    if !isPast { return .live }
    return entry.deadline! + entry.staleMs > now ? .stale : .none
  }

  func isWindowed(_ entry: Entry) -> Bool { [.stale, .absent].contains(found(entry)) }
  /// Of no use to anybody.
  func isExpired(_ entry: Entry) -> Bool { found(entry) == .none }

  func position(_ key: [UInt8]) -> Int? {
    entries.firstIndex { $0.key == key && found($0) == .live }
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
    store(Entry(key: key, value: value, deadline: deadline(ttl), lastUsed: now))
  }

  /// Stored or not, nobody's claim of the key stands any more.
  private mutating func store(_ new: Entry) -> Outcome {
    claims.removeAll { $0.key == new.key }
    if new.value != nil, let position = position(new.key) {
      entries.remove(at: position)
    } else {
      // What is not live goes whether or not there is room.
      entries.removeAll { $0.key == new.key }
      while entries.count >= capacity {
        if entries.contains(where: isExpired) {
          entries.removeAll(where: isExpired)
        } else if isNoEvict {
          // One in its window goes; which of them, is for the engine to say.
          guard entries.contains(where: isWindowed) else { return .full }
          guard let gone = entries.firstIndex(where: { isWindowed($0) && !isThere($0.key) })
          else { return .version }
          entries.remove(at: gone)
        } else {
          // The engine looks at so many.
          let age = entries[0].lastUsed
          let equals = entries.prefix(16).prefix { $0.lastUsed == age }
          entries.remove(at: equals.firstIndex(where: isWindowed) ?? 0)
        }
      }
    }
    entries.append(new)
    return .ok
  }

  mutating func delete(_ key: [UInt8]) -> Bool {
    claims.removeAll { $0.key == key }
    let isLive = position(key) != nil
    entries.removeAll { $0.key == key }
    return isLive
  }

  // MARK: Claims

  func claim(_ key: [UInt8]) -> Claim? { claims.first { $0.key == key && $0.end > now } }

  /// What get_or_claim is told, and whether it is given a claim, whose token the engine
  /// chooses.
  mutating func getOrClaim(
    _ key: [UInt8]
  ) -> (outcome: Outcome, value: [UInt8]?, isElected: Bool, seen: UInt64?) {
    let position = entries.firstIndex { $0.key == key }
    let found = position.map { self.found(entries[$0]) } ?? .none
    let claim = claim(key)
    switch found {
    case .none:
      if let claim, claim.token != 0 { return (.pending, nil, false, claim.token) }
      return (.claimed, nil, true, nil)
    case .live, .absent:
      use(position!)
      return (found == .live ? .ok : .absent, entries.last!.value, false, 0)
    case .stale:
      use(position!)
      return (.stale, entries.last!.value, claim == nil, claim?.token)
    }
  }

  mutating func begin(_ key: [UInt8], _ token: UInt64, ms: UInt64) {
    claims.removeAll { $0.key == key }
    if claims.count == claimsMax { claims.removeFirst() }
    claims.append(Claim(key: key, token: token, end: now + ms))
  }

  mutating func fulfill(
    _ key: [UInt8], _ value: [UInt8]?, ttl: UInt64, staleMs: UInt64, token: UInt64
  ) -> Outcome {
    guard claim(key)?.token == token else {
      claims.removeAll { $0.key == key && $0.token == token }
      return .conflict
    }
    return store(
      Entry(
        key: key, value: value, deadline: deadline(ttl), lastUsed: now,
        staleMs: deadline(ttl) == nil ? 0 : staleMs))
  }

  mutating func abandon(_ key: [UInt8], retryMs: UInt64, token: UInt64) {
    let stood = claim(key)?.token == token
    claims.removeAll { $0.key == key && $0.token == token }
    // A pause is for something that is served meanwhile.
    guard stood, retryMs > 0, let entry = entries.first(where: { $0.key == key }),
      found(entry) != .none
    else { return }
    if claims.count == claimsMax { claims.removeFirst() }
    claims.append(Claim(key: key, token: 0, end: now + retryMs))
  }

  mutating func touch(_ key: [UInt8], ttl: UInt64) -> Bool {
    guard let position = position(key) else { return false }
    entries[position].deadline = deadline(ttl)
    if deadline(ttl) == nil { entries[position].staleMs = 0 }
    use(position)
    return true
  }

  var live: [Entry] { entries.filter { found($0) == .live } }
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
      tti: setting.tti,
      claimsMax: Int(cache.cache.region.header.pointee.geometry.claimCount),
      isThere: { cache.ref($0) != nil })
    let keyCount = max(3, setting.capacity * 2)
    var held: [(key: [UInt8], token: UInt64)] = []
    for step in 0..<4000 {
      let key = bytes("key \(random.below(keyCount))")
      let context: Comment = "seed \(seed), step \(step)"
      switch random.below(130) {
      case 0..<40:
        #expect(cache.get(key) == model.get(key), context)
      case 40..<70:
        let value = [UInt8](repeating: UInt8(step & 0xFF), count: random.below(200))
        let ttl: UInt64 = [0, 0, 0, .max, 5, 40, 1000, 100_000][random.below(8)]
        #expect(cache.set(key, value, ttlMs: ttl) == model.set(key, value, ttl: ttl), context)
      case 70..<78:
        #expect(cache.delete(key) == model.delete(key), context)
      case 78..<84:
        let value = model.position(key).flatMap { model.entries[$0].value }
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
        #expect(
          Set(cache.scanValues(capacity: 64 + random.below(500) / 8 * 8))
            == Set(model.live.map { [$0.key, $0.value!] }), context)
      case 95..<110:
        let ms = UInt64(1 + random.below(200))
        let (told, wanted) = (cache.getOrClaim(key, claimMs: ms), model.getOrClaim(key))
        #expect(told.outcome == wanted.outcome && told.value == wanted.value, context)
        #expect((told.token != 0) == wanted.isElected, context)
        if let seen = wanted.seen { #expect(told.seen == seen, context) }
        if told.token != 0 {
          held.append((key, told.token))
          model.begin(key, told.token, ms: ms)
        }
      case 110..<121:
        // One that has ended is used again now and then.
        guard !held.isEmpty else { break }
        let (key, token) = held[random.below(held.count)]
        if random.chance(80) { held.removeAll { $0.token == token } }
        let ttl = UInt64(1 + random.below(100))
        switch random.below(5) {
        case 0:
          let retry = UInt64(random.below(60))
          cache.abandon(key, retryMs: retry, token: token)
          model.abandon(key, retryMs: retry, token: token)
        case 1:
          #expect(
            cache.fulfillAbsent(key, ttlMs: ttl, token: token)
              == model.fulfill(key, nil, ttl: ttl, staleMs: 0, token: token), context)
        default:
          let (value, stale) = ([UInt8](repeating: 9, count: step % 90), random.below(100))
          #expect(
            cache.fulfill(key, value, ttlMs: ttl, staleMs: UInt64(stale), token: token)
              == model.fulfill(key, value, ttl: ttl, staleMs: UInt64(stale), token: token), context)
        }
      case 121..<123:
        guard let (key, token) = held.last else { break }
        #expect(cache.stands(key, token) == (model.claim(key)?.token == token), context)
      default:
        let ms = UInt64(random.below(random.chance(5) ? 5000 : 40))
        cache.advance(ms: ms)
        model.now += ms
      }
      if step % 50 == 0 { cache.cache.checkInvariants() }
      let statistics = cache.cache.statistics()
      #expect(statistics.addsUp, context)
      #expect(Int(statistics.entries) == model.live.count, context)
      let windowed = model.entries.filter(model.isWindowed)
      #expect(Int(statistics.stale + statistics.absent) == windowed.count, context)
      #expect(Int(statistics.absent) == windowed.filter { $0.value == nil }.count, context)
    }
    cache.cache.checkInvariants()
  }
}

/// At the end of every test (TestCache.close), and wherever else it is of interest.
func expectStatisticsToAddUp(
  _ cache: TestCache, sourceLocation: SourceLocation = #_sourceLocation
) {
  let statistics = cache.cache.statistics()
  #expect(statistics.addsUp, "\(statistics)", sourceLocation: sourceLocation)
}
