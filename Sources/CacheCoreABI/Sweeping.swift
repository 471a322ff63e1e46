import CCacheCore
import CacheCore

@c @implementation
public func cachecore_sweeper_options_init(
  _ options: UnsafeMutablePointer<cachecore_sweeper_options_t>?
) {
  guard let options else { return }
  options.pointee = cachecore_sweeper_options_t()
  options.pointee.struct_size = UInt32(MemoryLayout<cachecore_sweeper_options_t>.size)
}

@c @implementation
public func cachecore_sweeper_start(
  _ cache: OpaquePointer?, _ options: UnsafePointer<cachecore_sweeper_options_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let options else { return cache.sweeper.start(Sweeper.Options()).rawValue }
  guard let given = read(options, &status) else { return status }
  return cache.sweeper.start(
    Sweeper.Options(
      flags: given.flags, intervalMs: given.interval_ms, maxSliceUs: given.max_slice_us)
  ).rawValue
}

@c @implementation
public func cachecore_sweeper_stop(
  _ cache: OpaquePointer?, _ timeout_ms: UInt32
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  return cache.sweeper.stop(timeoutMs: timeout_ms).rawValue
}

@c @implementation
public func cachecore_sweeper_pause(_ cache: OpaquePointer?) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  return cache.sweeper.pause().rawValue
}

@c @implementation
public func cachecore_sweeper_resume(_ cache: OpaquePointer?) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  return cache.sweeper.resume().rawValue
}

@c @implementation
public func cachecore_sweeper_set_interval(
  _ cache: OpaquePointer?, _ interval_ms: UInt64
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  return cache.sweeper.setInterval(ms: interval_ms).rawValue
}

@c @implementation
public func cachecore_sweeper_trigger(
  _ cache: OpaquePointer?, _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  var removed: UInt64 = 0
  let outcome = cache.sweeper.trigger(removed: &removed)
  if outcome == .ok { removed_out?.pointee = removed }
  return outcome.rawValue
}

@c @implementation
public func cachecore_sweeper_status(
  _ cache: OpaquePointer?, _ status_out: UnsafeMutablePointer<cachecore_sweeper_status_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let status_out else { return argumentError }
  status = check(status_out)
  guard status == success else { return status }
  let reading = cache.sweeper.status()
  var result = cachecore_sweeper_status_t()
  result.state = reading.phase
  result.healthy = reading.isHealthy ? 1 : 0
  result.interval_ms = reading.intervalMs
  result.sweeps_run = reading.report.sweeps
  result.entries_removed = reading.report.removed
  result.last_removed = reading.report.lastRemoved
  result.last_duration_ns = reading.report.lastDurationNs
  result.max_slice_ns = reading.report.longestSliceNs
  result.last_run_age_ms = reading.lastRunAgeMs
  result.errors = reading.report.errors
  result.backlog = reading.backlog
  result.last_lag_ms = reading.report.lastLagMs
  result.max_lag_ms = reading.report.longestLagMs
  return fill(status_out, with: result)
}
