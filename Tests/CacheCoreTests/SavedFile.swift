import CacheCore
import Foundation
import Synchronization
import Testing

/// A file for a cache to be saved to, in a folder of its own, which goes with it.
final class SavedFile {
  let name = "cache.saved"
  private let directory: String
  var path: String { directory + "/" + name }

  init() {
    var template = Array((NSTemporaryDirectory() + "/cachecore-XXXXXX").utf8CString)
    directory = template.withUnsafeMutableBufferPointer {
      String(cString: mkdtemp($0.baseAddress!))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// What a test stores.
  static func value(of number: Int, size: Int) -> [UInt8] {
    var value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size)
    for (i, byte) in "\(number)".utf8.enumerated() where i < size { value[i] = byte }
    return value
  }

  func folder() -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
  }

  /// Its contents; of mode 0600 when they are set.
  var bytes: [UInt8] {
    get { [UInt8](FileManager.default.contents(atPath: path) ?? Data()) }
    set {
      FileManager.default.createFile(
        atPath: path, contents: Data(newValue), attributes: [.posixPermissions: 0o600])
    }
  }

  struct Block {
    var offset: Int
    var header: SavedBlock
    var records: Int { Int(header.records) }
    /// Of the records.
    var bytes: Range<Int> {
      offset + MemoryLayout<SavedBlock>.size..<offset + MemoryLayout<SavedBlock>.size
        + Int(header.size)
    }
  }

  /// The blocks of a file that is whole.
  func blocks() -> [Block] {
    let bytes = self.bytes
    var (blocks, offset): ([Block], Int) = ([], 4096)
    while offset < bytes.count {
      let header = bytes.withUnsafeBytes {
        $0.loadUnaligned(fromByteOffset: offset, as: SavedBlock.self)
      }
      blocks.append(Block(offset: offset, header: header))
      offset = Int(SavedFormat.aligned(UInt64(blocks.last!.bytes.upperBound)))
    }
    return blocks
  }

  // MARK: Changes, with checksums that are right

  func changeHeader(_ change: (inout SavedHeader) -> Void) {
    var bytes = self.bytes
    bytes.withUnsafeMutableBytes { bytes in
      var header = bytes.loadUnaligned(as: SavedHeader.self)
      change(&header)
      header.checksum = SavedFormat.checksum(of: header, header.nonce)
      bytes.storeBytes(of: header, as: SavedHeader.self)
    }
    self.bytes = bytes
  }

  /// Changes the records of each block.
  func damage(_ change: (UnsafeMutableRawBufferPointer) -> Void) {
    let blocks = self.blocks()
    var bytes = self.bytes
    bytes.withUnsafeMutableBytes { bytes in
      let nonce = bytes.loadUnaligned(as: SavedHeader.self).nonce
      for block in blocks {
        let records = UnsafeMutableRawBufferPointer(rebasing: bytes[block.bytes])
        change(records)
        var header = block.header
        header.checksum = Checksum.of(UnsafeRawBufferPointer(records), seed: nonce)
        header.headerChecksum = SavedFormat.checksum(of: header, nonce)
        bytes.storeBytes(of: header, toByteOffset: block.offset, as: SavedBlock.self)
      }
    }
    self.bytes = bytes
  }

  /// Moves every time in it.
  func move(by ms: Int64) {
    changeHeader { $0.savedMs += ms }
    damage { records in
      var at = 0
      while at < records.count {
        var record = records.loadUnaligned(fromByteOffset: at, as: SavedRecord.self)
        if record.deadline != .max, record.deadline != .min { record.deadline += ms }
        if record.windowEnd != 0 { record.windowEnd += ms }
        record.lastUsed += ms
        records.storeBytes(of: record, toByteOffset: at, as: SavedRecord.self)
        at += MemoryLayout<SavedRecord>.size + Int(record.keySize) + Int(record.valueSize)
      }
    }
  }
}

extension TestCache {
  static func forSaving(
    policy: UInt32 = Options.policyLRU, flags: UInt32 = Options.manualClock,
    shards: UInt32 = 1, maxEntries: UInt64 = 0, maxBytes: UInt64 = 0, ttiMs: UInt64 = 0
  ) throws -> TestCache {
    let bound = maxEntries == 0 && maxBytes == 0 ? 100_000 : maxEntries
    return try #require(
      TestCache(
        Options(
          policy: policy, flags: flags, shardCount: shards, maxEntries: bound,
          maxBytes: maxBytes, defaultTtiMs: ttiMs)))
  }

  func saveEntries(to file: SavedFile) -> (Outcome, UInt64) {
    var saved: UInt64 = 0
    let outcome = file.path.withCString { cache.saveEntries(to: $0, saved: &saved) }
    return (outcome, saved)
  }

  func loadEntries(from file: SavedFile) -> (Outcome, UInt64) {
    var stored: UInt64 = 0
    let outcome = file.path.withCString { cache.loadEntries(from: $0, stored: &stored) }
    return (outcome, stored)
  }
}

/// Raised by one thread, seen by others, who count themselves when they are done.
final class Flag: Sendable {
  private let raised = Atomic<Bool>(false)
  private let done = Atomic<Int>(0)
  var isRaised: Bool { raised.load(ordering: .relaxed) }
  func raise() { raised.store(true, ordering: .relaxed) }
  var counted: Int { done.load(ordering: .acquiring) }
  func count() { done.add(1, ordering: .releasing) }
}
