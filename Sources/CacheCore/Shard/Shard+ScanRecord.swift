import CPlatform

// What a scan, and a list of keys in order, say of an entry.

extension Shard {
  /// What a record of it takes.
  func recordSize(of found: Found, withValue: Bool) -> Int {
    RecordBuffer.rounded(
      withValue
        ? MemoryLayout<ValueRecord>.size + found.key.count + Int(found.valueSize)
        : MemoryLayout<ScanRecord>.size + found.key.count)
  }

  /// Writes one record, as cachecore_scan_record_t has it, or, with the value, as
  /// cachecore_value_record_t does. False if there is no room.
  package func append(
    _ found: Found, withValue: Bool = false, to buffer: inout RecordBuffer, exactNow: UInt64
  ) -> Bool {
    let size = recordSize(of: found, withValue: withValue)
    guard let record = buffer.append(size: size) else { return false }
    let ttlMs = Shard.remaining(until: end(found.access, found.expiry), at: exactNow)
    let keySize = UInt32(found.key.count)
    let (headerSize, contentSize): (Int, Int)
    if withValue {
      headerSize = MemoryLayout<ValueRecord>.size
      // The value follows the key there as it does here.
      contentSize = found.key.count + Int(found.valueSize)
      record.storeBytes(
        of: ValueRecord(
          recordSize: UInt64(size), valueSize: found.valueSize, ttlMs: ttlMs, keySize: keySize),
        as: ValueRecord.self)
    } else {
      headerSize = MemoryLayout<ScanRecord>.size
      contentSize = found.key.count
      record.storeBytes(
        of: ScanRecord(
          recordSize: UInt32(size), keySize: keySize, valueSize: found.valueSize, ttlMs: ttlMs),
        as: ScanRecord.self)
    }
    platform_copy(record + headerSize, found.key.baseAddress!, contentSize)
    return true
  }

  /// The time left until an end, as the API reports it.
  @inline(__always)
  package static func remaining(until end: UInt64, at exactNow: UInt64) -> Int64 {
    end == Clock.never ? -1 : end > exactNow ? Int64(end - exactNow) : 0
  }
}
