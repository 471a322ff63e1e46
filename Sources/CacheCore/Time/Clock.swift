import CPlatform
import Synchronization

/// Time in the cache: milliseconds since it was opened, counted from 1, on the
/// monotonic clock. 40 bits hold 34 years of it.
///
/// Two readings of one clock. `coarse` is the kernel's last tick (5 ns to read,
/// a few milliseconds behind) and alone decides whether an entry is alive. `exact`
/// (23 ns) is what deadlines are computed from, rounded up: since `coarse` is
/// never ahead of it, no entry expires early.
///
/// Should the system's clock ever be before that, as when a machine is moved to
/// another, it is as if no time had passed.
///
/// With the manual clock both are a word that only `advance` moves.
package struct Clock {
  /// A deadline that never comes; also the largest that 40 bits hold.
  package static let never: UInt64 = (1 << 40) - 1
  /// The farthest deadline that can be asked for.
  package static let farthest: UInt64 = never - 1
  /// Two years: a shorter lifetime reaches no farther in the first 32.
  package static let ordinaryTtlMs: UInt64 = 1 << 36
  /// Set in a deadline that is for an entry stored anew: a live one keeps its own.
  /// Alone it is the lifetime CACHECORE_TTL_KEEP.
  package static let orItsOwn: UInt64 = 1 << 63
  /// How far the manual clock may be moved: versions hold 38 bits of time.
  package static let manualLimit: UInt64 = (1 << 38) - 2

  private let baseNs: UInt64
  private let manualMs: UnsafeMutablePointer<Atomic<UInt64>>
  package let isManual: Bool

  @inline(__always)
  package init(baseNs: UInt64, manualMs: UnsafeMutablePointer<Atomic<UInt64>>, isManual: Bool) {
    self.baseNs = baseNs
    self.manualMs = manualMs
    self.isManual = isManual
  }

  @inline(__always)
  package var coarse: UInt64 {
    if isManual { return manualMs.relaxed }
    return sinceBase(platform_coarse_now_ns()) / 1_000_000 &+ 1
  }

  @inline(__always)
  package var exact: UInt64 {
    if isManual { return manualMs.relaxed }
    return (sinceBase(platform_now_ns()) &+ 999_999) / 1_000_000 &+ 1
  }

  /// Less than 2^63, so that nothing here overflows.
  @inline(__always)
  private func sinceBase(_ ns: UInt64) -> UInt64 {
    UInt64(truncatingIfNeeded: max(0, Int64(truncatingIfNeeded: ns &- baseNs)))
  }

  /// The deadline of something that may live for `ttlMs` from now.
  @inline(__always)
  package func deadline(in ttlMs: UInt64) -> UInt64 {
    let now = exact
    return ttlMs >= Clock.farthest - now ? Clock.farthest : now + ttlMs
  }

  /// Moves the manual clock. False if that is farther than it goes.
  package func advance(by ms: UInt64) -> Bool {
    var now = manualMs.relaxed
    while true {
      guard ms <= Clock.manualLimit, now + ms <= Clock.manualLimit else { return false }
      let (exchanged, original) = manualMs.pointee.compareExchange(
        expected: now, desired: now + ms, ordering: .relaxed)
      if exchanged { return true }
      now = original
    }
  }
}

extension Region {
  package var clock: Clock {
    @inline(__always) get {
      Clock(
        baseNs: header.pointee.clockBaseNs, manualMs: manualMs,
        isManual: header.pointee.isManualClock)
    }
  }
}
