import CacheCore
import Testing

/// Keys that were made to meet in one bucket, by somebody who knows the hash.
@Suite struct AttackTests {
  /// How keys are spread: the most in one bucket, and how many slots a look-up
  /// of each of them passes in all.
  private func spread(seed: UInt64, _ keys: [[UInt8]]) throws -> (longest: Int, slots: Int) {
    let cache = try #require(
      TestCache(Options(shardCount: 1, maxEntries: UInt64(keys.count), hashSeed: seed)))
    defer { cache.close() }
    for key in keys { #expect(cache.set(key, [1]) == .ok) }
    let index = cache.cache.shard(0).index
    var (position, longest, slots): (UInt64, Int, Int) = (0, 0, 0)
    while let (bucket, end) = index.bucket(at: position) {
      var count = 0
      index.forEachRef(in: bucket) { _ in count += 1 }
      longest = max(longest, count)
      slots += count * (count + 1) / 2
      position = end
    }
    return (longest, slots)
  }

  /// With the seed known, one half of a product can be made 0, and all such keys
  /// have one hash. With another seed they are keys like any others.
  @Test func keysCraftedForOneSeedAreHarmlessWithAnother() throws {
    let (_, secret) = KeyHash.keys(seed: 1)
    let crafted: [[UInt8]] = (UInt64(0)..<2000).map { number in
      [secret, number].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
      }
    }
    let attacked = try spread(seed: 1, crafted)
    #expect(attacked.longest == crafted.count, "else this would test nothing")
    for seed: UInt64 in [0, 2, .random(in: 3 ... .max)] {
      let safe = try spread(seed: seed, crafted)
      let usual = try spread(
        seed: seed, (0..<2000).map { bytes("an ordinary key \($0)") })
      print("seed \(seed): \(safe) against \(usual), attacked \(attacked)")
      // 8 to a bucket, give or take; 40 are not by chance.
      #expect(safe.longest <= 40 && usual.longest <= 40)
      #expect(safe.slots <= 2 * usual.slots)
    }
  }

  @Test(arguments: [20, 1000, 60_000])
  func keysWithOneLongPrefixAreSpread(prefix: Int) throws {
    let keys = (0..<2000).map { [UInt8](repeating: 0, count: prefix) + bytes("\($0)") }
    #expect(try spread(seed: 0, keys).longest <= 40)
  }
}
