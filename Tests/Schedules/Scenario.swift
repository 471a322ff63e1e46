import CacheCore
import SeededRandom

/// What a schedule is played on: a cache so small that everything happens to it
/// within a few calls, and what goes on around the keys that are recorded. All
/// of it, and every call, is told from the seed.
struct Scenario {
  /// Keys whose calls are recorded and checked.
  static let keyCount = 3

  let name: String
  var options: Options
  /// Opened with the options' bounds and then given these.
  var resizedTo: (entries: UInt64, size: UInt64)?
  /// Sizes of values that are no numbers.
  var sizes: ClosedRange<Int> = 8...60
  /// Other keys, which come and go.
  var fillerCount = 8
  /// Of them set, one after another, when one is to be.
  var burst = 1
  var fillsUp = false
  /// Whether most calls on the recorded keys only read.
  var isReadMostly = false
  var hasLifetimes = false
  /// Whether most calls are about claims.
  var hasClaims = false

  var isNoEvict: Bool { options.flags & Options.noEvict != 0 }
  var reportsRemovals: Bool { options.flags & Options.reportRemovals != 0 }
  /// Whether an entry may go though nobody deleted it.
  var mayEvict: Bool { !isNoEvict && name != "growth" }

  private init(
    _ name: String, _ policy: UInt32, flags: UInt32 = 0, shards: UInt32 = 1, entries: UInt64 = 0,
    size: UInt64 = 0, ttiMs: UInt64 = 0
  ) {
    self.name = name
    options = Options(
      policy: policy, flags: flags | Options.manualClock, shardCount: shards, maxEntries: entries,
      maxBytes: size, defaultTtiMs: ttiMs)
  }

  /// One of these, varied.
  static func from(_ random: inout Random) -> Scenario {
    let policy = random.chance(50) ? Options.policyLRU : Options.policyAdaptive
    var scenario: Scenario
    switch random.below(11) {
    case 0:
      scenario = Scenario("entries", policy, entries: UInt64(2 + random.below(8)))
    case 1:
      scenario = Scenario("idle", policy, entries: 6, ttiMs: 20)
    case 2, 3:
      // Blocks of pages: what does not fit must be moved or forgotten.
      let size = UInt64(64 << 10 + random.below(64 << 10))
      scenario = Scenario("bytes", policy, size: size)
      scenario.sizes = [8...4000, 1500...9000, 8...16000][random.below(3)]
      scenario.fillerCount = 20
      scenario.fillsUp = true
    case 4:
      scenario = Scenario("full", policy, flags: Options.noEvict, size: 64 << 10)
      scenario.sizes = random.chance(50) ? 3000...3000 : 500...6000
      scenario.fillerCount = 20
      scenario.fillsUp = true
    case 5:
      scenario = Scenario("full of entries", policy, flags: Options.noEvict, entries: 5)
      scenario.sizes = 16...16
      scenario.fillerCount = 4
      scenario.fillsUp = random.chance(50)
    case 6, 7:
      // One bucket to begin with: it splits, and contracts, within a few calls.
      scenario = Scenario("growth", policy, entries: 2)
      scenario.resizedTo = (1000, 0)
      scenario.fillerCount = 60
      scenario.burst = 12
      scenario.isReadMostly = true
    case 8:
      scenario = Scenario("shards", policy, shards: 2, entries: 40, size: 256 << 10)
      scenario.sizes = 100...30_000
      scenario.fillerCount = 20
      scenario.fillsUp = true
    case 9:
      // Most are stored in two steps: another shard gives up an entry in between.
      scenario = Scenario("few entries", policy, shards: 4, entries: UInt64(2 + random.below(3)))
      scenario.fillerCount = 4
    default:
      scenario = Scenario("removals", policy, flags: Options.reportRemovals, size: 80 << 10)
      scenario.sizes = 8...9000
      scenario.fillerCount = 20
      scenario.fillsUp = true
    }
    scenario.hasClaims = random.chance(60)
    scenario.hasLifetimes = random.chance(scenario.hasClaims ? 85 : 60)
    scenario.options.hashSeed = random.next() | 1
    return scenario
  }
}

/// Values that say which they are, so that a torn, older or foreign one shows:
/// numbers as text, for increments, and others as eight bytes again and again.
enum Value {
  static let notANumber: UInt64 = 1 << 63

  static func bytes(_ value: UInt64, sizes: ClosedRange<Int>) -> [UInt8] {
    guard value & notANumber != 0 else { return Array(String(value).utf8) }
    var random = Random(seed: value)
    let size = sizes.lowerBound + random.below(sizes.count)
    // Every other word is zero: what somebody takes for the header of an entry
    // that is no longer there, and marks as used, is one that is small.
    var bytes = [UInt8](repeating: 0, count: max(size, 8))
    for i in bytes.indices where i % 16 < 8 {
      bytes[i] = UInt8(truncatingIfNeeded: value >> UInt64(56 - i % 8 * 8))
    }
    return bytes
  }

  /// nil if it is none, or not whole.
  static func value(_ bytes: [UInt8], sizes: ClosedRange<Int>) -> UInt64? {
    guard let first = bytes.first else { return nil }
    if first & 0x80 == 0 {
      return Decimal.parse(bytes: bytes).map { UInt64(bitPattern: $0) }
    }
    guard bytes.count >= 8 else { return nil }
    let value = bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return bytes == self.bytes(value, sizes: sizes) ? value : nil
  }
}

extension Decimal {
  fileprivate static func parse(bytes: [UInt8]) -> Int64? {
    bytes.withUnsafeBytes { Decimal.parse($0) }
  }
}
