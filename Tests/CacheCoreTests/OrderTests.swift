import CacheCore
import SeededRandom
import Testing

/// The order of forgetting inside a shard, and that evicting leaves everything sound.
@Suite struct OrderTests {
  private func open(policy: UInt32, maxBytes: UInt64 = 0) throws -> TestCache {
    try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.manualClock, shardCount: 1,
          maxEntries: maxBytes == 0 ? 200 : 0, maxBytes: maxBytes, hashSeed: 1)))
  }

  private func walk(_ shard: Shard, _ order: EvictionOrder) -> [Ref] {
    var refs: [Ref] = []
    var next = shard.firstLive(in: order, at: 0)
    while let standing = next {
      refs.append(standing.ref)
      next = shard.firstLive(in: order, after: standing.ref, at: 0)
    }
    return refs
  }

  /// Access records say in which slot an entry was found; a table that doubles has it
  /// elsewhere, and the use counts all the same.
  @Test func usesCountWhereSlotsHaveMoved() throws {
    let cache = try open(policy: Options.policyLRU, maxBytes: 4 << 20)
    defer { cache.close() }
    let shard = cache.cache.shard(0)
    let keys = (0..<1000).map { bytes("key \($0)") }
    for key in keys { _ = cache.set(key, key) }
    let used = stride(from: 0, to: 900, by: 30).map { keys[$0] }
    for key in used { #expect(cache.get(key) != nil) }
    for _ in 0..<shard.index.bucketCount {
      let growth = shard.index.grow { shard.hash(of: $0).forIndex }
      #expect(growth == .done)
    }
    shard.drainAllReads()
    let hottest = Array(walk(shard, .hottest).prefix(used.count))
    #expect(hottest == used.reversed().map { cache.ref($0) })
    cache.cache.checkInvariants()
  }

  @Test(arguments: [Options.policyLRU, Options.policyAdaptive], [UInt64(0), 1 << 20])
  func everyEntryOnceAndGroupAfterGroup(policy: UInt32, maxBytes: UInt64) throws {
    let cache = try open(policy: policy, maxBytes: maxBytes)
    defer { cache.close() }
    let shard = cache.cache.shard(0)
    let seed = UInt64.random(in: 1 ... .max)
    print("seed \(seed)")
    var random = Random(seed: seed)
    for step in 0..<5000 {
      cache.advance(ms: 1)
      let key = bytes("key \(min(Int.random(in: 0..<400, using: &random), step))")
      if cache.get(key) == nil {
        _ = cache.set(key, bytes(String(repeating: "v", count: step % 3000)))
      }
    }
    shard.drainAllReads()
    let coldest = walk(shard, .coldest)
    #expect(coldest.reversed() == walk(shard, .hottest))
    #expect(Set(coldest).count == coldest.count)
    #expect(UInt64(coldest.count) == shard.counters.pointee.entries)
    let groups = coldest.map { shard.policy.group(of: $0) }
    #expect(groups == groups.sorted())
    // The adaptive policy may have but one as well: while it is LRU.
    if policy == Options.policyLRU { #expect(Set(groups).count == 1) }
    if policy == Options.policyLRU {
      let uses = coldest.map { shard.entry($0).access.lastUsed }
      #expect(uses == uses.sorted())
    }
    var removed: UInt64 = 0
    let half = coldest.count / 2
    #expect(cache.cache.evict(UInt64(half), removed: &removed) == .ok)
    #expect(removed == UInt64(half))
    cache.cache.checkInvariants()
    if policy == Options.policyLRU { #expect(walk(shard, .coldest) == Array(coldest[half...])) }
  }
}
