// What lies in a file that `save` writes (Saving/). Numbers are little-endian, whatever
// the machine. Nothing here is of a region: a file is read by a cache of any layout.

/// What a saved file begins with. The first block begins at 4096.
package struct SavedHeader {
  /// "cachecore saved\n", in two words.
  package var magic0: UInt64
  package var magic1: UInt64
  /// Of the format; a reader refuses what is newer than it.
  package var version: UInt32
  /// 0x01020304.
  package var byteOrder: UInt32
  /// The wall clock at the end of the save, in milliseconds since 1970.
  package var savedMs: Int64
  /// The time to idle of the cache that was saved; 0: none.
  package var ttiMs: UInt64
  /// Records in the file.
  package var entries: UInt64
  /// Random; every checksum of this file begins with it.
  package var nonce: UInt64
  /// Of all before it.
  package var checksum: UInt64
}

/// What a block begins with, at a multiple of 4096. Records follow.
package struct SavedBlock {
  /// "records\n".
  package var magic: UInt64
  /// Of all records, in bytes.
  package var size: UInt64
  /// How many there are.
  package var records: UInt64
  /// Of the records.
  package var checksum: UInt64
  /// Of this header up to here.
  package var headerChecksum: UInt64
}

/// One entry; the key's bytes follow, then the value's.
package struct SavedRecord {
  package var valueSize: UInt64
  /// On the wall clock, in milliseconds since 1970; Int64.max: never, Int64.min: the entry
  /// says that there is no value.
  package var deadline: Int64
  /// The end of its window; 0: it has none.
  package var windowEnd: Int64
  /// When it was used last.
  package var lastUsed: Int64
  package var keySize: UInt32
  /// What it took to compute, if it has a window.
  package var computeMs: UInt32
}
