import CCacheCore
import CacheCore

// The table of the statistics' fields, for programs that export all of them.

/// A field of cachecore_stats_t, in words.
private struct StatsField {
  let kind: Int
  let name: StaticString
  let unit: StaticString
  let help: StaticString

  static func counter(
    _ name: StaticString, _ unit: StaticString, _ help: StaticString
  ) -> StatsField {
    StatsField(kind: Int(CACHECORE_FIELD_COUNTER), name: name, unit: unit, help: help)
  }

  static func gauge(
    _ name: StaticString, _ unit: StaticString, _ help: StaticString
  ) -> StatsField {
    StatsField(kind: Int(CACHECORE_FIELD_GAUGE), name: name, unit: unit, help: help)
  }

  /// The field with this number in the order of the struct; nil: there is none.
  static func field(_ number: UInt32) -> StatsField? {
    switch number {
    case 0: .gauge("shard_count", "shards", "Shards in use.")
    case 1: .gauge("entries", "entries", "Live entries.")
    case 2: .gauge("bytes_used", "bytes", "Memory in use: entries, index and bookkeeping.")
    case 3: .gauge("bytes_limit", "bytes", "The bound on memory in use; 0: none.")
    case 4: .gauge("entries_limit", "entries", "The bound on entries; 0: none.")
    case 5: .counter("hits", "reads", "Reads that found a live entry.")
    case 6: .counter("misses", "reads", "Reads that found none.")
    case 7:
      .counter("inserts", "writes", "Values and absences stored where there was no live entry.")
    case 8: .counter("updates", "writes", "Values stored in place of a live entry.")
    case 9: .counter("deletes", "entries", "Live entries that were deleted.")
    case 10: .counter("evictions", "entries", "Live entries that were removed to make room.")
    case 11:
      .counter("expirations", "entries", "Entries that were removed because they had expired.")
    case 12:
      .counter("refused", "writes", "Writes that stored nothing: too large, full, or no memory.")
    case 13:
      .gauge("bytes_resident", "bytes", "Memory held from the system, free space included.")
    case 14:
      .counter("removals_lost", "removals", "Removals that were dropped before they were taken.")
    case 15: .gauge("expired", "entries", "Entries past their deadline that are still there.")
    case 16:
      .gauge("entries_before", "entries", "Entries that were there when the counters began.")
    case 17: .gauge("stale", "entries", "Values past their deadline that may still be served.")
    case 18: .gauge("absent", "entries", "Entries that say that there is no value.")
    case 19: .counter("stale_served", "reads", "Reads that were served a stale value.")
    case 20: .counter("absent_served", "reads", "Reads that were told that there is no value.")
    default: nil
    }
  }
}

@c @implementation
public func cachecore_stats_field(
  _ number: UInt32, _ field_out: UnsafeMutablePointer<cachecore_stats_field_t>?
) -> cachecore_status_t {
  var result = cachecore_stats_field_t()
  defer { fill(field_out, with: result) }
  let outcome = check(field_out)
  guard outcome == .ok else { return outcome.rawValue }
  guard let field = StatsField.field(number) else { return Outcome.miss.rawValue }
  result.kind = UInt32(field.kind)
  result.name = text(field.name)
  result.unit = text(field.unit)
  result.help = text(field.help)
  // struct_size and shard_count have four bytes each, all others eight, without a hole.
  result.size = number == 0 ? 4 : 8
  result.offset = number == 0 ? 4 : 8 * number
  return Outcome.ok.rawValue
}
