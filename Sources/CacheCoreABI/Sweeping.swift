import CCacheCore
import CacheCore

@c @implementation
public func cachecore_sweeper_options_init(
  _ options: UnsafeMutablePointer<cachecore_sweeper_options_t>?, _ struct_size: Int
) {
  initialize(options, struct_size)
}

@c @implementation
public func cachecore_sweeper_start(
  _ cache: OpaquePointer?, _ options: UnsafePointer<cachecore_sweeper_options_t>?
) -> cachecore_status_t {
  call(cache) { cache in
    guard let options else { return cache.sweeper.start(Sweeper.Options()) }
    var outcome = Outcome.ok
    guard let given = copyIn(options, &outcome) else { return outcome }
    return cache.sweeper.start(
      Sweeper.Options(
        flags: given.flags, intervalMs: given.interval_ms, maxSliceUs: given.max_slice_us))
  }
}

@c @implementation
public func cachecore_sweeper_stop(
  _ cache: OpaquePointer?, _ timeout_ms: UInt32
) -> cachecore_status_t {
  call(cache) { $0.sweeper.stop(timeoutMs: timeout_ms) }
}

@c @implementation
public func cachecore_sweeper_pause(_ cache: OpaquePointer?) -> cachecore_status_t {
  call(cache) { $0.sweeper.pause() }
}

@c @implementation
public func cachecore_sweeper_resume(_ cache: OpaquePointer?) -> cachecore_status_t {
  call(cache) { $0.sweeper.resume() }
}

@c @implementation
public func cachecore_sweeper_set_interval(
  _ cache: OpaquePointer?, _ interval_ms: UInt64
) -> cachecore_status_t {
  call(cache) { $0.sweeper.setInterval(ms: interval_ms) }
}

@c @implementation
public func cachecore_sweeper_trigger(
  _ cache: OpaquePointer?, _ removed_out: UnsafeMutablePointer<UInt64>?
) -> cachecore_status_t {
  var result: UInt64 = 0
  defer { removed_out?.pointee = result }
  return call(cache) { cache in
    var removed: UInt64 = 0
    let outcome = cache.sweeper.trigger(removed: &removed)
    if outcome == .ok { result = removed }
    return outcome
  }
}

@c @implementation
public func cachecore_sweeper_status(
  _ cache: OpaquePointer?, _ status_out: UnsafeMutablePointer<cachecore_sweeper_status_t>?
) -> cachecore_status_t {
  call(cache, filling: status_out) { cache, result in
    let reading = cache.sweeper.status()
    result.state = reading.phase
    result.healthy = reading.isHealthy ? 1 : 0
    result.leads = reading.leads ? 1 : 0
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
    return .ok
  }
}
