import CPlatform

/// Reads a saved file, a block at a time. The file is whatever somebody has put there: each
/// number in it is compared with what there is before it is used.
struct SavedReader: ~Copyable {
  private let file: OpenFile
  private let fileSize: UInt64
  let header: SavedHeader
  private var buffer: UnsafeMutableRawBufferPointer
  /// Where the next block may begin.
  private var offset = SavedFormat.alignment
  /// Whether there was no memory for a block.
  private(set) var isShortOfMemory = false

  private static let headerSize = UInt64(MemoryLayout<SavedBlock>.size)

  deinit { free(buffer.baseAddress) }

  private init(
    _ file: consuming OpenFile, _ size: UInt64, _ header: SavedHeader,
    _ buffer: UnsafeMutableRawBufferPointer
  ) {
    self.file = file
    fileSize = size
    self.header = header
    self.buffer = buffer
  }

  /// Opens a file that nobody but its owner and root can have written, or says why not.
  /// A pipe is not waited for.
  static func open(_ path: UnsafePointer<CChar>, _ outcome: inout Outcome) -> SavedReader? {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    guard let file = OpenFile.open(path, flags, &outcome) else { return nil }
    var status = platform_file_kind_t()
    outcome = file.status(&status)
    if outcome != .ok { return nil }
    var header = SavedHeader(
      magic0: 0, magic1: 0, version: 0, byteOrder: 0, savedMs: 0, ttiMs: 0, entries: 0, nonce: 0,
      checksum: 0)
    outcome = .layout
    guard status.is_regular else { return nil }
    if !status.is_own_or_roots || status.is_writable_by_others {
      outcome = .access
      return nil
    }
    guard withUnsafeMutableBytes(of: &header, { file.read($0, at: 0) }), isSane(header) else {
      return nil
    }
    guard let memory = calloc(1, SavedFormat.blockSize) else {
      outcome = .noMemory
      return nil
    }
    outcome = .ok
    let buffer = UnsafeMutableRawBufferPointer(start: memory, count: SavedFormat.blockSize)
    return SavedReader(file, status.size, header, buffer)
  }

  private static func isSane(_ header: SavedHeader) -> Bool {
    (header.magic0, header.magic1) == SavedFormat.magic
      && header.version == SavedFormat.version && header.byteOrder == SavedFormat.byteOrder
      && header.checksum == SavedFormat.checksum(of: header, header.nonce)
  }

  /// The records of the next block that is whole, and not longer than `longest`. nil at the
  /// end of the file. They stay until the next call.
  mutating func next(longest: UInt64) -> UnsafeRawBufferPointer? {
    while offset < fileSize, fileSize - offset > SavedReader.headerSize {
      guard let block = block(at: offset) else {
        offset += SavedFormat.alignment
        continue
      }
      let contents = offset + SavedReader.headerSize
      offset = SavedFormat.aligned(contents + block.size)
      if block.size > max(longest, UInt64(SavedFormat.blockSize)) { continue }
      guard let bytes = room(for: Int(block.size)) else { return nil }
      guard file.read(bytes, at: contents) else { continue }
      let records = UnsafeRawBufferPointer(bytes)
      if Checksum.of(records, seed: header.nonce) == block.checksum { return records }
    }
    return nil
  }

  /// The header of a block that lies within the file; nil if there is none.
  private func block(at offset: UInt64) -> SavedBlock? {
    var block = SavedBlock(magic: 0, size: 0, records: 0, checksum: 0, headerChecksum: 0)
    guard withUnsafeMutableBytes(of: &block, { file.read($0, at: offset) }),
      block.magic == SavedFormat.blockMagic,
      block.headerChecksum == SavedFormat.checksum(of: block, header.nonce),
      block.size <= fileSize - offset - SavedReader.headerSize
    else { return nil }
    return block
  }

  private mutating func room(for size: Int) -> UnsafeMutableRawBufferPointer? {
    if size > buffer.count {
      guard let memory = calloc(1, size) else {
        isShortOfMemory = true
        return nil
      }
      free(buffer.baseAddress)
      buffer = UnsafeMutableRawBufferPointer(start: memory, count: size)
    }
    return UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
  }
}

/// A record in a block: the header, and where key and value are.
struct LoadedRecord {
  let header: SavedRecord
  let key: UnsafeRawBufferPointer
  let value: UnsafeRawBufferPointer

  /// The first record of what is left of a block, which begins after it then; nil if there
  /// is none that lies within it.
  static func take(from block: inout UnsafeRawBufferPointer) -> LoadedRecord? {
    guard block.count >= SavedFormat.recordSize else { return nil }
    let header = block.loadUnaligned(as: SavedRecord.self)
    let rest = UnsafeRawBufferPointer(rebasing: block[SavedFormat.recordSize...])
    guard header.keySize >= 1, header.keySize <= UInt32(Options.keySizeMax),
      Int(header.keySize) <= rest.count,
      header.valueSize <= UInt64(rest.count - Int(header.keySize))
    else { return nil }
    let (keySize, end) = (Int(header.keySize), Int(header.keySize) + Int(header.valueSize))
    block = UnsafeRawBufferPointer(rebasing: rest[end...])
    return LoadedRecord(
      header: header, key: UnsafeRawBufferPointer(rebasing: rest[..<keySize]),
      value: UnsafeRawBufferPointer(rebasing: rest[keySize..<end]))
  }
}
