/// When a value that is still fresh is computed anew, so that its deadline finds another.
///
/// XFetch (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
/// Prevention", VLDB 2015): each reader throws dice, and the closer the deadline and the
/// longer the value took to compute, the likelier they say yes. A value with d
/// milliseconds to go that took c to compute is refreshed with probability exp(-d/c) a
/// reading.
package enum EarlyRefresh {
  /// `random`: 64 bits, each as likely as not.
  package static func isDue(leftMs: UInt64, computeMs: UInt64, random: UInt64) -> Bool {
    // Beyond 45 times the cost no 64 bits say yes.
    guard computeMs > 0, leftMs <= 45 &* computeMs else { return false }
    return Double(leftMs) <= Double(computeMs) * exponential(random)
  }

  /// -ln u, for the u in (0, 1) that the bits stand for: exponentially distributed with
  /// mean 1. Accurate to six digits; libm is not needed for it.
  package static func exponential(_ random: UInt64) -> Double {
    let bits = random | 1
    let zeros = bits.leadingZeroBitCount
    // u = m / 2^(zeros + 1), with 1 <= m < 2.
    let m = Double(bits << UInt64(zeros)) / 0x1p63
    let t = (m - 1) / (m + 1)
    let square = t * t
    let series = 1 + square * (1.0 / 3 + square * (1.0 / 5 + square * (1.0 / 7 + square / 9)))
    return Double(zeros + 1) * 0.693_147_180_559_945_3 - 2 * t * series
  }
}
