import CPlatform

/// The file that a cache is saved to: a header, then blocks of records.
///
///     4096 bytes   header (SavedHeader), then zeros
///     block        header (SavedBlock), then records (SavedRecord, key, value); zeros up to
///                  the next multiple of 4096
///     ...
///
/// Nothing in it depends on how a cache lies in memory, on its bounds or its shards. What
/// must hold, and why:
///
/// - **A damaged block loses itself alone.** Each block has its checksum, and its header,
///   which says where the next begins, another. If that one is wrong, the next block is
///   looked for at each multiple of 4096. A value may contain what looks like a block;
///   therefore every checksum begins with a random number that was drawn for this file when
///   all values were there already.
/// - **A file that was cut off gives what is whole.** No count and no table at its end is
///   needed. The header is written last, before the file has its name.
/// - **Times are those of the wall clock**, of one moment of the save: that of the record
///   minus that of the cache's own clock is the same for all.
/// - **The seed of the hash is not in it**, nor anything made with it.
/// - Most blocks are about a megabyte. A longer record is a block of its own.
package enum SavedFormat {
  package static let magic: (UInt64, UInt64) = (0x726F_6365_6863_6163, 0x0A64_6576_6173_2065)
  package static let version: UInt32 = 1
  package static let byteOrder: UInt32 = 0x0102_0304
  package static let blockMagic: UInt64 = 0x0A73_6472_6F63_6572

  /// Blocks begin at multiples of it; the first follows the header.
  package static let alignment: UInt64 = 4096
  /// What a block has for records, unless a single one takes more.
  package static let blockSize = 1 << 20 - MemoryLayout<SavedBlock>.size
  package static let recordSize = MemoryLayout<SavedRecord>.size

  package static func aligned(_ offset: UInt64) -> UInt64 {
    (offset + alignment - 1) & ~(alignment - 1)
  }

  /// The checksum of a struct that ends with it.
  package static func checksum<Struct>(
    of value: Struct, upTo size: Int = MemoryLayout<Struct>.size - 8, _ nonce: UInt64
  ) -> UInt64 {
    withUnsafeBytes(of: value) {
      Checksum.of(UnsafeRawBufferPointer(rebasing: $0[..<size]), seed: nonce)
    }
  }
}

/// What a deadline on the wall clock says when it is none.
enum SavedDeadline {
  static let never = Int64.max
  static let absence = Int64.min
}
