import CacheCore
import Testing

/// Each holds one bug that was found by review or from outside.
@Suite struct RegressionTests {
  private static let policies = [Options.policyLRU, Options.policyAdaptive]

  /// Writing a value in place forgot which list the entry was in.
  @Test(arguments: policies)
  func aFullNoEvictCacheUpdatesInPlace(policy: UInt32) throws {
    let cache = try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.noEvict | Options.manualClock, shardCount: 1,
          maxBytes: 64 << 10)))
    defer { cache.close() }
    var stored = 0
    while cache.set(bytes("\(stored)"), [UInt8](repeating: 1, count: 500)) == .ok { stored += 1 }
    for i in 0..<stored {
      #expect(cache.set(bytes("\(i)"), [UInt8](repeating: 2, count: 500)) == .ok)
    }
    cache.cache.checkInvariants()
    for i in 0..<stored { #expect(cache.delete(bytes("\(i)"))) }
    cache.cache.checkInvariants()
  }

  /// Sizes were added as entries and subtracted as bytes.
  @Test(arguments: policies)
  func aBoundChangesItsKind(policy: UInt32) throws {
    let cache = try #require(
      TestCache(
        Options(policy: policy, flags: Options.manualClock, shardCount: 1, maxEntries: 1000)))
    defer { cache.close() }
    for round in 0..<4 {
      for i in 0..<3000 {
        #expect(cache.set(bytes("\(i)"), [UInt8](repeating: 1, count: i % 200)) == .ok)
        if i % 3 == 0 { _ = cache.get(bytes("\(i / 2)")) }
      }
      cache.cache.checkInvariants()
      let isByBytes = round % 2 == 0
      #expect(
        cache.cache.resize(maxEntries: isByBytes ? 0 : 1000, maxBytes: isByBytes ? 1 << 20 : 0)
          == .ok)
    }
    cache.cache.clear()
    cache.cache.checkInvariants()
  }

  /// A smaller bound forgot everything, since the index kept its size.
  @Test(arguments: policies)
  func aMuchSmallerBoundKeepsWhatFits(policy: UInt32) throws {
    let cache = try #require(
      TestCache(
        Options(policy: policy, flags: Options.manualClock, shardCount: 1, maxBytes: 8 << 20)))
    defer { cache.close() }
    for i in 0..<150_000 { #expect(cache.set(bytes("\(i)"), bytes("v")) == .ok) }
    #expect(cache.cache.resize(maxEntries: 0, maxBytes: 1 << 20) == .ok)
    #expect(cache.cache.region.pagesUsed.relaxed * 4096 <= 1 << 20)
    #expect(cache.cache.count() > 1000)
    cache.cache.checkInvariants()
    for i in 0..<1000 { #expect(cache.set(bytes("new \(i)"), bytes("v")) == .ok) }
    cache.cache.checkInvariants()
  }

  /// The index, and other shards, could not have what a no-evict cache freed.
  @Test(arguments: [1, 4])
  func aNoEvictCacheUsesFreedMemoryForAnything(shards: Int) throws {
    let cache = try #require(
      TestCache(
        Options(
          flags: Options.noEvict | Options.manualClock, shardCount: UInt32(shards),
          maxBytes: 4 << 20)))
    defer { cache.close() }
    let large = [UInt8](repeating: 1, count: 3 << 20)
    #expect(cache.set(bytes("large"), large) == .ok)
    #expect(cache.delete(bytes("large")))
    for i in 0..<20_000 { #expect(cache.set(bytes("\(i)"), bytes("v")) == .ok) }
    cache.cache.checkInvariants()
  }

  /// Chains as long as an adversary with the seed can make them: everything is
  /// still found.
  @Test func longChainsAreFollowedToTheirEnd() throws {
    let (key0, key1) = KeyHash.keys(seed: 1)
    let hash = KeyHash(key0: key0, key1: key1)
    let cache = try #require(
      TestCache(
        Options(flags: Options.manualClock, shardCount: 1, maxEntries: 2000, hashSeed: 1)))
    defer { cache.close() }
    // Keys of one bucket, whatever the size of the table will be.
    var colliding: [[UInt8]] = []
    var number = 0
    while colliding.count < 900 {
      number += 1
      let key = bytes("key \(number)")
      let parts = HashParts(key.withUnsafeBytes { hash($0) })
      if parts.forIndex >> 28 == 3, parts.forIndex & 0xF == 5 { colliding.append(key) }
    }
    for key in colliding { #expect(cache.set(key, key) == .ok) }
    for key in colliding { #expect(cache.get(key) == key) }
    #expect(Set(cache.scan(capacity: 1 << 16)) == Set(colliding))
    for key in colliding { #expect(cache.set(key, bytes("again")) == .ok) }
    #expect(cache.cache.count() == 900)
    cache.cache.checkInvariants()
    cache.cache.clear()
    cache.cache.checkInvariants()
  }

  /// One page for the index dropped every removal that waited.
  @Test func removalsAreNotDroppedWithoutNeed() throws {
    let cache = try #require(
      TestCache(
        Options(
          flags: Options.manualClock | Options.reportRemovals, shardCount: 1, maxBytes: 4 << 20)))
    defer { cache.close() }
    for i in 0..<4000 { _ = cache.set(bytes("\(i)"), [UInt8](repeating: 1, count: 400)) }
    for i in 0..<4000 { _ = cache.delete(bytes("\(i)")) }
    var before = cache.cache.statistics().removalsLost
    for i in 0..<4000 {
      _ = cache.set(bytes("new \(i)"), [UInt8](repeating: 1, count: 400))
      let lost = cache.cache.statistics().removalsLost
      #expect(lost - before < 100, "one write dropped \(lost - before)")
      before = lost
    }
  }

  /// A reader whose clock was behind revived an entry that was marked expired.
  @Test func aRevivedEntryIsNotRemoved() throws {
    let cache = try #require(
      TestCache(
        Options(flags: Options.manualClock, shardCount: 1, maxEntries: 100, defaultTtiMs: 50)))
    defer { cache.close() }
    _ = cache.set(bytes("a"), bytes("v"))
    cache.advance(ms: 60)
    #expect(cache.cache.backlog() == 1)
    // What such a reader does.
    let shard = cache.cache.shard(0)
    let parts = HashParts(bytes("a").withUnsafeBytes { shard.keyHash($0) })
    let slot = try #require(bytes("a").withUnsafeBytes { shard.find(parts, $0) })
    shard.setLastUsed(slot.ref, at: cache.cache.clock.coarse)
    #expect(cache.cleanup() == 0)
    #expect(cache.get(bytes("a")) == bytes("v"))
    #expect(cache.cache.count() == 1)
    cache.cache.checkInvariants()
    cache.advance(ms: 60)
    #expect(cache.cleanup() == 1)
    cache.cache.checkInvariants()
  }

  /// Growing and contracting, over and over.
  @Test func theIndexFollowsTheEntries() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxBytes: 64 << 20)))
    defer { cache.close() }
    var number = 0
    for count in [30_000, 300, 20_000, 10, 40_000] {
      while cache.cache.count() < UInt64(count) {
        number += 1
        _ = cache.set(bytes("\(number)"), bytes("\(number)"), ttlMs: number % 100 == 0 ? 0 : 1000)
      }
      cache.cache.checkInvariants()
      cache.advance(ms: 1000)
      _ = cache.cleanup()
      cache.cache.checkInvariants()
      for i in stride(from: 100, through: number, by: 100) {
        #expect(cache.get(bytes("\(i)")) == bytes("\(i)"))
      }
    }
  }

  /// A smaller bound forgot what had just been read.
  @Test func resizingCountsTheLastReads() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxEntries: 3)))
    defer { cache.close() }
    for key in ["a", "b", "c"] { _ = cache.set(bytes(key), bytes("v")) }
    _ = cache.get(bytes("a"))
    #expect(cache.cache.resize(maxEntries: 1, maxBytes: 0) == .ok)
    #expect(cache.contains(bytes("a")))
  }

  /// A fresh cache took its first reader for one of several, and lost the order
  /// of what it read.
  @Test(arguments: [UInt32(0), Options.manualClock])
  func manyReadsInARowAreExact(clock: UInt32) throws {
    let count = 1000
    let cache = try #require(
      TestCache(Options(flags: clock, shardCount: 1, maxEntries: UInt64(count), hashSeed: 1)))
    defer { cache.close() }
    for i in 0..<count { _ = cache.set(bytes("\(i)"), bytes("v")) }
    // Every entry once, in an order of its own, without a write between.
    let order = (0..<count).map { $0 * 617 % count }
    for i in order { #expect(cache.get(bytes("\(i)")) != nil) }
    for (number, i) in order.enumerated() {
      _ = cache.set(bytes("new \(number)"), bytes("v"))
      #expect(!cache.contains(bytes("\(i)")))
    }
  }

  /// A donor whose end came down by expiry alone, farther than asked, trapped.
  @Test func aDonorGivesUpWhatHasExpired() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxBytes: 4 << 20)))
    defer { cache.close() }
    for i in 0..<10_000 { _ = cache.set(bytes("\(i)"), bytes("value"), ttlMs: 10) }
    cache.advance(ms: 10)
    let shard = cache.cache.shard(0)
    let given = shard.withLock { shard.surrender(pageCount: 1, at: cache.cache.clock.coarse) } ?? 0
    #expect(given >= 1)
    cache.cache.checkInvariants()
    #expect(cache.cache.statistics().evictions == 0)
  }
}
