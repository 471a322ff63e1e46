import CPlatform

/// Writes a saved file: records are gathered to a block in memory, and blocks are written.
/// `append` works in memory alone, and may be called under a lock; the others wait for the
/// disk.
struct SavedWriter: ~Copyable {
  private var target: NewFile
  private let block: UnsafeMutableRawPointer
  private let nonce: UInt64
  /// Bytes and records in the block.
  private var used = 0
  private var records: UInt64 = 0
  /// Where the next block goes.
  private var offset = SavedFormat.alignment
  private(set) var entries: UInt64 = 0

  private static let headerSize = MemoryLayout<SavedBlock>.size

  init?(_ target: consuming NewFile) {
    guard let block = calloc(1, SavedWriter.headerSize + SavedFormat.blockSize) else { return nil }
    self.target = target
    self.block = block
    nonce = platform_entropy()
  }

  deinit { free(block) }

  /// Adds a record to the block. False if it has no room for it.
  @inline(__always)
  mutating func append(
    _ record: SavedRecord, _ key: UnsafeRawPointer, _ value: UnsafeRawPointer
  ) -> Bool {
    let room = SavedFormat.blockSize - used - SavedFormat.recordSize - Int(record.keySize)
    guard room >= 0, record.valueSize <= UInt64(room) else { return false }
    let at = block + SavedWriter.headerSize + used
    at.storeBytes(of: record, as: SavedRecord.self)
    let (keySize, valueSize) = (Int(record.keySize), Int(record.valueSize))
    platform_copy(at + SavedFormat.recordSize, key, keySize)
    if valueSize > 0 { platform_copy(at + SavedFormat.recordSize + keySize, value, valueSize) }
    used += SavedFormat.recordSize + keySize + valueSize
    records += 1
    return true
  }

  /// Whether the block is empty: then a record that has no room in it never has.
  var isEmpty: Bool { used == 0 }

  /// Writes the block, if there is anything in it.
  mutating func flush() -> Outcome {
    if used == 0 { return .ok }
    let contents = UnsafeRawBufferPointer(start: block + SavedWriter.headerSize, count: used)
    let header = header(
      size: UInt64(used), records, checksum: Checksum.of(contents, seed: nonce))
    block.storeBytes(of: header, as: SavedBlock.self)
    let size = SavedWriter.headerSize + used
    let outcome = target.file.write(UnsafeRawBufferPointer(start: block, count: size), at: offset)
    entries += records
    begin(after: UInt64(size))
    return outcome
  }

  /// Writes a record that is a block of its own.
  mutating func writeAlone(
    _ record: SavedRecord, _ key: UnsafeRawPointer, _ value: UnsafeRawPointer
  ) -> Outcome {
    var outcome = flush()
    if outcome != .ok { return outcome }
    let key = UnsafeRawBufferPointer(start: key, count: Int(record.keySize))
    let value = UnsafeRawBufferPointer(start: value, count: Int(record.valueSize))
    let front = SavedWriter.headerSize + SavedFormat.recordSize
    (block + SavedWriter.headerSize).storeBytes(of: record, as: SavedRecord.self)
    memcpy(block + front, key.baseAddress!, key.count)
    let contents = UnsafeRawBufferPointer(
      start: block + SavedWriter.headerSize, count: SavedFormat.recordSize + key.count)
    var checksum = Checksum(seed: nonce)
    checksum.add(contents)
    checksum.add(value)
    let header = header(
      size: UInt64(contents.count) + record.valueSize, 1, checksum: checksum.value)
    block.storeBytes(of: header, as: SavedBlock.self)
    outcome = target.file.write(
      UnsafeRawBufferPointer(start: block, count: front + key.count), at: offset)
    if outcome != .ok { return outcome }
    let valueAt = offset + UInt64(front + key.count)
    outcome = target.file.write(value, at: valueAt)
    entries += 1
    begin(after: valueAt - offset + record.valueSize)
    return outcome
  }

  private mutating func begin(after size: UInt64) {
    offset = SavedFormat.aligned(offset + size)
    (used, records) = (0, 0)
  }

  private func header(size: UInt64, _ records: UInt64, checksum: UInt64) -> SavedBlock {
    var header = SavedBlock(
      magic: SavedFormat.blockMagic, size: size, records: records, checksum: checksum,
      headerChecksum: 0)
    header.headerChecksum = SavedFormat.checksum(of: header, nonce)
    return header
  }

  /// Writes what is left and the file's header, and gives the file its name.
  mutating func finish(savedMs: Int64, ttiMs: UInt64) -> Outcome {
    var outcome = flush()
    if outcome != .ok { return outcome }
    var header = SavedHeader(
      magic0: SavedFormat.magic.0, magic1: SavedFormat.magic.1, version: SavedFormat.version,
      byteOrder: SavedFormat.byteOrder, savedMs: savedMs, ttiMs: ttiMs, entries: entries,
      nonce: nonce, checksum: 0)
    header.checksum = SavedFormat.checksum(of: header, nonce)
    memset(block, 0, Int(SavedFormat.alignment))
    block.storeBytes(of: header, as: SavedHeader.self)
    outcome = target.file.write(
      UnsafeRawBufferPointer(start: block, count: Int(SavedFormat.alignment)), at: 0)
    return outcome == .ok ? target.complete() : outcome
  }
}
