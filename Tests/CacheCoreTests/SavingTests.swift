import CPlatform
import CacheCore
import Foundation
import SeededRandom
import Testing

/// A cache in a file and back. Tests/C/save_test.c has the faults of the system.
@Suite struct SavingTests {
  // MARK: Whole

  @Test(arguments: [
    (Options.policyLRU, UInt32(1), Options.policyAdaptive, UInt32(16)),
    (Options.policyAdaptive, UInt32(16), Options.policyLRU, UInt32(1)),
    (Options.policyLRU, UInt32(4), Options.policyLRU, UInt32(2)),
  ])
  func whatIsSavedIsLoadedByAnyLayout(
    policy: UInt32, shards: UInt32, otherPolicy: UInt32, otherShards: UInt32
  ) throws {
    let seed = UInt64.random(in: 1 ... .max)
    print("seed \(seed)")
    var random = Random(seed: seed)
    let file = SavedFile()
    let cache = try TestCache.forSaving(policy: policy, shards: shards, maxBytes: 1 << 28)
    let other = try TestCache.forSaving(policy: otherPolicy, shards: otherShards, maxBytes: 1 << 28)
    defer { cache.close(); other.close() }
    // Small ones, of about a block, and of several.
    var sizes = (0..<5000).map { _ in Int.random(in: 0...100, using: &random) }
    sizes += [SavedFormat.blockSize - 60, SavedFormat.blockSize, 1 << 20, 5 << 20, 3, 1 << 19]
    for (number, size) in sizes.enumerated() {
      _ = cache.set(bytes("key \(number)"), SavedFile.value(of: number, size: size))
    }
    #expect(cache.saveEntries(to: file) == (.ok, UInt64(sizes.count)))
    #expect(other.loadEntries(from: file) == (.ok, UInt64(sizes.count)))
    // One expectation: they are slow.
    let wrong = sizes.enumerated().filter { number, size in
      other.peek(bytes("key \(number)")) != SavedFile.value(of: number, size: size)
    }
    #expect(wrong.isEmpty)
    #expect(other.loadEntries(from: file) == (.ok, 0))
    cache.cache.checkInvariants()
    other.cache.checkInvariants()
    #expect(file.folder() == [file.name])
  }

  @Test func anEmptyCacheIsSavedToo() throws {
    let (file, cache) = (SavedFile(), try TestCache.forSaving())
    defer { cache.close() }
    #expect(cache.saveEntries(to: file) == (.ok, 0))
    #expect(cache.loadEntries(from: file) == (.ok, 0))
  }

  @Test func theSeedOfTheHashIsNotInTheFile() throws {
    let (file, cache) = (SavedFile(), try TestCache.forSaving())
    defer { cache.close() }
    for number in 0..<100 { _ = cache.set(bytes("key \(number)"), bytes("value")) }
    #expect(cache.saveEntries(to: file).0 == .ok)
    let header = cache.cache.region.header.pointee
    let contents = Data(file.bytes)
    for secret in [header.hashKey0, header.hashKey1] {
      let needle = withUnsafeBytes(of: secret) { Data($0) }
      #expect(contents.range(of: needle) == nil)
    }
    // Nor is a hash, by which the seed could be looked for.
    for number in 0..<100 {
      let hash = bytes("key \(number)").withUnsafeBytes { cache.cache.route($0).parts.hash }
      #expect(contents.range(of: withUnsafeBytes(of: hash) { Data($0) }) == nil)
    }
  }

  // MARK: Order

  @Test(arguments: [50, 5000])
  func theOrderOfUseIsKept(count: Int) throws {
    let seed = UInt64.random(in: 1 ... .max)
    print("seed \(seed)")
    var random = Random(seed: seed)
    let file = SavedFile()
    let cache = try TestCache.forSaving()
    defer { cache.close() }
    for number in 0..<count {
      cache.advance(ms: 1)
      #expect(cache.set(bytes("key \(number)"), bytes("value")) == .ok)
    }
    for _ in 0..<count {
      // Beyond what is listed in one hold of the lock the order is that of milliseconds.
      if count > 4096 { cache.advance(ms: 1) }
      _ = cache.get(bytes("key \(Int.random(in: 0..<count, using: &random))"))
    }
    #expect(cache.saveEntries(to: file).1 == UInt64(count))
    // A cache with room for a part keeps the part that was used last.
    let part = count / 3
    let small = try TestCache.forSaving(maxEntries: UInt64(part))
    defer { small.close() }
    #expect(small.loadEntries(from: file) == (.ok, UInt64(count)))
    #expect(keys(small, .coldest) == Array(keys(cache, .coldest).suffix(part)))
    small.cache.checkInvariants()
  }

  private func keys(_ cache: TestCache, _ order: EvictionOrder) -> [[UInt8]] {
    let shard = cache.cache.shard(0)
    shard.drainAllReads()
    var keys: [[UInt8]] = []
    var next = shard.firstLive(in: order, at: 0)
    while let standing = next {
      let entry = shard.entry(standing.ref)
      keys.append(Array(entry.key(entry.access)))
      next = shard.firstLive(in: order, after: standing.ref, at: 0)
    }
    return keys
  }

  // MARK: Lifetimes

  /// With the manual clock no time passes between the two.
  @Test func lifetimesGoOn() throws {
    let file = SavedFile()
    let (cache, other) = (try TestCache.forSaving(), try TestCache.forSaving())
    defer { cache.close(); other.close() }
    _ = cache.set(bytes("never"), bytes("1"))
    _ = cache.set(bytes("soon"), bytes("2"), ttlMs: 100)
    _ = cache.set(bytes("later"), bytes("3"), ttlMs: 1000)
    cache.advance(ms: 99)
    #expect(cache.saveEntries(to: file) == (.ok, 3))
    #expect(other.loadEntries(from: file) == (.ok, 3))
    #expect(other.remaining(bytes("never")) == -1)
    #expect(other.remaining(bytes("soon")) == 1)
    #expect(other.remaining(bytes("later")) == 901)
    cache.advance(ms: 1)
    #expect(cache.saveEntries(to: file) == (.ok, 2))
  }

  @Test(arguments: [UInt32(0), Options.manualClock])
  func theWallClockGoesOn(flags: UInt32) throws {
    let file = SavedFile()
    let cache = try TestCache.forSaving(flags: flags)
    defer { cache.close() }
    _ = cache.set(bytes("never"), bytes("1"))
    _ = cache.set(bytes("minute"), bytes("2"), ttlMs: 60_000)
    _ = cache.set(bytes("hour"), bytes("3"), ttlMs: 3_600_000)
    #expect(cache.saveEntries(to: file) == (.ok, 3))
    // As if it had been saved so long ago; negative: as if the clock had been set back.
    for ago in [Int64(0), 59_000, 61_000, 3_700_000, -500_000, -10_000_000_000] {
      file.move(by: -ago)
      defer { file.move(by: ago) }
      let other = try TestCache.forSaving(flags: 0)
      defer { other.close() }
      let passed = max(0, ago)
      let left = [60_000 - passed, 3_600_000 - passed].filter { $0 > 0 }
      #expect(other.loadEntries(from: file) == (.ok, UInt64(1 + left.count)))
      #expect(other.remaining(bytes("never")) == -1)
      for (name, ttl) in [("minute", Int64(60_000)), ("hour", 3_600_000)] where ttl > passed {
        let remaining = try #require(other.remaining(bytes(name)))
        #expect(remaining <= ttl - passed)
        #expect(remaining > ttl - passed - 50_000)
      }
      let manual = try TestCache.forSaving()
      defer { manual.close() }
      #expect(manual.loadEntries(from: file) == (.ok, 3))
    }
  }

  @Test func whatIsStaleOrAbsentIsKept() throws {
    let file = SavedFile()
    let (cache, other) = (try TestCache.forSaving(), try TestCache.forSaving())
    defer { cache.close(); other.close() }
    for (name, staleMs) in [("stale", UInt64(500)), ("gone", 20)] {
      let claim = cache.getOrClaim(bytes(name))
      #expect(claim.outcome == .claimed)
      #expect(
        cache.fulfill(bytes(name), bytes("old"), ttlMs: 10, staleMs: staleMs, token: claim.token)
          == .ok)
    }
    let claim = cache.getOrClaim(bytes("absent"))
    #expect(cache.fulfillAbsent(bytes("absent"), ttlMs: 300, token: claim.token) == .ok)
    cache.advance(ms: 100)
    #expect(cache.saveEntries(to: file) == (.ok, 2))
    #expect(other.loadEntries(from: file) == (.ok, 2))
    other.cache.checkInvariants()
    #expect(other.getOrClaim(bytes("stale")).outcome == .stale)
    #expect(other.getOrClaim(bytes("absent")).outcome == .absent)
    other.advance(ms: 200)
    #expect(other.getOrClaim(bytes("absent")).outcome == .claimed)
    other.advance(ms: 210)
    #expect(other.peek(bytes("stale")) == nil)
    #expect(other.cleanup() == 2)
    other.cache.checkInvariants()
  }

  /// Used or not, nothing idles longer than it might have.
  @Test func timeToIdleGoesOn() throws {
    let file = SavedFile()
    let cache = try TestCache.forSaving(ttiMs: 1000)
    defer { cache.close() }
    _ = cache.set(bytes("key"), bytes("1"))
    cache.advance(ms: 600)
    _ = cache.set(bytes("new"), bytes("2"))
    #expect(cache.saveEntries(to: file) == (.ok, 2))

    // Its time has only begun: 400 ms are left, whatever happens.
    let young = try TestCache.forSaving(ttiMs: 1000)
    defer { young.close() }
    #expect(young.loadEntries(from: file) == (.ok, 2))
    #expect(young.remaining(bytes("key")) == 400)
    #expect(young.remaining(bytes("new")) == 1000)
    // Of an older cache a use begins it anew.
    let old = try TestCache.forSaving(ttiMs: 1000)
    defer { old.close() }
    old.advance(ms: 5000)
    #expect(old.loadEntries(from: file) == (.ok, 2))
    #expect(old.remaining(bytes("key")) == 400)
    old.advance(ms: 300)
    #expect(old.get(bytes("key")) != nil)
    old.advance(ms: 900)
    #expect(old.contains(bytes("key")))
    #expect(!old.contains(bytes("new")))
    old.cache.checkInvariants()
    // The shorter of two holds; without any, what is left of it.
    for (ttiMs, left) in [(UInt64(700), Int64(100)), (0, 400), (5000, 400)] {
      let other = try TestCache.forSaving(ttiMs: ttiMs)
      defer { other.close() }
      other.advance(ms: 7000)
      #expect(other.loadEntries(from: file) == (.ok, 2))
      #expect(other.remaining(bytes("key")) == left)
      other.cache.checkInvariants()
    }
    let strict = try TestCache.forSaving(ttiMs: 500)
    defer { strict.close() }
    #expect(strict.loadEntries(from: file) == (.ok, 1))
  }

  // MARK: Where there is something

  @Test func whatIsThereStays() throws {
    let file = SavedFile()
    let (cache, other) = (try TestCache.forSaving(), try TestCache.forSaving())
    defer { cache.close(); other.close() }
    for name in ["live", "claimed", "expired", "free"] {
      _ = cache.set(bytes(name), bytes("saved"))
    }
    #expect(cache.saveEntries(to: file) == (.ok, 4))
    _ = other.set(bytes("live"), bytes("own"))
    _ = other.set(bytes("expired"), bytes("own"), ttlMs: 10)
    other.advance(ms: 10)
    let claim = other.getOrClaim(bytes("claimed"))
    #expect(other.loadEntries(from: file) == (.ok, 2))
    #expect(other.peek(bytes("live")) == bytes("own"))
    #expect(other.peek(bytes("expired")) == bytes("saved"))
    #expect(other.peek(bytes("free")) == bytes("saved"))
    #expect(other.peek(bytes("claimed")) == nil)
    #expect(other.fulfill(bytes("claimed"), bytes("own"), token: claim.token) == .ok)
  }

  @Test func boundsHold() throws {
    let file = SavedFile()
    let cache = try TestCache.forSaving(maxBytes: 1 << 26)
    defer { cache.close() }
    for number in 0..<3000 {
      _ = cache.set(bytes("key \(number)"), SavedFile.value(of: number, size: number % 5000))
    }
    _ = cache.set(bytes("large"), SavedFile.value(of: 1, size: 4 << 20))
    #expect(cache.saveEntries(to: file) == (.ok, 3001))
    let small = try TestCache.forSaving(maxBytes: 1 << 20)
    defer { small.close() }
    let (outcome, stored) = small.loadEntries(from: file)
    #expect(outcome == .ok && stored == 3000)
    #expect(small.peek(bytes("large")) == nil)
    #expect(small.peek(bytes("key 2999")) != nil)
    small.cache.checkInvariants()
    let full = try TestCache.forSaving(flags: Options.manualClock | Options.noEvict, maxEntries: 10)
    defer { full.close() }
    #expect(full.loadEntries(from: file) == (.ok, 10))
    full.cache.checkInvariants()
  }

  // MARK: While others write

  /// Entries that nobody touches are each saved once; the others are whole.
  @Test(arguments: [UInt32(1), 8])
  func othersGoOn(shards: UInt32) throws {
    let file = SavedFile()
    let cache = try TestCache.forSaving(flags: 0, shards: shards, maxEntries: 200_000)
    defer { cache.close() }
    let still = 8000
    for number in 0..<still { _ = cache.set(bytes("still \(number)"), bytes("\(number)")) }
    let isOver = Flag()
    nonisolated(unsafe) let shared = cache
    let threads = (0..<2).map { thread in
      Thread {
        var random = Random(seed: UInt64(thread + 1))
        while !isOver.isRaised {
          let number = Int.random(in: 0..<5000, using: &random)
          let key = bytes("busy \(number)")
          switch number % 3 {
          case 0: _ = shared.delete(key)
          case 1: _ = shared.get(bytes("still \(number)"))
          default: _ = shared.set(key, SavedFile.value(of: number, size: number % 300))
          }
        }
        isOver.count()
      }
    }
    for thread in threads { thread.start() }
    for _ in 0..<5 {
      let (outcome, saved) = cache.saveEntries(to: file)
      #expect(outcome == .ok && saved >= UInt64(still))
      let other = try TestCache.forSaving(flags: 0, maxEntries: 200_000)
      defer { other.close() }
      // No key twice: the second would not be stored.
      #expect(other.loadEntries(from: file) == (.ok, saved))
      for number in 0..<still { #expect(other.peek(bytes("still \(number)")) != nil) }
      for number in 0..<5000 {
        guard let loaded = other.peek(bytes("busy \(number)")) else { continue }
        #expect(loaded == SavedFile.value(of: number, size: number % 300))
      }
    }
    isOver.raise()
    while isOver.counted < threads.count { usleep(1000) }
    cache.cache.checkInvariants()
  }
}
