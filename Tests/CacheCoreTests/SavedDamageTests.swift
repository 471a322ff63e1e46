import CacheCore
import SeededRandom
import Testing

/// Files that are damaged, cut off or made up.
@Suite struct SavedDamageTests {
  /// Some entries, and what a file of them looks like.
  private func small(_ file: SavedFile, count: Int = 12) throws -> [[UInt8]: [UInt8]] {
    let cache = try TestCache.forSaving()
    defer { cache.close() }
    var entries: [[UInt8]: [UInt8]] = [:]
    for number in 0..<count {
      entries[bytes("key \(number)")] = SavedFile.value(of: number, size: number * 5)
      _ = cache.set(
        bytes("key \(number)"), SavedFile.value(of: number, size: number * 5), ttlMs: 1000)
    }
    #expect(cache.saveEntries(to: file) == (.ok, UInt64(count)))
    return entries
  }

  /// Loads a file that may be damaged: all of a cache is as it was saved, or not there.
  private func load(_ file: SavedFile, _ entries: [[UInt8]: [UInt8]]) throws -> (Outcome, UInt64) {
    let cache = try TestCache.forSaving(maxEntries: 100)
    defer { cache.close() }
    let result = cache.loadEntries(from: file)
    var found: UInt64 = 0
    for (key, value) in entries {
      guard let loaded = cache.peek(key) else { continue }
      found += 1
      #expect(loaded == value)
      #expect((1...1000).contains(try #require(cache.remaining(key))))
    }
    #expect(found == result.1)
    cache.cache.checkInvariants()
    return result
  }

  @Test func aByteThatIsFlippedIsNoticed() throws {
    let file = SavedFile()
    let entries = try small(file)
    let whole = file.bytes
    let headerSize = MemoryLayout<SavedHeader>.size
    for at in 0..<whole.count {
      // Between the header and the first block nobody looks.
      if at > headerSize + 8, at < 4080, at % 97 != 0 { continue }
      var damaged = whole
      damaged[at] ^= UInt8(1) << UInt8(at % 8)
      file.bytes = damaged
      let (outcome, stored) = try load(file, entries)
      if at < headerSize {
        #expect(outcome == .layout && stored == 0)
      } else {
        #expect(outcome == .ok && stored == (at < 4096 ? 12 : 0))
      }
    }
  }

  @Test func aFileThatIsCutOffGivesWhatIsWhole() throws {
    let file = SavedFile()
    let entries = try small(file)
    let whole = file.bytes
    for size in 0..<whole.count {
      if size > 100, size < 4090, size % 97 != 0 { continue }
      file.bytes = Array(whole[..<size])
      let (outcome, stored) = try load(file, entries)
      #expect(stored == 0)
      #expect(outcome == (size < MemoryLayout<SavedHeader>.size ? .layout : .ok))
    }
  }

  /// Three blocks: whatever is done to the second, the others are loaded.
  @Test func aBlockIsLostAlone() throws {
    let seed = UInt64.random(in: 1 ... .max)
    print("seed \(seed)")
    var random = Random(seed: seed)
    let file = SavedFile()
    let cache = try TestCache.forSaving(maxBytes: 1 << 26)
    defer { cache.close() }
    for number in 0..<30 {
      _ = cache.set(bytes("\(number)"), SavedFile.value(of: number, size: 100_000))
    }
    #expect(cache.saveEntries(to: file) == (.ok, 30))
    let whole = file.bytes
    let blocks = file.blocks()
    #expect(blocks.count == 3)
    let second = blocks[1]
    for round in 0..<24 {
      var damaged = whole
      // The header's fields first.
      let at = round < 20 ? second.offset + 2 * round : .random(in: second.bytes, using: &random)
      damaged[at] ^= UInt8.random(in: 1...255, using: &random)
      file.bytes = damaged
      let other = try TestCache.forSaving(maxBytes: 1 << 26)
      defer { other.close() }
      #expect(other.loadEntries(from: file) == (.ok, 30 - UInt64(second.records)))
    }
    file.bytes = Array(whole[..<(blocks[2].bytes.upperBound - 1)])
    let other = try TestCache.forSaving(maxBytes: 1 << 26)
    defer { other.close() }
    #expect(other.loadEntries(from: file) == (.ok, 30 - UInt64(blocks[2].records)))
  }

  /// A value that looks like a block is not taken for one where a block is damaged.
  @Test func aValueIsNoBlock() throws {
    let (file, inner) = (SavedFile(), SavedFile())
    let entries = try small(inner)
    let cache = try TestCache.forSaving(maxBytes: 1 << 26)
    defer { cache.close() }
    // Its value begins where a block may begin.
    let before = 4096 + MemoryLayout<SavedBlock>.size + MemoryLayout<SavedRecord>.size + 1
    let block = Array(inner.bytes[4096...])
    _ = cache.set(bytes("k"), [UInt8](repeating: 0, count: 8192 - before) + block)
    #expect(cache.saveEntries(to: file) == (.ok, 1))
    var damaged = file.bytes
    #expect(Array(damaged[8192..<8192 + block.count]) == block)
    damaged[4096] ^= 1
    file.bytes = damaged
    #expect(try load(file, entries) == (.ok, 0))
    // It would be, if its checksums began as those of the file.
    let nonce = inner.bytes.withUnsafeBytes { $0.loadUnaligned(as: SavedHeader.self).nonce }
    file.changeHeader { $0.nonce = nonce }
    #expect(try load(file, entries) == (.ok, 12))
  }

  /// Numbers that are whatever they like, with checksums that are right.
  @Test func recordsOfAnyContentAreHarmless() throws {
    let seed = UInt64.random(in: 1 ... .max)
    print("seed \(seed)")
    var random = Random(seed: seed)
    let file = SavedFile()
    _ = try small(file)
    let whole = file.bytes
    let words: [UInt64] = [
      0, 1, 40, 65535, 65536, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max, .max - 1,
    ]
    for round in 0..<800 {
      file.bytes = whole
      file.damage { bytes in
        for _ in 0...Int.random(in: 0...3, using: &random) {
          let at = Int.random(in: 0..<bytes.count - 8, using: &random) / 4 * 4
          let word =
            Bool.random(using: &random) ? words.randomElement(using: &random)! : random.next()
          withUnsafeBytes(of: word) { word in
            for (i, byte) in word.enumerated() { bytes[at + i] = byte }
          }
        }
      }
      let tti = UInt64(round % 2) * 1000
      let flags = round % 3 == 0 ? 0 : Options.manualClock
      let cache = try TestCache.forSaving(flags: flags, maxEntries: 100, ttiMs: tti)
      defer { cache.close() }
      #expect(cache.loadEntries(from: file).0 == .ok)
      cache.cache.checkInvariants()
      _ = cache.cleanup()
      cache.cache.checkInvariants()
    }
  }

  @Test func aNewerVersionIsRefused() throws {
    let file = SavedFile()
    let entries = try small(file)
    file.changeHeader { $0.version += 1 }
    #expect(try load(file, entries) == (.layout, 0))
  }

  // MARK: The checksum

  /// As the reference implementation (xxhash 3.x for Python) has it.
  @Test func xxh64() {
    func checksum(_ bytes: [UInt8], _ seed: UInt64) -> UInt64 {
      bytes.withUnsafeBytes { Checksum.of($0, seed: seed) }
    }
    #expect(checksum([], 0) == 0xef46_db37_51d8_e999)
    #expect(checksum(bytes("a"), 0) == 0xd24e_c4f1_a98c_6e5b)
    #expect(checksum(bytes("abc"), 0) == 0x44bc_2cf5_ad77_0999)
    #expect(
      checksum(bytes("Nobody inspects the spammish repetition"), 0) == 0xfbce_a83c_8a37_8bf1)
    #expect(checksum(bytes("xxhash"), 20_141_025) == 0xb559_b98d_844e_0635)
    let all = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let seed: UInt64 = 0x0123_4567_89ab_cdef
    let expected: [(Int, UInt64)] = [
      (1, 0xaffd_9d6b_d53c_f137), (3, 0x416d_687f_4079_480c), (4, 0x1f9f_ecda_a401_4687),
      (7, 0x086e_c1fb_30e7_9709), (8, 0xa8a1_197f_0cc6_6fe6), (15, 0x7691_5ab7_9a3b_f4ca),
      (31, 0xa4f1_1bd0_ee8d_3e44), (32, 0x9f35_1aa7_9b4c_25b2), (33, 0xe8b4_f491_1f21_6f37),
      (63, 0x4cc8_cc24_7255_65a6), (64, 0x0c3c_20bf_76cb_7d09), (65, 0x32ee_4448_5a55_8db8),
      (100, 0xfb5a_53c9_bcd3_84bb), (1000, 0x40bc_dcc3_cbb5_3de5),
    ]
    for (size, value) in expected {
      #expect(checksum(Array(all[..<size]), seed) == value)
      // In pieces of any size.
      for piece in [1, 5, 31, 32, 33, 64, 100] {
        var pieces = Checksum(seed: seed)
        for start in stride(from: 0, to: size, by: piece) {
          all[start..<min(size, start + piece)].withUnsafeBytes { pieces.add($0) }
        }
        #expect(pieces.value == value)
      }
    }
  }
}
