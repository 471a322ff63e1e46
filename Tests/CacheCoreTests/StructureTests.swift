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
  /// Blocks of all sizes come and go, and pages of large holes with them: none
  /// overlaps another, holes join, and in the end nothing is left. In one run of the
  /// arena's memory, and in many.
  @Test(arguments: [100_000, 10]) func blocksComeAndGo(maxEntries: UInt64) throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let (cache, shard) = try shard(maxEntries: maxEntries)
    defer { cache.close() }
    let arena = shard.arena
    var blocks: [(ref: Ref, units: UInt32)] = []
    for step in 0..<20_000 {
      if random.chance(55) || blocks.isEmpty {
        let size = random.below([200, 200, 200, 20_000, 400_000][random.below(5)])
        let value = [UInt8](repeating: 0, count: size)
        let units = Entry.unitsNeeded(keySize: 1, valueSize: UInt64(size))!
        guard case .block(let ref, let flags) = arena.allocate(units) else {
          Issue.record("no block: seed \(seed)")
          return
        }
        [UInt8(1)].withUnsafeBytes { key in
          value.withUnsafeBytes { value in
            arena.entry(ref).write(
              key: key, value: value, version: 1, deadline: Clock.never, window: .none, now: 1,
              blockFlags: flags)
          }
        }
        #expect(arena.entry(ref).units >= units)
        blocks.append((ref, arena.entry(ref).units))
      } else {
        let block = blocks.remove(at: random.below(blocks.count))
        if random.chance(50) { arena.keep(block.ref) } else { arena.free(block.ref) }
      }
      if random.chance(1) {
        while arena.trim() == .more {
          #expect(try arena.checkInvariants() == blocks.count, "seed \(seed)")
        }
        #expect(arena.state.pointee.waiting == 0)
      }
      if step % 500 == 0 { #expect(try arena.checkInvariants() == blocks.count, "seed \(seed)") }
    }
    let ordered = blocks.sorted { $0.ref < $1.ref }
    for (left, right) in zip(ordered, ordered.dropFirst()) {
      #expect(left.ref + left.units <= right.ref)
    }
    for block in blocks { arena.free(block.ref) }
    #expect(try arena.checkInvariants() == 0)
    arena.freeSpare()
    #expect(try arena.checkInvariants() == 0)
    while arena.trim() == .more {}
    #expect(arena.state.pointee.top == arena.firstRef && arena.span.chargedPages == 0)
  }
}

@Suite struct SpareTests {
  private static let value = [UInt8](repeating: 7, count: 64)

  /// What an entry leaves its successor has, wherever holes are beside it: the arena does
  /// not grow, and what is counted is right.
  @Test func successorsHaveTheBlocks() throws {
    let (cache, shard) = try shard(maxEntries: 100)
    defer { cache.close() }
    for i in 0..<100 { _ = cache.set(bytes("key \(1000 + i)"), Self.value) }
    let top = shard.arena.state.pointee.top
    for i in 0..<300 {
      // Holes: before the spare, behind it, made while there is one.
      if i % 3 == 0 { _ = cache.delete(bytes("key \(1000 + i * 7 % 100)")) }
      _ = cache.set(bytes("key \(1000 + i * 11 % 100)"), Self.value)
      cache.cache.checkInvariants()
    }
    for i in 0..<300 {
      _ = cache.set(bytes("key \(2000 + i)"), Self.value)
      cache.cache.checkInvariants()
    }
    #expect(cache.set(bytes("key 2299"), Self.value) == .ok)
    // One block more than entries: a value is complete before the older one goes.
    let units = Entry.unitsNeeded(keySize: 8, valueSize: 64)!
    #expect(shard.arena.state.pointee.top <= top + units)
    #expect(shard.arena.spare != nil)
    #expect(shard.arena.state.pointee.usedUnits == 100 * UInt64(units))
  }

  /// A spare is nobody's: it is in nobody's way, and nothing of it is left.
  @Test func sparesAreGivenUp() throws {
    let (cache, shard) = try shard(maxEntries: 100)
    defer { cache.close() }
    for _ in 0..<2 { _ = cache.set(bytes("a"), Self.value) }
    let spare = shard.arena.spare
    #expect(spare != nil)
    _ = cache.set(bytes("b"), [UInt8](repeating: 1, count: 2000))
    #expect(shard.arena.spare == nil)
    cache.cache.checkInvariants()
    _ = cache.set(bytes("a"), Self.value)
    #expect(cache.delete(bytes("a")) && cache.delete(bytes("b")) && shard.arena.spare != nil)
    while shard.trim() == .more {}
    #expect(shard.arena.state.pointee.top == shard.arena.firstRef)
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
        if step % 50 == 0 { try wheel.checkInvariants(pageCount: shard.arena.recordCount) }
      }
    }
  }
}

@Suite struct ListedPagesTests {
  /// Against a plain list: pages with entries to remove come first, behind them those
  /// with entries in their window, from the one that has been in it longest.
  @Test func pagesAreListedByWhatIsInThem() throws {
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let (cache, shard) = try shard()
    defer { cache.close() }
    _ = shard.arena.allocate(PageTable.unitsPerPage * 20)
    let wheel = shard.wheel
    let count = Int(shard.arena.recordCount)
    var expired = [Int](repeating: 0, count: count)
    var (stale, absent) = (expired, expired)
    var windowed: [Int] = []  // pages that are in the list's second half
    for step in 0..<20_000 {
      let page = random.below(count)
      let index = PageTable.Index(page)
      switch random.below(6) {
      case 0:
        expired[page] += 1
        wheel.addExpired(1, in: index)
      case 1 where expired[page] > 0:
        expired[page] -= 1
        wheel.removeExpired(in: index)
      case 2:
        stale[page] += 1
        wheel.addWindowed(in: index, isAbsence: false)
      case 3:
        absent[page] += 1
        wheel.addWindowed(in: index, isAbsence: true)
      case 4 where stale[page] > 0:
        stale[page] -= 1
        wheel.removeWindowed(in: index, isAbsence: false)
      case 5 where absent[page] > 0:
        absent[page] -= 1
        wheel.removeWindowed(in: index, isAbsence: true)
      default: continue
      }
      let isWindowed = expired[page] == 0 && stale[page] + absent[page] > 0
      if isWindowed != windowed.contains(page) {
        if isWindowed { windowed.append(page) } else { windowed.removeAll { $0 == page } }
      }
      let context: Comment = "seed \(seed), step \(step)"
      let isDue = expired.contains { $0 > 0 }
      #expect((wheel.firstDue != nil) == isDue, context)
      if let due = wheel.firstDue { #expect(expired[Int(due)] > 0, context) }
      let first = wheel.firstWindowed.map { Int($0) }
      #expect(first == (isDue ? nil : windowed.first), context)
      #expect(wheel.state.pointee.staleCount == UInt64(stale.reduce(0, +)), context)
      #expect(wheel.state.pointee.absentCount == UInt64(absent.reduce(0, +)), context)
      #expect(
        wheel.expiredCount == UInt64((expired + stale + absent).reduce(0, +)), context)
      if step % 50 == 0 { try wheel.checkInvariants(pageCount: UInt64(count)) }
    }
    // The shard's entries are none of these.
    for page in 0..<count {
      let index = PageTable.Index(page)
      for _ in 0..<expired[page] { wheel.removeExpired(in: index) }
      for _ in 0..<stale[page] { wheel.removeWindowed(in: index, isAbsence: false) }
      for _ in 0..<absent[page] { wheel.removeWindowed(in: index, isAbsence: true) }
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
          let record = words.load(fromByteOffset: at, as: ScanRecord.self)
          let key = at + MemoryLayout<ScanRecord>.size
          seen.insert(Array(words[key..<key + Int(record.keySize)]))
          at += Int(record.recordSize)
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
