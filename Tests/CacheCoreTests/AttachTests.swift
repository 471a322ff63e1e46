import CPlatform
import CacheCore
import SeededRandom
import Testing

/// Regions that come from outside: what a cache makes of them.
@Suite struct AttachTests {
  private func filled(policy: UInt32, flags: UInt32 = 0) throws -> TestCache {
    let cache = try #require(
      TestCache(
        Options(
          policy: policy, flags: Options.manualClock | flags, shardCount: 1, maxEntries: 300,
          maxBytes: 256 << 10, hashSeed: 7)))
    for i in 0..<600 {
      _ = cache.set(
        bytes("key \(i)"), [UInt8](repeating: 1, count: i * 7 % 900), ttlMs: i % 3 == 0 ? 50 : 0)
    }
    cache.advance(ms: 60)
    _ = cache.cache.count()
    return cache
  }

  /// Everything a cache is for; broken invariants end the process.
  private func use(_ cache: Cache, _ random: inout Random) {
    let cache = TestCache(cache)
    for _ in 0..<200 {
      let key = bytes("key \(random.below(700))")
      switch random.below(8) {
      case 0..<3:
        let value = [UInt8](repeating: 2, count: random.below(2000))
        _ = cache.set(key, value, ttlMs: UInt64(random.below(100)))
      case 3, 4: _ = cache.get(key)
      case 5: _ = cache.delete(key)
      case 6: _ = cache.touch(key, ttlMs: 30)
      default:
        cache.advance(ms: UInt64(random.below(20)))
        _ = cache.cleanup(limit: 20)
      }
    }
    _ = cache.scan()
    _ = cache.cache.statistics()
    cache.cache.checkInvariants()
  }

  /// One wrong word anywhere in a region: it is refused, or harmless.
  @Test(arguments: [Options.policyLRU, Options.policyAdaptive])
  func aWrongWordIsRefusedOrHarmless(policy: UInt32) throws {
    let seed = UInt64.random(in: 1 ... .max)
    print("wrong words: seed \(seed)")
    var random = Random(seed: seed)
    let original = try filled(policy: policy)
    defer { original.close() }
    let geometry = original.cache.region.header.pointee.geometry
    let control = Geometry.headerSize
    // Where there is most to be wrong, and how much of it.
    let parts: [(offset: UInt64, size: Int)] = [
      (0, 192), (UInt64(control), Int(geometry.bucketsOffset)),
      (UInt64(control) + geometry.bucketsOffset, 4096),
      (UInt64(control) + geometry.overflowOffset, 256),
      (UInt64(control) + geometry.pagesOffset, 2048),
      (UInt64(control) + geometry.arenaOffset, 200 << 10),
    ]
    var refused = 0
    for _ in 0..<400 {
      let (base, size) = try copyOfRegion(of: original.cache)
      let part = parts[random.below(parts.count)]
      let word = base + Int(part.offset) + random.below(part.size / 4) * 4
      let before = word.load(as: UInt32.self)
      let after: UInt32 =
        switch random.below(4) {
        case 0: before ^ 1 << UInt32(random.below(32))
        case 1: before &+ 1
        case 2: 0
        default: UInt32(truncatingIfNeeded: random.next())
        }
      word.storeBytes(of: after, as: UInt32.self)
      if let cache = Cache.attach(Region(base: base), size: size) {
        use(cache, &random)
        cache.close()
      } else {
        refused += 1
        platform_unreserve(base, Int(size))
      }
    }
    #expect(refused > 0, "seed \(seed)")
  }

  /// Notes of readers may lead anywhere; nobody looks where that is.
  @Test func notesThatLeadNowhereAreForgotten() throws {
    let original = try filled(policy: Options.policyLRU)
    defer { original.close() }
    let (base, size) = try copyOfRegion(of: original.cache)
    let stripes = base + Geometry.headerSize + ShardLayout.stripes
    let count = Int(original.cache.region.header.pointee.geometry.stripeCount)
    for stripe in 0..<count {
      for note in 0..<Int(ReadStripe.ringCount) {
        (stripes + stripe * ReadStripe.size + 64 + 8 * note).storeBytes(
          of: UInt64.max - UInt64(note), as: UInt64.self)
      }
      // As many hits as there are notes, none drained.
      (stripes + stripe * ReadStripe.size).storeBytes(of: ReadStripe.ringCount, as: UInt64.self)
    }
    let cache = try #require(Cache.attach(Region(base: base), size: size))
    defer { cache.close() }
    var random = Random(seed: 1)
    use(cache, &random)
  }

  /// Whoever had leases is not here: what they held is free.
  @Test func leasesEnd() throws {
    let original = try filled(policy: Options.policyAdaptive)
    defer { original.close() }
    let keys = (300..<600).map { bytes("key \($0)") }.filter { original.contains($0) }
    var leases: [Cache.Lease] = []
    for key in keys.prefix(50) { leases.append(try #require(original.acquire(key))) }
    for key in keys.prefix(30) { #expect(original.delete(key)) }
    let copy = try attachedCopy(of: original.cache)
    defer { copy.close() }
    copy.checkInvariants()
    let entries = copy.shard(0).counters.pointee.entries
    #expect(try copy.shard(0).arena.audit() == Int(entries))
    for lease in leases { original.cache.release(ticket: lease.ticket) }
  }

  /// Removals that wait are taken from the copy as they would have been.
  @Test func removalsWait() throws {
    let original = try filled(policy: Options.policyLRU, flags: Options.reportRemovals)
    defer { original.close() }
    let copy = try attachedCopy(of: original.cache)
    defer { copy.close() }
    func take(_ cache: Cache) -> [UInt64] {
      var words = [UInt64](repeating: 0, count: 1 << 16)
      let used = words.withUnsafeMutableBytes {
        var buffer = RecordBuffer($0)
        cache.takeRemovals(into: &buffer)
        return buffer.used
      }
      return Array(words[..<(used / 8)])
    }
    let taken = take(original.cache)
    #expect(!taken.isEmpty && take(copy) == taken)
    copy.checkInvariants()
  }
}
