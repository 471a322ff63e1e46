import CacheCore
import Testing

@Suite struct RemovalTests {
  struct Report: Equatable {
    var key: [UInt8]
    var value: [UInt8]
    var cause: Removal.Cause
  }

  private func take(_ cache: TestCache, capacity: Int = 4096) -> [Report] {
    var reports: [Report] = []
    var words = [UInt64](repeating: 0, count: capacity / 8)
    words.withUnsafeMutableBytes { bytes in
      var buffer = RecordBuffer(bytes)
      cache.cache.takeRemovals(into: &buffer)
      var at = 0
      while at < buffer.used {
        let record = bytes.load(fromByteOffset: at, as: RemovalRecord.self)
        let (keySize, valueSize) = (Int(record.keySize), Int(record.valueSize))
        let content = at + MemoryLayout<RemovalRecord>.size
        reports.append(
          Report(
            key: Array(bytes[content..<content + keySize]),
            value: Array(bytes[content + keySize..<content + keySize + valueSize]),
            cause: Removal.Cause(rawValue: record.cause)!))
        at += Int(record.recordSize)
      }
    }
    return reports
  }

  private func open(maxEntries: UInt64 = 0, maxBytes: UInt64 = 0) throws -> TestCache {
    try #require(
      TestCache(
        Options(
          flags: Options.manualClock | Options.reportRemovals, shardCount: 1,
          maxEntries: maxEntries, maxBytes: maxBytes)))
  }

  @Test func everyCauseIsReportedOnceAndInOrder() throws {
    let cache = try open(maxEntries: 2)
    defer { cache.close() }
    _ = cache.set(bytes("a"), bytes("1"))
    _ = cache.set(bytes("a"), bytes("2"))
    _ = cache.set(bytes("b"), bytes("3"), ttlMs: 10)
    _ = cache.set(bytes("c"), bytes("4"))
    #expect(cache.delete(bytes("c")))
    cache.advance(ms: 10)
    #expect(cache.cleanup() == 1)
    #expect(
      take(cache) == [
        Report(key: bytes("a"), value: bytes("1"), cause: .replaced),
        Report(key: bytes("a"), value: bytes("2"), cause: .evicted),
        Report(key: bytes("c"), value: bytes("4"), cause: .deleted),
        Report(key: bytes("b"), value: bytes("3"), cause: .expired),
      ])
    #expect(take(cache).isEmpty)
    cache.cache.checkInvariants()
    #expect(cache.cache.statistics().removalsLost == 0)
  }

  /// A cache bounded by entries reports every one of many; the memory of those
  /// taken is used again.
  @Test func nothingIsLostWithoutAByteBound() throws {
    let cache = try open(maxEntries: 100)
    defer { cache.close() }
    var reported = 0
    for i in 0..<5000 {
      _ = cache.set(bytes("\(i)"), bytes("value \(i)"))
      if i % 50 == 0 {
        while true {
          let some = take(cache, capacity: 256)
          for (offset, report) in some.enumerated() {
            #expect(report.key == bytes("\(reported + offset)"))
            #expect(report.cause == .evicted)
          }
          reported += some.count
          if some.isEmpty { break }
        }
      }
    }
    reported += take(cache, capacity: 1 << 20).count
    #expect(reported == 4900)
    cache.cache.checkInvariants()
  }

  /// Where memory is bounded, entries go before reports do.
  @Test func reportsGiveWayToEntries() throws {
    let cache = try open(maxBytes: 1 << 18)
    defer { cache.close() }
    let value = [UInt8](repeating: 1, count: 500)
    for i in 0..<5000 { #expect(cache.set(bytes("\(i)"), value) == .ok) }
    #expect(cache.cache.count() > 200)
    let statistics = cache.cache.statistics()
    #expect(statistics.removalsLost > 0)
    #expect(
      UInt64(take(cache, capacity: 1 << 20).count) + statistics.removalsLost == statistics.evictions
    )
    cache.cache.checkInvariants()
  }

  /// A value on lease is reported all the same, and stays until both are done.
  @Test func aLeasedValueIsReported() throws {
    let cache = try open(maxEntries: 10)
    defer { cache.close() }
    _ = cache.set(bytes("a"), bytes("old"))
    let lease = try #require(cache.acquire(bytes("a")))
    _ = cache.set(bytes("a"), bytes("new"))
    #expect(take(cache) == [Report(key: bytes("a"), value: bytes("old"), cause: .replaced)])
    #expect(Array(lease.value) == bytes("old"))
    cache.cache.release(ticket: lease.ticket)
    cache.cache.checkInvariants()
    #expect(try cache.cache.shard(0).arena.checkInvariants() == 1)
  }
}
