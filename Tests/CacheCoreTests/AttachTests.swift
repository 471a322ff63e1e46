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
    for i in 0..<60 {
      _ = cache.setStale(
        bytes("stale \(i)"), [UInt8](repeating: 3, count: i * 11 % 90), ttlMs: 40 + UInt64(i),
        staleMs: 1000)
      if i % 2 == 0 { _ = cache.setAbsent(bytes("absent \(i)"), ttlMs: 1000) }
    }
    cache.advance(ms: 60)
    for i in 0..<40 { _ = cache.getOrClaim(bytes(i % 2 == 0 ? "stale \(i)" : "claim \(i)")) }
    _ = cache.cache.count()
    return cache
  }

  /// Everything a cache is for; broken invariants end the process.
  private func use(_ cache: Cache, _ random: inout Random) {
    let cache = TestCache(cache)
    for _ in 0..<200 {
      let key = bytes("key \(random.below(700))")
      let windowed = bytes((random.chance(50) ? "stale " : "claim ") + "\(random.below(60))")
      switch random.below(11) {
      case 8:
        let answer = cache.getOrClaim(windowed, claimMs: 30, isEarly: true)
        _ = cache.fulfill(
          windowed, [UInt8](repeating: 5, count: random.below(500)), ttlMs: 5, staleMs: 20,
          keepsCost: true, token: answer.token)
      case 9: cache.abandon(windowed, retryMs: 20, token: cache.getOrClaim(windowed).token)
      case 10:
        _ = cache.fulfillAbsent(windowed, ttlMs: 20, token: cache.getOrClaim(windowed).token)
      case 0..<3:
        let value = [UInt8](repeating: 2, count: random.below(2000))
        _ = cache.set(key, value, ttlMs: UInt64(random.below(100)))
      case 3, 4: _ = cache.get(key)
      case 5: _ = cache.delete(key)
      case 6: _ = cache.touch(key, ttlMs: 30)
      default:
        // Its clock may be as far as it goes.
        _ = cache.cache.advanceClock(by: UInt64(random.below(20)))
        _ = cache.cleanup(limit: 20)
      }
    }
    _ = cache.scan()
    _ = cache.cache.statistics()
    cache.cache.checkInvariants()
  }

  /// Whoever had claims is not here; what is stale, or absent, is.
  @Test func claimsEndAndWindowsStay() throws {
    let original = try filled(policy: Options.policyLRU)
    defer { original.close() }
    #expect(!original.cache.shard(0).claims.isEmpty)
    let before = original.cache.statistics()
    #expect(before.stale > 0 && before.absent > 0)
    let copy = TestCache(try attachedCopy(of: original.cache))
    defer { copy.close() }
    #expect(copy.cache.shard(0).claims.isEmpty)
    let after = copy.cache.statistics()
    #expect(after.stale == before.stale && after.absent == before.absent && after.addsUp)
    for i in 0..<60 {
      for name in ["stale \(i)", "absent \(i)", "claim \(i)"] {
        let key = bytes(name)
        let token = original.getOrClaim(key).token
        let (there, here) = (original.getOrClaim(key), copy.getOrClaim(key))
        // In the original somebody has the claim by now.
        #expect((there.outcome == .pending) == (here.outcome == .claimed), "\(name)")
        #expect(here.value == there.value, "\(name)")
        #expect((here.token != 0) == [.stale, .claimed].contains(here.outcome), "\(name)")
        // A token of the original's means nothing here, and no new one is the same.
        #expect(here.token == 0 || here.token != there.seen, "\(name)")
        #expect(copy.fulfill(key, [1], token: there.seen) == .conflict, "\(name) \(token)")
      }
    }
    copy.advance(ms: 3000)
    _ = copy.cleanup()
    copy.cache.checkInvariants()
    #expect(copy.cache.statistics().stale == 0 && copy.cache.statistics().absent == 0)
  }

  /// A table of claims in which all is wrong: nobody looks where it leads, since it is
  /// refused, or cleared.
  @Test func anyTableOfClaimsIsHarmless() throws {
    let seed = testSeed()
    print("tables of claims: seed \(seed)")
    var random = Random(seed: seed)
    let original = try filled(policy: Options.policyLRU)
    defer { original.close() }
    let geometry = original.cache.region.header.pointee.geometry
    let place = Int(geometry.claimsOffset(of: 0, shardCount: 1))
    let words =
      Int(geometry.claimCount) * (MemoryLayout<ClaimRecord>.stride + 4) / MemoryLayout<UInt32>.size
    var (refused, attached) = (0, 0)
    for round in 0..<60 {
      let (base, size) = try copyOfRegion(of: original.cache)
      let first = (base + place).assumingMemoryBound(to: UInt32.self)
      for _ in 0..<(round % 3 == 0 ? words : 3) {
        first[random.below(words)] =
          random.chance(50) ? UInt32(random.below(40)) : UInt32(truncatingIfNeeded: random.next())
      }
      if let cache = Cache.attach(base, size: size) {
        attached += 1
        #expect(cache.shard(0).claims.isEmpty)
        use(cache, &random)
        cache.close()
      } else {
        refused += 1
        platform_unmap(base, Int(size))
      }
    }
    #expect(refused > 0 && attached > 0, "\(refused) refused, \(attached) attached")
  }

  /// A counter that is accepted goes on from there without coming near the most that one
  /// may be: none that one wrong bit made just that large is.
  @Test func aCounterNearItsLimitIsRefused() throws {
    let original = try filled(policy: Options.policyLRU)
    defer { original.close() }
    let shard = original.cache.region.header.pointee.geometry.shardOffset(0)
    let offset = Int(shard) + ShardControl.counters.offset
    // Inserts, updates, deletes, evictions, expirations, refused.
    for counter in 0..<6 {
      for bit in 51..<64 {
        let (base, size) = try copyOfRegion(of: original.cache)
        defer { platform_unmap(base, Int(size)) }
        (base + offset).assumingMemoryBound(to: UInt64.self)[counter] = 1 << bit
        #expect(Cache.attach(base, size: size) == nil, "counter \(counter), 2^\(bit)")
      }
    }
  }

  /// There is no memory behind a part where the part is not.
  @Test(arguments: [false, true]) func memoryBeyondAPartIsRefused(recovers: Bool) throws {
    let original = try filled(policy: Options.policyAdaptive)
    defer { original.close() }
    let shard = Int(original.cache.region.header.pointee.geometry.shardOffset(0))
    let spans = [
      ShardControl.arenaSpan, ShardControl.pagesSpan, ShardControl.bucketsSpan,
      ShardControl.overflowSpan, ShardControl.sketchSpan, ShardControl.ghostsSpan,
      ShardControl.shadowsSpan,
    ]
    for (number, span) in spans.enumerated() {
      for end: UInt64 in [1 << 40, UInt64.max] {
        let (base, size) = try copyOfRegion(of: original.cache)
        span(in: base + shard).pointee.committedEnd = end
        #expect(
          Cache.attach(base, size: size, recovers: recovers) == nil, "span \(number), \(end)")
        platform_unmap(base, Int(size))
      }
    }
  }

  /// An entry is long if its value is, and only then: one that moves gets a block for its
  /// sizes, and is copied with what its flags say.
  @Test func aLongEntryWithAShortValueIsRefused() throws {
    let original = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxBytes: 1 << 20)))
    defer { original.close() }
    // All one letter: wherever the key begins, it is the same.
    #expect(original.set(bytes("aaaaaaaa"), bytes(String(repeating: "a", count: 100))) == .ok)
    let shard = original.cache.shard(0)
    let place =
      Int(original.cache.region.header.pointee.geometry.shardOffset(0))
      + (shard.entry(shard.arena.firstRef).base - shard.base)
    for isWrong in [false, true] {
      let (base, size) = try copyOfRegion(of: original.cache)
      if isWrong {
        // As large as before in all, with a word more that says so.
        let entry = Entry(base + place)
        let (access, valueSize) = (entry.access, entry.expiry.shortValueSize)
        entry.accessWord.relaxed =
          access.word | Entry.Flag.contents(isLong: true, hasWindow: false)
        entry.longValueSize.relaxed = valueSize - 8
      }
      let cache = Cache.attach(base, size: size)
      #expect((cache == nil) == isWrong)
      if let cache { cache.close() } else { platform_unmap(base, Int(size)) }
    }
  }

  /// One wrong word anywhere in a region: it is refused, or harmless.
  @Test(arguments: [Options.policyLRU, Options.policyAdaptive])
  func aWrongWordIsRefusedOrHarmless(policy: UInt32) throws {
    let seed = testSeed()
    print("wrong words: seed \(seed)")
    var random = Random(seed: seed)
    let original = try filled(policy: policy)
    defer { original.close() }
    let geometry = original.cache.region.header.pointee.geometry
    let control = geometry.shardOffset(0)
    // Where there is most to be wrong, and how much of it.
    var parts: [(offset: UInt64, size: Int)] = [
      (0, 192), (control, ShardControl.readBuffers.end),
    ]
    original.cache.shard(0).memory.forEachRun { offset, _, size in
      parts.append((offset, Int(size)))
    }
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
      if let cache = Cache.attach(base, size: size) {
        use(cache, &random)
        cache.close()
      } else {
        refused += 1
        platform_unmap(base, Int(size))
      }
    }
    #expect(refused > 0, "seed \(seed)")
  }

  /// Several wrong words and bits anywhere: what cannot be found is refused, whatever else
  /// there is becomes a cache that works and has what was not hit.
  @Test(arguments: [Options.policyLRU, Options.policyAdaptive])
  func damageIsRecoveredFrom(policy: UInt32) throws {
    let seed = testSeed()
    print("damage: seed \(seed)")
    var random = Random(seed: seed)
    let original = try filled(policy: policy)
    defer { original.close() }
    let geometry = original.cache.region.header.pointee.geometry
    let control = geometry.shardOffset(0)
    // Whole, and without what says where the parts are, which nothing can be made from.
    let whole = [(control, ShardControl.readBuffers.end)]
    let first = ShardControl.words.offset
    let spans = ShardControl.arenaSpan.offset..<ShardControl.index.offset
    var parts: [(offset: UInt64, size: Int)] = [
      (control + UInt64(first), spans.lowerBound - first),
      (control + UInt64(spans.upperBound), ShardControl.recency.offset - spans.upperBound),
      (
        control + UInt64(ShardControl.checkpointCount.offset),
        ShardControl.shadowsSpan.offset - ShardControl.checkpointCount.offset
      ),
      (control + UInt64(ShardControl.race.offset), 2800),
    ]
    original.cache.shard(0).memory.forEachRun { offset, _, size in
      parts.append((offset, Int(size)))
    }
    var (refused, kept) = (0, UInt64(0))
    for round in 0..<300 {
      let (base, size) = try copyOfRegion(of: original.cache)
      for _ in 0..<[1, 4, 30, 300][round % 4] {
        let part = round % 3 == 0 ? whole[0] : parts[random.below(parts.count)]
        let word = base + Int(part.0) + random.below(part.1 / 4) * 4
        let before = word.load(as: UInt32.self)
        let after: UInt32 =
          switch random.below(5) {
          case 0: before ^ 1 << UInt32(random.below(32))
          case 1: before &+ 1
          case 2: 0
          case 3: UInt32(random.below(9000))
          default: UInt32(truncatingIfNeeded: random.next())
          }
        word.storeBytes(of: after, as: UInt32.self)
      }
      if let cache = Cache.attach(base, size: size, recovers: true) {
        cache.checkInvariants()
        #expect(cache.statistics().addsUp)
        kept += cache.count()
        use(cache, &random)
        cache.close()
      } else {
        #expect(round % 3 == 0, "seed \(seed), round \(round)")
        refused += 1
        platform_unmap(base, Int(size))
      }
    }
    #expect(refused < 100 && kept > 100 * original.cache.count(), "seed \(seed)")
  }

  /// Access records may lead anywhere; nobody looks where that is.
  @Test func notesThatLeadNowhereAreForgotten() throws {
    let original = try filled(policy: Options.policyLRU)
    defer { original.close() }
    let (base, size) = try copyOfRegion(of: original.cache)
    let geometry = original.cache.region.header.pointee.geometry
    for number in 0..<Int(geometry.stripeCount) {
      let buffer = ShardControl.readBuffers(in: base + Int(geometry.shardOffset(0))) + number
      for record in 0..<Int(ReadBuffer.recordCount) {
        buffer.pointee.refs[record].word.relaxed =
          record % 2 == 0 ? Ref.max - Ref(record) : geometry.firstRef
        buffer.pointee.places[record].word.relaxed = UInt32.max - UInt32(record)
      }
      // As many hits as there are records, none drained.
      buffer.pointee.uses.word.relaxed = ReadBuffer.recordCount
    }
    let cache = try #require(Cache.attach(base, size: size))
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
    #expect(try copy.shard(0).arena.checkInvariants() == Int(entries))
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
