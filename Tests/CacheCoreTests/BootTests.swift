import CPlatform
import CacheCore
import Foundation
import Testing

/// Files of shared caches that another boot of the machine has left.
@Suite struct BootTests {
  private let path = "/dev/shm/cachecore-boot-\(UUID().uuidString)"

  private func open(flags: UInt32 = 0) throws -> TestCache {
    var refusal = Refusal.memory
    let cache = path.withCString { path in
      var sharing = SharingOptions()
      sharing.path = path
      return Cache.openShared(
        Options(flags: flags, shardCount: 2, maxBytes: 1 << 20), sharing, refusal: &refusal)
    }
    return TestCache(try #require(cache, "\(refusal)"))
  }

  /// Where the words of all processes are in the file.
  private func sharingOffset(_ cache: TestCache) -> Int {
    let region = cache.cache.region
    return UnsafeMutableRawPointer(region.sharing) - region.base
  }

  /// Changes the words in the file, which nobody has mapped.
  private func change(at offset: Int, _ body: (inout SharingWords) -> Void) throws {
    var bytes = try #require(FileManager.default.contents(atPath: path))
    bytes.withUnsafeMutableBytes {
      body(&($0.baseAddress! + offset).assumingMemoryBound(to: SharingWords.self).pointee)
    }
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.write(contentsOf: bytes)
    try file.close()
  }

  private func anotherBoot(_ words: inout SharingWords) { words.boot[0] ^= 1 }

  @Test func whatWasClosedIsUsedInTheNextBoot() throws {
    defer { unlink(path) }
    var cache = try open()
    let offset = sharingOffset(cache)
    #expect(cache.set(bytes("lasting"), bytes("1")) == .ok)
    #expect(cache.set(bytes("long"), bytes("2"), ttlMs: 100_000_000) == .ok)
    #expect(cache.set(bytes("short"), bytes("3"), ttlMs: 50_000_000) == .ok)
    let version = try #require(cache.info(bytes("long"))?.version)
    cache.close()
    // The machine was off for 60 000 seconds.
    try change(at: offset) {
      anotherBoot(&$0)
      #expect($0.closedWallMs > 1 << 40 && $0.closedMs >= 1)
      $0.closedWallMs -= 60_000_000
    }
    cache = try open()
    #expect(cache.get(bytes("lasting")) == bytes("1"))
    #expect(cache.get(bytes("short")) == nil)
    let left = try #require(cache.remaining(bytes("long")))
    #expect(left <= 40_000_000 && left > 35_000_000)
    #expect(cache.set(bytes("long"), bytes("4")) == .ok)
    #expect(try #require(cache.info(bytes("long"))?.version) > version)
    cache.cache.checkInvariants()
    cache.close()
    // The wall clock was set back meanwhile: no time has passed.
    try change(at: offset) {
      anotherBoot(&$0)
      $0.closedWallMs += 60_000_000
    }
    cache = try open()
    #expect(cache.get(bytes("lasting")) == bytes("1"))
    cache.close()
  }

  /// A process that was killed, or a power loss, leaves a file that may be of any moments.
  @Test func whatWasNotClosedIsNot() throws {
    defer { unlink(path) }
    var cache = try open()
    let offset = sharingOffset(cache)
    #expect(cache.set(bytes("key"), bytes("1")) == .ok)
    cache.close()
    // Opened again, it is in use.
    cache = try open()
    #expect(cache.get(bytes("key")) == bytes("1"))
    #expect(cache.cache.region.sharing.pointee.closedWallMs == 0)
    let inUse = try #require(FileManager.default.contents(atPath: path))
    cache.close()
    FileManager.default.createFile(
      atPath: path, contents: inUse, attributes: [.posixPermissions: 0o600])
    try change(at: offset, anotherBoot)
    cache = try open()
    #expect(cache.get(bytes("key")) == nil)
    #expect(cache.set(bytes("key"), bytes("2")) == .ok)
    cache.close()
  }

  @Test func timesThatCannotBeAreNotUsed() throws {
    defer { unlink(path) }
    for (closedMs, isUsed): (UInt64, Bool) in [
      (0, false), (1, true), (Clock.manualLimit / 2, true), (Clock.manualLimit, false),
      (UInt64.max, false),
    ] {
      var cache = try open()
      let offset = sharingOffset(cache)
      #expect(cache.set(bytes("key"), bytes("1")) == .ok)
      cache.close()
      try change(at: offset) {
        anotherBoot(&$0)
        $0.closedMs = closedMs
      }
      cache = try open()
      #expect((cache.get(bytes("key")) != nil) == isUsed, "\(closedMs)")
      cache.cache.checkInvariants()
      cache.close()
    }
  }

  @Test func aManualClockStays() throws {
    defer { unlink(path) }
    var cache = try open(flags: Options.manualClock)
    let offset = sharingOffset(cache)
    #expect(cache.cache.advanceClock(by: 1000) == .ok)
    #expect(cache.set(bytes("key"), bytes("1"), ttlMs: 500) == .ok)
    cache.close()
    try change(at: offset) {
      anotherBoot(&$0)
      $0.closedWallMs = 1
    }
    cache = try open(flags: Options.manualClock)
    #expect(cache.remaining(bytes("key")) == 500)
    cache.close()
  }
}
