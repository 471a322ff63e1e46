extension SweeperReport {
  /// Adds a sweep.
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
  package let leads: Bool
  package let intervalMs: UInt64
  package let report: SweeperReport
  package let lastRunAgeMs: Int64
  package let backlog: UInt64
}
