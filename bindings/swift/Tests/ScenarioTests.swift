// The steps of bindings/scenarios.txt, whose head explains them.
import Cachecore
import Foundation
import Testing

private typealias Word = [UInt8]

/// A scenario's name, and its steps with the numbers of their lines.
struct Scenario: Sendable, CustomTestStringConvertible {
  var name: String
  var steps: [(line: Int, text: String)] = []
  var testDescription: String { name }

  static let all: [Scenario] = {
    let path =
      ProcessInfo.processInfo.environment["CACHECORE_SCENARIOS"] ?? "bindings/scenarios.txt"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    var all: [Scenario] = []
    for (i, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.isEmpty || line.hasPrefix("#") { continue }
      if line.hasPrefix("scenario ") {
        all.append(Scenario(name: String(line.dropFirst(9))))
      } else {
        all[all.count - 1].steps.append((i + 1, String(line)))
      }
    }
    return all
  }()
}

/// The bytes of a word.
private func word(_ escaped: Substring) -> Word {
  if escaped == "\"\"" { return [] }
  var (text, times) = (escaped, 1)
  if let star = escaped.lastIndex(of: "*") {
    times = Int(escaped[escaped.index(after: star)...])!
    text = escaped[..<star]
  }
  var once: Word = []
  while let character = text.first {
    if character == "\\" {
      once.append(UInt8(text.dropFirst(2).prefix(2), radix: 16)!)
      text = text.dropFirst(4)
    } else {
      once += Array(String(character).utf8)
      text = text.dropFirst()
    }
  }
  return Array(repeatElement(once, count: times).joined())
}

private func text(_ word: Word) -> String { String(decoding: word, as: UTF8.self) }
private func number(_ word: Word) -> Int64 { Int64(text(word))! }
private func ms(_ word: Word) -> Duration { .milliseconds(number(word)) }
private func bytes(_ text: String) -> Word { Array(text.utf8) }
private let ok = [bytes("ok")]
private let miss = [bytes("miss")]
private func ok(_ number: some BinaryInteger) -> [Word] { ok + [bytes("\(number)")] }
private func found(_ isThere: Bool) -> [Word] { isThere ? ok : miss }
private func found(_ value: Word?) -> [Word] { value.map { ok + [$0] } ?? miss }

private func lifetime(_ word: Word) -> Lifetime {
  switch text(word) {
  case "default": .byDefault
  case "never": .never
  case "keep": .keep
  default: .after(ms(word))
  }
}

private func whole(_ duration: Duration) -> Int64 {
  duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
}

private func left(_ time: TimeLeft) -> Word {
  switch time {
  case .forever: bytes("never")
  case .limited(let duration): bytes("\(whole(duration))")
  }
}

private func name(_ error: CacheError) -> Word {
  let names: [CacheError.Code: String] = [
    .refused: "refused", .argument: "e_argument", .noMemory: "e_no_memory", .full: "e_full",
    .state: "e_state", .timeout: "e_timeout", .type: "e_type", .range: "e_range",
    .layout: "e_layout", .access: "e_access",
  ]
  return bytes(names[error.code] ?? "another error")
}

/// A value that can be in a dictionary.
private final class Loan {
  var value: BorrowedValue?
  init(_ value: consuming BorrowedValue) { self.value = consume value }
  func bytes() -> Word {
    guard let value = value.take() else { return [] }
    let bytes = value.withUnsafeBytes { Word($0) }
    self.value = consume value
    return bytes
  }
}

/// One scenario: its caches, and what its steps keep under names.
private final class Run {
  typealias ByteCache = Cache<Word, Word>
  let folder: String
  var caches: [Word: ByteCache] = [:]
  var used: Word = []
  var versions: [Word: UInt64] = [:]
  var loans: [Word: Loan] = [:]
  var claims: [Word: Claim<Word, Word>] = [:]

  init() {
    folder = FileManager.default.temporaryDirectory.path + "/cachecore-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
  }

  deinit {
    claims = [:]
    caches = [:]
    try? FileManager.default.removeItem(atPath: folder)
  }

  var cache: ByteCache { caches[used]! }

  /// The words that the call answered.
  func step(_ verb: String, _ given: [Word]) -> [Word] {
    do {
      return try answer(verb, given)
    } catch let error as CacheError {
      return [name(error)]
    } catch {
      return [bytes("\(error)")]
    }
  }

  func open(_ given: [Word]) throws -> [Word] {
    var options = CacheOptions()
    var shared: String?
    for option in given.dropFirst().map(text) {
      let parts = option.split(separator: "=")
      let value = parts.count > 1 ? bytes(String(parts[1])) : []
      switch parts[0] {
      case "max_entries": options.maxEntries = UInt64(number(value))
      case "max_bytes": options.maxBytes = UInt64(number(value))
      case "default_ttl_ms": options.defaultLifetime = lifetime(value)
      case "default_tti_ms": options.timeToIdle = ms(value)
      case "shard_count": options.shardCount = UInt32(number(value))
      case "policy": options.policy = text(value) == "lru" ? .leastRecentlyUsed : .adaptive
      case "no_evict": options.isNoEvict = true
      case "manual_clock": options.hasManualClock = true
      case "report_removals": options.reportsRemovals = true
      case "shared": shared = folder + "/" + text(value)
      default: return [bytes("no option \(option)")]
      }
    }
    caches[given[0]] =
      try shared.map { try ByteCache(sharedAt: $0, options) } ?? ByteCache(options)
    used = given[0]
    return ok
  }

  func claim(_ w: [Word]) throws -> [Word] {
    let (answer, claim) = try cache.getOrClaim(w[0])
    claims[w[1]] = claim
    var told: [Word]
    switch answer {
    case .fresh(let value): told = ok + [value]
    case .stale(let value): told = [bytes("stale"), value]
    case .absent: told = [bytes("absent")]
    case .claimed: told = [bytes("claimed")]
    case .pending: told = [bytes("pending")]
    }
    if claim.isHeld { told.append(bytes("held")) }
    return told
  }

  func answer(_ verb: String, _ w: [Word]) throws -> [Word] {
    switch verb {
    case "open": return try open(w)
    case "use": used = w[0]
    case "close": cache.close()
    case "set": try cache.set(w[0], w[1], lifetime: lifetime(w[2]))
    case "add":
      return try cache.add(w[0], w[1], lifetime: lifetime(w[2])) ? ok : [bytes("exists")]
    case "replace": return found(try cache.replace(w[0], w[1], lifetime: lifetime(w[2])))
    case "get": return found(try cache.get(w[0]))
    case "peek": return found(try cache.peek(w[0]))
    case "contains": return found(try cache.contains(w[0]))
    case "delete": return found(try cache.remove(w[0]))
    case "touch": return found(try cache.touch(w[0], lifetime: lifetime(w[1])))
    case "ttl": return try cache.timeLeft(w[0]).map { ok + [left($0)] } ?? miss
    case "inspect":
      guard let info = try cache.inspect(w[0]) else { return miss }
      return ok(info.valueSize) + [left(info.timeLeft), bytes("\(whole(info.age))")]
    case "increment":
      return ok(
        try cache.increment(
          w[0], by: number(w[1]), initial: number(w[2]), lifetime: lifetime(w[3])))
    case "get_with_info":
      guard let (value, info) = try cache.getWithInfo(w[0]) else { return miss }
      versions[w[1]] = info.version
      return ok + [value, left(info.timeLeft)]
    case "compare_and_set":
      let ended = try cache.compareAndSet(
        w[0], w[1], version: versions[w[2]]!, lifetime: lifetime(w[3]))
      return [bytes(ended == .stored ? "ok" : ended == .conflict ? "conflict" : "miss")]
    case "acquire":
      guard let lent = try cache.acquire(w[0]) else { return miss }
      loans[w[1]] = Loan(lent)
    case "borrowed": return ok + [loans[w[0]]!.bytes()]
    case "release": loans[w[0]] = nil
    case "set_many":
      let pairs = stride(from: 1, to: w.count, by: 2).map { (key: w[$0], value: w[$0 + 1]) }
      try cache.setMany(pairs, lifetime: lifetime(w[0]))
    case "get_many": return ok + (try cache.getMany(w)).flatMap(found)
    case "delete_many": return ok(try cache.removeMany(w))
    case "count": return ok(cache.count)
    case "clear": try cache.removeAll()
    case "delete_prefix": return ok(try cache.removeAll(prefix: w[0]))
    case "scan":
      return ok + (try cache.keys(prefix: w[0])).sorted { $0.lexicographicallyPrecedes($1) }
    case "scan_values":
      let entries = try cache.entries(prefix: w[0])
      return ok
        + entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap {
          [$0.key, $0.value]
        }
    case "coldest": return ok + (try cache.coldest(Int(number(w[0]))))
    case "hottest": return ok + (try cache.hottest(Int(number(w[0]))))
    case "evict": return ok(try cache.evict(Int(number(w[0]))))
    case "cleanup_expired": return ok(try cache.cleanUpExpired())
    case "resize":
      try cache.resize(maxEntries: UInt64(number(w[0])), maxBytes: UInt64(number(w[1])))
    case "stats": return ok(try cache.statistics()[text(w[0])]!)
    case "reset_stats": try cache.resetStatistics()
    case "take_removals":
      return ok
        + (try cache.takeRemovals()).flatMap { [$0.key, $0.value, bytes("\($0.cause)")] }
    case "advance": try cache.advanceClock(by: ms(w[0]))
    case "save": return ok(try cache.save(to: folder + "/" + text(w[0])))
    case "load": return ok(try cache.load(from: folder + "/" + text(w[0])))
    case "shared_info":
      let info = try cache.sharedInfo()
      return ok(text(w[0]) == "processes" ? info.processes : info.isWarm ? 1 : 0)
    case "sweeper_start": try cache.startSweeper(interval: ms(w[0]))
    case "sweeper_trigger": return ok(try cache.triggerSweeper())
    case "sweeper_stop": try cache.stopSweeper()
    case "get_or_claim": return try claim(w)
    case "claim_wait": return try claims[w[0]]!.wait(for: ms(w[1])) ? ok : [bytes("e_timeout")]
    case "fulfill":
      let isStored = try claims[w[0]]!.fulfill(w[1], lifetime: lifetime(w[2]), stale: ms(w[3]))
      return isStored ? ok : [bytes("conflict")]
    case "fulfill_absent":
      let isStored = try claims[w[0]]!.fulfillAbsent(lifetime: lifetime(w[1]))
      return isStored ? ok : [bytes("conflict")]
    case "abandon": try claims[w[0]]!.abandon(retry: ms(w[1]))
    default: return [bytes("no verb \(verb)")]
    }
    return ok
  }
}

@Suite struct ScenarioTests {
  @Test func thereAreScenarios() { #expect(Scenario.all.count >= 24) }

  @Test(arguments: Scenario.all)
  func steps(of scenario: Scenario) {
    let run = Run()
    for (line, step) in scenario.steps {
      let words = step.split(separator: " ")
      let equals = words.firstIndex(of: "=")!
      let expected = words[(equals + 1)...].map(word)
      let answer = run.step(String(words[0]), words[1..<equals].map(word))
      #expect(answer == expected, "line \(line): \(step)")
      if answer != expected { return }
    }
  }
}
