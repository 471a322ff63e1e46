import CacheCore
import SeededRandom
import Testing

/// A shard of its own, as the ground the structures stand on.
private func shard(maxEntries: UInt64 = 100_000) throws -> (TestCache, Shard) {
  let cache = try #require(
    TestCache(
      Options(flags: Options.manualClock, shardCount: 1, maxEntries: maxEntries, hashSeed: 1)))
  return (cache, cache.cache.shard(0))
}

@Suite struct ArenaTests {
  /// Blocks of all sizes come and go: none overlaps another, holes join, and in
  /// the end nothing is left.
  @Test func blocksComeAndGo() throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let (cache, shard) = try shard()
    defer { cache.close() }
    let arena = shard.arena
    var blocks: [(ref: Ref, units: UInt32)] = []
    for step in 0..<20_000 {
      if random.chance(55) || blocks.isEmpty {
        let size = random.chance(90) ? random.below(200) : random.below(20_000)
        let value = [UInt8](repeating: 0, count: size)
        let units = Entry.unitsNeeded(keySize: 1, valueSize: UInt64(size))!
        guard case .block(let ref, let flags) = arena.allocate(units) else {
          Issue.record("no block: seed \(seed)")
          return
        }
        [UInt8(1)].withUnsafeBytes { key in
          value.withUnsafeBytes { value in
            arena.entry(ref).write(
              key: key, value: value, version: 1, deadline: Clock.never, now: 1,
              blockFlags: flags)
          }
        }
        #expect(arena.entry(ref).units >= units)
        blocks.append((ref, arena.entry(ref).units))
      } else {
        let block = blocks.remove(at: random.below(blocks.count))
        arena.free(block.ref)
      }
      if step % 500 == 0 { #expect(try arena.audit() == blocks.count, "seed \(seed)") }
    }
    let ordered = blocks.sorted { $0.ref < $1.ref }
    for (left, right) in zip(ordered, ordered.dropFirst()) {
      #expect(left.ref + left.units <= right.ref)
    }
    for block in blocks { arena.free(block.ref) }
    #expect(try arena.audit() == 0)
    #expect(arena.state.pointee.top == Arena.firstRef)
  }
}

@Suite struct ExpiryWheelTests {
  /// Against a plain list: no page comes before its time, none is left behind.
  @Test func pagesComeWhenTheyAreDue() throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let (cache, shard) = try shard()
    defer { cache.close() }
    // Records for the pages that the wheel is told of.
    _ = shard.arena.allocate(PageTable.unitsPerPage * 300)
    let wheel = shard.wheel
    var due: [PageTable.Index: UInt64] = [:]
    var now: UInt64 = 1
    for step in 0..<30_000 {
      if random.chance(70) {
        let page = PageTable.Index(random.below(300))
        let far = [10, 100, 5000, 1_000_000, 3_000_000_000, 1 << 39][random.below(6)]
        let tick = now + 1 + UInt64(random.below(far))
        wheel.file(page, at: tick)
        due[page] = min(due[page] ?? .max, tick)
      } else {
        now += UInt64(random.below([1, 3, 100, 10_000, 100_000_000][random.below(5)]) + 1)
        stepping: while true {
          switch wheel.step(by: now) {
          case .nothing: break stepping
          case .refiled: continue
          case .due(let page, _):
            let time = due.removeValue(forKey: page)
            #expect(time != nil && time! <= now, "seed \(seed), step \(step)")
          }
        }
        #expect(due.values.allSatisfy { $0 > now }, "seed \(seed), step \(step)")
        #expect(wheel.state.pointee.nextDue <= due.values.min() ?? .max)
        if step % 50 == 0 { try wheel.audit(pageCount: shard.arena.recordCount) }
      }
    }
  }
}

@Suite struct ScanTests {
  /// Whatever is there from the first call to the last is seen, while the index
  /// grows and others come and go.
  @Test func everythingThatStaysIsSeen() throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 4, maxEntries: 1 << 40)))
    defer { cache.close() }
    let staying = (0..<500).map { bytes("stay \($0)") }
    for key in staying { _ = cache.set(key, bytes("v")) }
    var seen: Set<[UInt8]> = []
    var (cursor, number): (UInt64, Int) = (0, 0)
    var words = [UInt64](repeating: 0, count: 64)
    repeat {
      words.withUnsafeMutableBytes { words in
        var buffer = RecordBuffer(words)
        cache.cache.scan(
          &cursor, prefix: UnsafeRawBufferPointer(start: nil, count: 0), into: &buffer)
        var at = 0
        while at < buffer.used {
          let size = Int(words.load(fromByteOffset: at + 4, as: UInt32.self))
          seen.insert(Array(words[at + 24..<at + 24 + size]))
          at += Int(words.load(fromByteOffset: at, as: UInt32.self))
        }
      }
      for _ in 0..<50 {
        number += 1
        _ = cache.set(bytes("come \(number)"), bytes("v"))
        if random.chance(30) { _ = cache.delete(bytes("come \(random.below(number))")) }
      }
    } while cursor != 0
    #expect(Set(staying).isSubset(of: seen), "seed \(seed)")
  }

  /// A cursor is a number from outside: any is safe.
  @Test func anyCursorIsSafe() throws {
    var random = Random(seed: 5)
    let (cache, _) = try shard()
    defer { cache.close() }
    for i in 0..<1000 { _ = cache.set(bytes("\(i)"), bytes("v")) }
    var words = [UInt64](repeating: 0, count: 64)
    for _ in 0..<2000 {
      var cursor = random.chance(50) ? random.next() : random.next() >> UInt64(random.below(64))
      words.withUnsafeMutableBytes {
        var buffer = RecordBuffer($0)
        cache.cache.scan(
          &cursor, prefix: UnsafeRawBufferPointer(start: nil, count: 0), into: &buffer)
      }
    }
    cache.cache.checkInvariants()
  }
}

@Suite struct DecimalTests {
  @Test func numbersAndTheirText() {
    func parse(_ text: String) -> Int64? { bytes(text).withUnsafeBytes { Decimal.parse($0) } }
    for number in [0, 1, -1, 42, .max, .min, .max - 1, .min + 1] as [Int64] {
      #expect(parse("\(number)") == number)
      let text = [UInt8](unsafeUninitializedCapacity: Decimal.sizeMax) { buffer, count in
        count = Decimal.write(number, to: UnsafeMutableRawBufferPointer(buffer))
      }
      #expect(text == bytes("\(number)"))
    }
    for text in [
      "", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808",
      "-9223372036854775809", "99999999999999999999", "00000000000000000001",
    ] {
      #expect(parse(text) == nil, "\(text)")
    }
    #expect(parse("007") == 7)
  }
}

@Suite struct KeyHashTests {
  /// Keys that differ in one bit, or in length, spread evenly over buckets.
  @Test(arguments: [1, 3, 4, 7, 8, 9, 16, 17, 32, 100])
  func similarKeysSpread(size: Int) {
    let (key0, key1) = KeyHash.keys(seed: UInt64.random(in: 1 ... .max))
    let hash = KeyHash(key0: key0, key1: key1)
    var buckets = [Int](repeating: 0, count: 64)
    var seen: Set<UInt64> = []
    let count = size == 1 ? 256 : 4096
    for number in 0..<count {
      var key = [UInt8](repeating: 0, count: size)
      key[0] = UInt8(number & 0xFF)
      if size > 1 { key[size - 1] = UInt8(number >> 8) }
      let value = key.withUnsafeBytes { hash($0) }
      seen.insert(value)
      buckets[Int(value >> 58)] += 1
    }
    #expect(seen.count == count)
    #expect(buckets.max()! < count / 64 * 3 + 12)
  }

  /// Without the seed nobody can tell which keys meet.
  @Test func theSeedDecides() {
    func hashes(_ seed: UInt64) -> [UInt64] {
      let (key0, key1) = KeyHash.keys(seed: seed)
      return (0..<100).map { number in
        bytes("key \(number)").withUnsafeBytes { KeyHash(key0: key0, key1: key1)($0) }
      }
    }
    #expect(hashes(1) == hashes(1))
    #expect(zip(hashes(1), hashes(2)).allSatisfy { $0 != $1 })
  }
}
