/// What the figures of a cache suggest: rules of thumb with thresholds that the
/// caller may set. Nothing is said of what there is no figure for: a cache
/// without traffic has no hit rate, and so not a low one.
package enum Advice {
  package static let hitRateCritical: UInt32 = 1 << 0
  package static let hitRateLow: UInt32 = 1 << 1
  package static let hitRateGood: UInt32 = 1 << 2
  package static let hitRateExcellent: UInt32 = 1 << 3
  package static let ttlLow: UInt32 = 1 << 4
  package static let manyEntries: UInt32 = 1 << 5
  package static let errors: UInt32 = 1 << 6
  package static let memoryHigh: UInt32 = 1 << 7
  package static let withoutExpiry: UInt32 = 1 << 8

  /// Shares are in thousandths.
  package struct Thresholds {
    package var hitRateCritical: UInt32 = 500
    package var hitRateLow: UInt32 = 700
    package var hitRateExcellent: UInt32 = 900
    package var ttlLow: UInt32 = 300
    package var errors: UInt32 = 10
    package var memory: UInt32 = 800
    package var entries: UInt64 = 10_000
    package init() {}

    package var areShares: Bool {
      max(
        max(hitRateCritical, hitRateLow, hitRateExcellent), max(ttlLow, errors, memory)) <= 1000
    }
  }

  /// What it is drawn from.
  package struct Figures {
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    /// Failures, and the hits they are compared with.
    package var errors: UInt64 = 0
    package var errorHits: UInt64 = 0
    package var entries: UInt64 = 0
    package var bytesUsed: UInt64 = 0
    package var bytesLimit: UInt64 = 0
    /// 0 if there is none.
    package var expectedTtlMs: UInt64 = 0
    package var averageTtlMs: UInt64?
    package var withoutExpiry: UInt64 = 0
    package init() {}
  }

  package static func draw(_ figures: Figures, _ thresholds: Thresholds) -> UInt32 {
    // In floating point: sums and products may be longer than 64 bits.
    func share(_ part: UInt64, of whole: Double) -> Double { Double(part) / whole * 1000 }
    var advice: UInt32 = 0
    let lookUps = Double(figures.hits) + Double(figures.misses)
    if lookUps > 0 {
      let rate = share(figures.hits, of: lookUps)
      if rate < Double(thresholds.hitRateCritical) {
        advice |= hitRateCritical
      } else if rate < Double(thresholds.hitRateLow) {
        advice |= hitRateLow
      } else {
        advice |= rate < Double(thresholds.hitRateExcellent) ? hitRateGood : hitRateExcellent
      }
    }
    if let ttl = figures.averageTtlMs, figures.expectedTtlMs > 0,
      share(ttl, of: Double(figures.expectedTtlMs)) < Double(thresholds.ttlLow)
    {
      advice |= ttlLow
    }
    if figures.entries > thresholds.entries { advice |= manyEntries }
    if figures.errors > 0,
      share(figures.errors, of: Double(figures.errorHits)) > Double(thresholds.errors)
    {
      advice |= errors
    }
    if figures.bytesLimit > 0,
      share(figures.bytesUsed, of: Double(figures.bytesLimit)) > Double(thresholds.memory)
    {
      advice |= memoryHigh
    }
    if figures.withoutExpiry > 0 { advice |= withoutExpiry }
    return advice
  }

  /// What one piece of advice says.
  package static func text(_ advice: UInt32) -> StaticString {
    switch advice {
    case hitRateCritical:
      return "the hit rate is critical: the cache hardly helps; consider doubling the lifetimes"
    case hitRateLow: return "the hit rate is low: review lifetimes, size and what is cached"
    case hitRateGood: return "the hit rate is good"
    case hitRateExcellent: return "the hit rate is excellent"
    case ttlLow:
      return "entries are near expiry on average: they are replaced seldom or invalidated often"
    case manyEntries: return "there are many entries: clean up more eagerly, or review the growth"
    case errors: return "there are many errors beside the hits: check size, bounds and connections"
    case memoryHigh: return "memory is nearly used up: clean up more eagerly or shorten lifetimes"
    case withoutExpiry: return "some entries never expire: remove them, and see who stores them"
    default: return "no such advice"
    }
  }
}
