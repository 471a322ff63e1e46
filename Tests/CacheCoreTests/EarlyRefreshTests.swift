import CacheCore
import SeededRandom
import Testing

/// XFetch's arithmetic, by its distribution, and what the engine makes of it.
@Suite struct EarlyRefreshTests {
  /// -ln u by another way: as often halved as u is below 1, and then by the series of
  /// ln (1 + x) to its end.
  private func reference(_ u: Double) -> Double {
    var (m, halvings) = (u, 0.0)
    while m < 0.75 { (m, halvings) = (m * 2, halvings + 1) }
    let x = m - 1
    var (sum, power) = (0.0, 1.0)
    for n in 1...60 {
      power *= -x
      sum += power / Double(n)
    }
    return halvings * 0.693147180559945309 + sum
  }

  @Test func itIsTheLogarithm() {
    var random = Random(seed: 1)
    for _ in 0..<10_000 {
      let bits = random.next() >> UInt64(random.below(64))
      let u = (Double(bits >> 1) * 2 + 1) / 0x1p64
      let (is64, wanted) = (EarlyRefresh.exponential(bits), reference(u))
      #expect(abs(is64 - wanted) < 2e-6 * max(1, wanted), "\(bits)")
    }
    // Both ends: never infinite, never below 0 by more than the accuracy.
    #expect(abs(EarlyRefresh.exponential(0) - 64 * 0.6931471805599453) < 1e-5)
    #expect(abs(EarlyRefresh.exponential(.max)) < 1e-5)
  }

  /// Mean, variance and 32 classes that are as likely as one another, for many seeds of
  /// both the test's generator and the engine's own way to mix bits.
  @Test(arguments: [false, true])
  func itIsExponentiallyDistributed(isMixed: Bool) {
    let (count, classes) = (20_000, 32)
    var outliers = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      var random = Random(seed: seed)
      var (sum, squares, below) = (0.0, 0.0, [Int](repeating: 0, count: classes))
      for number in 0..<UInt64(count) {
        let bits =
          isMixed ? KeyHash.mixed((seed << 48 ^ number) &+ KeyHash.step) : random.next()
        let value = EarlyRefresh.exponential(bits)
        sum += value
        squares += value * value
        // P(value > x) = exp(-x): the class of exp(-value) among equal ones.
        below[min(classes - 1, Int(exp(-value) * Double(classes)))] += 1
      }
      let mean = sum / Double(count)
      let variance = squares / Double(count) - mean * mean
      let wanted = Double(count) / Double(classes)
      let chiSquare = below.map { (Double($0) - wanted) * (Double($0) - wanted) / wanted }
        .reduce(0, +)
      // 31 degrees of freedom: beyond 61.1 once in a thousand. Five deviations for the rest.
      if chiSquare > 61.1 { outliers += 1 }
      #expect(abs(mean - 1) < 0.036, "seed \(seed): mean \(mean)")
      #expect(abs(variance - 1) < 0.1, "seed \(seed): variance \(variance)")
    }
    #expect(outliers <= 2, "of 40 seeds")
  }

  /// exp by its series, of what is at most 0.
  private func exp(_ x: Double) -> Double {
    if x < -0.5 {
      let half = exp(x / 2)
      return half * half
    }
    var (sum, term) = (1.0, 1.0)
    for n in 1...20 {
      term *= x / Double(n)
      sum += term
    }
    return sum
  }

  @Test func neverForWhatCostNothing() {
    for left in [0, 1, 1000, .max] as [UInt64] {
      #expect(!EarlyRefresh.isDue(leftMs: left, computeMs: 0, random: 0))
    }
    #expect(EarlyRefresh.isDue(leftMs: 0, computeMs: 1, random: .max >> 1))
    #expect(!EarlyRefresh.isDue(leftMs: .max, computeMs: 1, random: 0))
    let longest = Entry.Window.computeMsMax
    #expect(!EarlyRefresh.isDue(leftMs: .max, computeMs: longest, random: 0))
    #expect(EarlyRefresh.isDue(leftMs: 44 * longest, computeMs: longest, random: 0))
  }

  /// With d to go, what took c is refreshed by exp(-d/c) of its readers.
  @Test(arguments: [(20, 100), (100, 100), (200, 100), (300, 100), (50, 10), (1, 1000)])
  func theEngineElectsAsOften(leftMs: UInt64, computeMs: UInt64) throws {
    let (rounds, key) = (4000, bytes("key"))
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxEntries: 100)))
    defer { cache.close() }
    let first = cache.getOrClaim(key, claimMs: 1 << 30)
    cache.advance(ms: computeMs)
    #expect(
      cache.fulfill(key, [1], ttlMs: leftMs, keepsCost: true, token: first.token) == .ok)
    var elected = 0
    for _ in 0..<rounds {
      let answer = cache.getOrClaim(key, isEarly: true)
      #expect(answer.outcome == .ok)
      #expect(cache.getOrClaim(key).token == 0)  // never without the flag
      if answer.token == 0 { continue }
      elected += 1
      // Only one is, until it gives up.
      #expect(cache.getOrClaim(key, isEarly: true).token == 0)
      cache.abandon(key, token: answer.token)
    }
    let p = exp(-Double(leftMs) / Double(computeMs))
    let deviation = (Double(rounds) * p * (1 - p)).squareRoot()
    let off = abs(Double(elected) - Double(rounds) * p)
    print("d \(leftMs) c \(computeMs): \(elected) of \(rounds), \(Double(rounds) * p) expected")
    #expect(off <= 5 * deviation + 1, "\(elected) of \(rounds), \(Double(rounds) * p) expected")
  }

  /// The time that it took is kept only if that was asked for.
  @Test func theCostIsKeptOnlyIfAskedFor() throws {
    let key = bytes("key")
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxEntries: 100)))
    defer { cache.close() }
    let first = cache.getOrClaim(key, claimMs: 1 << 30)
    cache.advance(ms: 100_000)
    #expect(cache.fulfill(key, [1], ttlMs: 10, staleMs: 10, token: first.token) == .ok)
    for _ in 0..<1000 { #expect(cache.getOrClaim(key, isEarly: true).token == 0) }
  }
}
