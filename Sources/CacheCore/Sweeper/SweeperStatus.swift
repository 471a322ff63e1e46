/// What sweeps have done, over all of a cache's sweepers.
package struct SweeperReport {
  package var sweeps: UInt64
  package var removed: UInt64
  package var lastRemoved: UInt64
  package var lastDurationNs: UInt64
  package var longestSliceNs: UInt64
  /// 0: no sweep has ended yet.
  package var lastEndNs: UInt64
  package var errors: UInt64
  package var lastLagMs: UInt64
  package var longestLagMs: UInt64

  mutating func add(
    removed: UInt64, durationNs: UInt64, pace: Cache.Pace, hasFailed: Bool, endNs: UInt64
  ) {
    sweeps += 1
    self.removed += removed
    lastRemoved = removed
    lastDurationNs = durationNs
    longestSliceNs = max(longestSliceNs, pace.longestNs)
    lastLagMs = pace.longestLagMs
    longestLagMs = max(longestLagMs, pace.longestLagMs)
    lastEndNs = endNs
    if hasFailed { errors += 1 }
  }
}

package struct SweeperStatus {
  package let phase: UInt32
  package let isHealthy: Bool
  package let intervalMs: UInt64
  package let report: SweeperReport
  package let lastRunAgeMs: Int64
  package let backlog: UInt64
}
