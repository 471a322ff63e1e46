import CCacheCore
import CacheCore

/// Replaces a setting unless 0 was given, which stands for the default.
private func choose<Number: FixedWidthInteger>(_ setting: inout Number, _ given: Number) {
  if given != 0 { setting = given }
}

@c @implementation
public func cachecore_audit(
  _ cache: OpaquePointer?, _ prefix: UnsafeRawPointer?, _ prefix_size: Int,
  _ options: UnsafePointer<cachecore_audit_options_t>?,
  _ audit_out: UnsafeMutablePointer<cachecore_audit_t>?
) -> cachecore_status_t {
  var result = cachecore_audit_t()
  defer { fill(audit_out, with: result) }
  return call(cache) { cache in
    guard let prefix = value(prefix, prefix_size) else { return .argument }
    var outcome = check(audit_out)
    guard outcome == .ok else { return outcome }
    var chosen = Audit.Options()
    if let options {
      guard let given = copyIn(options, &outcome) else { return outcome }
      guard given.remove_kinds & ~Audit.Kind.all == 0, given.reserved == 0 else {
        return .argument
      }
      chosen.removing = given.remove_kinds
      choose(&chosen.nearExpiryMs, given.near_expiry_ms)
      choose(&chosen.idleMs, given.idle_ms)
      choose(&chosen.batchSize, UInt64(given.batch_size))
    }
    let audit = cache.audit(prefix, chosen)
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
    return .ok
  }
}
