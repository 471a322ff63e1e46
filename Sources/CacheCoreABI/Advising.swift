import CCacheCore
import CacheCore

/// Replaces a setting unless 0 was given, which stands for the default.
private func choose<Number: FixedWidthInteger>(_ setting: inout Number, _ given: Number) {
  if given != 0 { setting = given }
}

@c @implementation
public func cachecore_window(
  _ cache: OpaquePointer?, _ window_ms: UInt64,
  _ window_out: UnsafeMutablePointer<cachecore_window_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let window_out else { return argumentError }
  status = check(window_out)
  guard status == success else { return status }
  let reading = cache.lately(window_ms == 0 ? UInt64.max : window_ms)
  var result = cachecore_window_t()
  result.hits = reading.hits
  result.misses = reading.misses
  result.span_ms = reading.ms
  return fill(window_out, with: result)
}

@c @implementation
public func cachecore_audit(
  _ cache: OpaquePointer?, _ prefix: UnsafeRawPointer?, _ prefix_size: Int,
  _ options: UnsafePointer<cachecore_audit_options_t>?,
  _ audit_out: UnsafeMutablePointer<cachecore_audit_t>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let audit_out, let prefix = value(prefix, prefix_size) else { return argumentError }
  status = check(audit_out)
  guard status == success else { return status }
  var chosen = Audit.Options()
  if let options {
    guard let given = read(options, &status) else { return status }
    guard given.remove_kinds & ~Audit.Kind.all == 0, given.reserved == 0 else {
      return argumentError
    }
    chosen.removing = given.remove_kinds
    choose(&chosen.nearExpiryMs, given.near_expiry_ms)
    choose(&chosen.idleMs, given.idle_ms)
    choose(&chosen.batchSize, UInt64(given.batch_size))
  }
  let audit = cache.audit(prefix, chosen)
  var result = cachecore_audit_t()
  result.scanned = audit.scanned
  result.expired = audit.expired
  result.near_expiry = audit.nearExpiry
  result.without_expiry = audit.withoutExpiry
  result.idle = audit.idle
  result.removed = audit.removed
  result.bytes = audit.bytes
  result.removed_bytes = audit.removedBytes
  result.average_ttl_ms = audit.averageTtlMs.map { Int64($0) } ?? -1
  result.average_age_ms = audit.averageAgeMs.map { Int64($0) } ?? -1
  return fill(audit_out, with: result)
}

@c @implementation
public func cachecore_advise(
  _ cache: OpaquePointer?, _ options: UnsafePointer<cachecore_advice_options_t>?,
  _ audit: UnsafePointer<cachecore_audit_t>?, _ advice_out: UnsafeMutablePointer<UInt32>?
) -> cachecore_status_t {
  var status = success
  guard let cache = open(cache, &status) else { return status }
  guard let advice_out else { return argumentError }
  var thresholds = Advice.Thresholds()
  var figures = Advice.Figures()
  figures.expectedTtlMs = cache.region.header.pointee.defaultTtlMs
  var window: UInt64 = 0
  if let options {
    guard let given = read(options, &status) else { return status }
    choose(&thresholds.hitRateCritical, given.hit_rate_critical)
    choose(&thresholds.hitRateLow, given.hit_rate_low)
    choose(&thresholds.hitRateExcellent, given.hit_rate_excellent)
    choose(&thresholds.ttlLow, given.ttl_low)
    choose(&thresholds.errors, given.error_share)
    choose(&thresholds.memory, given.memory_share)
    choose(&thresholds.entries, given.entries_high)
    choose(&figures.expectedTtlMs, given.expected_ttl_ms)
    figures.errors = given.errors
    window = given.window_ms
    guard thresholds.areShares, given.reserved == 0 else { return argumentError }
  }
  if let audit {
    guard let given = read(audit, &status) else { return status }
    figures.averageTtlMs = given.average_ttl_ms < 0 ? nil : UInt64(given.average_ttl_ms)
    figures.withoutExpiry = given.without_expiry
  }
  cache.addFigures(&figures, windowMs: window)
  advice_out.pointee = Advice.draw(figures, thresholds)
  return success
}

@c @implementation
public func cachecore_advice_text(_ advice: UInt32) -> UnsafePointer<CChar>? {
  text(Advice.text(advice))
}
