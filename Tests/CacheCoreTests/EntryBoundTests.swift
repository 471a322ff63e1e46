import CacheCore
import Testing

/// Few entries, more shards, and entries that are in the way.
@Suite struct EntryBoundTests {
  /// A shard that has nothing to forget gets its entry from another.
  @Test(arguments: [Options.policyLRU, Options.policyAdaptive])
  func anEntryFromAnotherShard(policy: UInt32) throws {
    let cache = try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.manualClock, shardCount: 8, maxEntries: 2, hashSeed: 1)))
    defer { cache.close() }
    for i in 0..<200 {
      #expect(cache.set(bytes("key \(i)"), bytes("v")) == .ok)
      #expect(cache.contains(bytes("key \(i)")))
      #expect(cache.cache.count() <= 2)
    }
    #expect(cache.cache.count() == 2)
    #expect(cache.cache.statistics().evictions == 198)
    cache.cache.checkInvariants()
    expectStatisticsToAddUp(cache)
  }

  /// Where nothing may be forgotten, what has expired elsewhere makes room.
  @Test func anExpiredEntryOfAnotherShard() throws {
    let cache = try #require(
      TestCache(
        Options(
          flags: Options.manualClock | Options.noEvict, shardCount: 8, maxEntries: 20,
          hashSeed: 1)))
    defer { cache.close() }
    for i in 0..<20 { #expect(cache.set(bytes("old \(i)"), bytes("v"), ttlMs: 10) == .ok) }
    #expect(cache.set(bytes("new"), bytes("v")) == .full)
    cache.advance(ms: 10)
    for i in 0..<20 { #expect(cache.set(bytes("new \(i)"), bytes("v")) == .ok) }
    #expect(cache.set(bytes("new"), bytes("v")) == .full)
    #expect(cache.cache.count() == 20)
    cache.cache.checkInvariants()
    expectStatisticsToAddUp(cache)
  }

  /// More shards than the memory is enough for are not made.
  @Test func aSmallBoundHasFewShards() throws {
    let cache = try #require(
      TestCache(Options(shardCount: 256, maxBytes: Options.maxBytesMin)))
    defer { cache.close() }
    #expect(cache.cache.statistics().shardCount == 1)
    #expect(cache.set(bytes("key"), bytes("value")) == .ok)
  }

  /// A full no-evict cache writes over a value in place, but not while it is lent.
  @Test func aLentValueIsNotWrittenOver() throws {
    let cache = try #require(
      TestCache(
        Options(flags: Options.noEvict, shardCount: 1, maxBytes: 256 << 10, hashSeed: 1)))
    defer { cache.close() }
    let (key, old) = (bytes("key"), [UInt8](repeating: 1, count: 20_000))
    #expect(cache.set(key, old) == .ok)
    var filler = 0
    for size in [20_000, 1000, 10] {
      while cache.set(bytes("filler \(filler)"), [UInt8](repeating: 0, count: size)) == .ok {
        filler += 1
      }
    }
    let lease = try #require(cache.acquire(key))
    #expect(cache.set(key, [UInt8](repeating: 2, count: 20_000)) == .full)
    #expect(Array(lease.value) == old && cache.get(key) == old)
    cache.cache.release(ticket: lease.ticket)
    #expect(cache.set(key, [UInt8](repeating: 3, count: 20_000)) == .ok)
    #expect(cache.get(key)?.first == 3)
    cache.cache.checkInvariants()
  }

  /// A value that is lent as often as can be cannot wait to be reported as well.
  @Test func aRemovalThatCannotWaitIsLost() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.reportRemovals, shardCount: 1, maxEntries: 10)))
    defer { cache.close() }
    _ = cache.set(bytes("key"), bytes("value"))
    var leases: [Cache.Lease] = []
    while let lease = cache.acquire(bytes("key")) { leases.append(lease) }
    #expect(leases.count == Int(Entry.leasesMax))
    #expect(cache.delete(bytes("key")))
    #expect(cache.cache.statistics().removalsLost == 1)
    for lease in leases { cache.cache.release(ticket: lease.ticket) }
    #expect(try cache.cache.shard(0).arena.checkInvariants() == 0)
    cache.cache.checkInvariants()
  }
}
