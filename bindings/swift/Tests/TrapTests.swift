// What only Swift can get wrong: ends of life, types, tasks.
import Cachecore
import Foundation
import Synchronization
import Testing

/// A user's own type.
private struct Point: CacheBytes, Equatable {
  var (x, y): (Int64, Int64)

  init(x: Int64, y: Int64) { (self.x, self.y) = (x, y) }
  init?(cacheBytes: UnsafeRawBufferPointer) {
    guard cacheBytes.count == 16 else { return nil }
    x = cacheBytes.loadUnaligned(as: Int64.self)
    y = cacheBytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)
  }
  func withCacheBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(of: (x, y), body)
  }

  static func == (a: Point, b: Point) -> Bool { a.x == b.x && a.y == b.y }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func add() { count.wrappingAdd(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}

private func small() throws -> Cache<String, String> {
  var options = CacheOptions(maxEntries: 1000)
  options.hasManualClock = true
  return try Cache(options)
}

@Suite struct TrapTests {
  @Test func typesOfTheUser() throws {
    let cache = try Cache<String, Point>(CacheOptions(maxEntries: 10))
    try cache.set("p", Point(x: 1, y: -2))
    #expect(try cache.get("p") == Point(x: 1, y: -2))
    #expect(try cache.getMany(["p", "q"]) == [Point(x: 1, y: -2), nil])
  }

  @Test func bytesThatAreNoValue() throws {
    let path = FileManager.default.temporaryDirectory.path + "/cachecore-swift-\(getpid())"
    defer { unlink(path) }
    let raw = try Cache<String, [UInt8]>(sharedAt: path, CacheOptions(maxEntries: 10))
    let text = try Cache<String, String>(sharedAt: path, CacheOptions(maxEntries: 10))
    try raw.set("k", [0xff, 0xfe])
    #expect(try text.get("k") == nil)
    #expect(try text.contains("k"))
    #expect(throws: CacheError.self) { _ = try text.getOrClaim("k") }
    try raw.set("k", Array("schön".utf8))
    #expect(try text.get("k") == "schön")
  }

  @Test func errorsSayWhatTheyAre() throws {
    do {
      _ = try Cache<String, String>(CacheOptions())
      Issue.record("a cache without a bound")
    } catch let error {  // typed: a CacheError
      #expect(error.code == .argument)
      #expect(error.description.contains("max_entries"))
    }
    let cache = try small()
    #expect(throws: CacheError.self) { try cache.set("k", "v", lifetime: .after(.zero)) }
    #expect(throws: CacheError.self) { try cache.set("k", "v", lifetime: .after(.seconds(-1))) }
    #expect(throws: CacheError.self) { try cache.set("", "v") }
    cache.close()
    do {
      _ = try cache.get("k")
      Issue.record("a closed cache")
    } catch let error {
      #expect(error.code == .state)
    }
  }

  @Test func lifetimesAreRoundedUp() throws {
    let cache = try small()
    try cache.set("k", "v", lifetime: .after(.microseconds(1)))
    #expect(try cache.timeLeft("k") == .limited(.milliseconds(1)))
    try cache.set("k", "v", lifetime: .after(.seconds(Int64.max)))
    #expect(try cache.contains("k"))
    try cache.set("k", "v", lifetime: .never)
    #expect(try cache.timeLeft("k") == .forever)
  }

  @Test func borrowedValuesOutliveTheirCache() throws {
    var lent: BorrowedValue?
    do {
      let cache = try small()
      try cache.set("k", String(repeating: "x", count: 10_000))
      lent = try cache.acquire("k")
      try cache.remove("k")
    }
    guard let value = lent.take() else {
      Issue.record("nothing was lent")
      return
    }
    let isWhole = value.withUnsafeBytes { $0.allSatisfy { $0 == UInt8(ascii: "x") } }
    #expect(value.count == 10_000 && isWhole)
    value.release()
  }

  /// 4095 loans at most of one entry: more fit one after another only if each ends.
  @Test func borrowedValuesEndWithTheirScope() throws {
    let cache = try small()
    try cache.set("k", "v")
    for _ in 0..<10_000 {
      guard let lent = try cache.acquire("k") else {
        Issue.record("nothing was lent")
        return
      }
      #expect(lent.count == 1)
    }
  }

  @Test(arguments: [0, 1, 511, 512, 513, 100_000])
  func valuesAreCountedOnce(size: Int) throws {
    let cache = try small()
    let value = String(repeating: "v", count: size)
    try cache.set("k", value)
    #expect(try cache.get("k") == value)
    #expect(try cache.peek("k") == value)
    #expect(try cache.getMany(["k"]) == [value])
    guard case .fresh(value) = try cache.getOrClaim("k").answer else {
      Issue.record("not fresh")
      return
    }
    #expect(try cache.statistics()["hits"] == 3)
  }

  @Test func oneTaskComputesForAll() async throws {
    let cache = try Cache<String, String>(CacheOptions(maxEntries: 100))
    let computed = Counter()
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<16 {
        group.addTask {
          try await cache.value(for: "k") { () async throws in
            computed.add()
            try await Task.sleep(for: .milliseconds(30))
            return "value"
          }
        }
      }
      for try await value in group { #expect(value == "value") }
    }
    #expect(computed.value == 1)
  }

  @Test func aCancelledTaskLeavesNoClaim() async throws {
    let cache = try Cache<String, String>(CacheOptions(maxEntries: 100))
    let task = Task {
      try await cache.value(for: "k") { () async throws in
        try await Task.sleep(for: .seconds(3600))
        return "never"
      }
    }
    while true {  // until it has the claim
      if case .pending = try cache.getOrClaim("k").answer { break }
      await Task.yield()
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let next = try await cache.value(for: "k") { () async throws in "second" }
    #expect(next == "second")
  }

  @Test func whatIsThrownPasses() throws {
    struct Failure: Error {}
    let cache = try small()
    #expect(throws: Failure.self) { try cache.value(for: "k") { throw Failure() } }
    #expect(try cache.value(for: "k") { "second" } == "second")
  }

  @Test func aDroppedClaimIsAbandoned() throws {
    let cache = try small()
    do {
      let (_, claim) = try cache.getOrClaim("k")
      #expect(claim.isHeld)
    }
    let (answer, claim) = try cache.getOrClaim("k")
    guard case .claimed = answer else {
      Issue.record("the claim stands")
      return
    }
    #expect(try claim.fulfill("v"))
    #expect(try !claim.fulfill("again"))
  }
}
