// What is written into a caller's buffer: the structs of cachecore.h that keys
// and values follow.

/// cachecore_scan_record_t.
package struct ScanRecord {
  package var recordSize: UInt32
  package var keySize: UInt32
  package var valueSize: UInt64
  package var ttlMs: Int64
}

/// cachecore_value_record_t.
package struct ValueRecord {
  package var recordSize: UInt64
  package var valueSize: UInt64
  package var ttlMs: Int64
  package var keySize: UInt32
  package var reserved: UInt32 = 0
}

/// cachecore_removal_record_t.
package struct RemovalRecord {
  package var recordSize: UInt64
  package var valueSize: UInt64
  package var keySize: UInt32
  package var cause: UInt32
}
