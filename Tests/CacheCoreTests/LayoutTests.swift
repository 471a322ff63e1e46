import CacheCore
import Foundation
import Synchronization
import Testing

extension Atomic {
  /// Where the word is.
  fileprivate var place: UnsafeMutableRawPointer { UnsafeMutableRawPointer(word) }
}

/// What the compiler made of the layouts, beside docs/layout.md, which tools/layout.py
/// made of their declarations.
@Suite struct LayoutTests {
  /// A layout as the page has it, without what is reserved.
  private struct Table: Equatable {
    var size: Int
    var offsets: [String: Int]
  }

  private static func page() throws -> [String: Table] {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = try String(contentsOfFile: "/" + root + "/docs/layout.md", encoding: .utf8)
    var (tables, name): ([String: Table], String) = ([:], "")
    for line in text.split(separator: "\n") {
      if line.hasPrefix("<!-- layout: ") {
        name = String(line.dropFirst(13).dropLast(4))
        tables[name] = Table(size: 0, offsets: [:])
      } else if line.hasPrefix("`\(name)`, "), !name.isEmpty {
        tables[name]?.size = try #require(Int(line.split(separator: " ")[1]))
      } else if line.hasPrefix("| "), let offset = Int(line.split(separator: " ")[1]) {
        let field = line.split(separator: "`")[1]
        if !field.hasPrefix("reserved"), field != "padding" {
          tables[name]?.offsets[String(field)] = offset
        }
      } else if line == "<!-- end -->" {
        name = ""
      }
    }
    return tables
  }

  // MARK: What is there

  private static func plain<Layout>(
    _ type: Layout.Type, _ fields: [(String, PartialKeyPath<Layout>)]
  ) -> (String, Table) {
    let offsets = fields.map { ($0.0, MemoryLayout<Layout>.offset(of: $0.1) ?? -1) }
    return (
      "\(type)",
      Table(size: MemoryLayout<Layout>.size, offsets: .init(uniqueKeysWithValues: offsets))
    )
  }

  /// The same for a layout with words that threads share: `addresses` are those of its
  /// fields.
  private static func shared<Layout: ~Copyable>(
    _ name: String, _ type: Layout.Type,
    _ addresses: (UnsafeMutablePointer<Layout>) -> [(String, UnsafeMutableRawPointer)]
  ) -> (String, Table) {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: MemoryLayout<Layout>.stride, alignment: 128)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    let base = memory.baseAddress!
    let offsets = addresses(base.assumingMemoryBound(to: Layout.self)).map { ($0.0, $0.1 - base) }
    return (
      name, Table(size: MemoryLayout<Layout>.size, offsets: .init(uniqueKeysWithValues: offsets))
    )
  }

  /// Of a field that is not atomic.
  private static func address<Field>(_ field: inout Field) -> UnsafeMutableRawPointer {
    withUnsafeMutablePointer(to: &field) { UnsafeMutableRawPointer($0) }
  }

  private static func area(
    _ name: String, _ size: Int, _ offsets: [(String, Int)]
  ) -> (String, Table) {
    (name, Table(size: size, offsets: .init(uniqueKeysWithValues: offsets)))
  }

  private static let areas: [(String, Table)] = [
    area(
      "RegionPage", RegionPage.space.end,
      [
        ("header", RegionPage.header.offset), ("pagesUsed", RegionPage.pagesUsed.offset),
        ("entriesUsed", RegionPage.entriesUsed.offset), ("bounds", RegionPage.bounds.offset),
        ("manualMs", RegionPage.manualMs.offset),
        ("hastenBefore", RegionPage.hastenBefore.offset),
        ("space", RegionPage.space.offset),
      ]),
    area(
      "ClaimTableLayout", ClaimTableLayout.records.end,
      [("records", ClaimTableLayout.records.offset)]),
    area(
      "ProcessTableLayout", ProcessTableLayout.records.end,
      [("records", ProcessTableLayout.records.offset)]),
    area(
      "RegionTail", RegionTail.sharing.end,
      [
        ("history", RegionTail.history.offset), ("claimWaits", RegionTail.claimWaits.offset),
        ("jitterState", RegionTail.jitterState.offset), ("sharing", RegionTail.sharing.offset),
      ]),
    area(
      "Tickets", Tickets.borrows.end,
      [("pins", Tickets.pins.offset), ("borrows", Tickets.borrows.offset)]),
    area(
      "ShardControl", ShardControl.readBuffers.end,
      [
        ("front", ShardControl.front.offset), ("words", ShardControl.words.offset),
        ("arenaSpan", ShardControl.arenaSpan.offset),
        ("arenaOffsets", ShardControl.arenaOffsets.offset),
        ("pagesOffsets", ShardControl.pagesOffsets.offset),
        ("bucketsOffsets", ShardControl.bucketsOffsets.offset),
        ("overflowOffsets", ShardControl.overflowOffsets.offset),
        ("sketchOffsets", ShardControl.sketchOffsets.offset),
        ("ghostsOffsets", ShardControl.ghostsOffsets.offset),
        ("shadowsOffsets", ShardControl.shadowsOffsets.offset),
        ("fences", ShardControl.fences.offset),
        ("lock", ShardControl.lock.offset), ("counters", ShardControl.counters.offset),
        ("arena", ShardControl.arena.offset), ("pagesSpan", ShardControl.pagesSpan.offset),
        ("bucketsSpan", ShardControl.bucketsSpan.offset),
        ("overflowSpan", ShardControl.overflowSpan.offset),
        ("index", ShardControl.index.offset), ("wheel", ShardControl.wheel.offset),
        ("removals", ShardControl.removals.offset), ("claims", ShardControl.claims.offset),
        ("recency", ShardControl.recency.offset),
        ("adaptive", ShardControl.adaptive.offset),
        ("sketchSpan", ShardControl.sketchSpan.offset), ("sketch", ShardControl.sketch.offset),
        ("ghostsSpan", ShardControl.ghostsSpan.offset), ("ghosts", ShardControl.ghosts.offset),
        ("checkpointCount", ShardControl.checkpointCount.offset),
        ("checkpoints", ShardControl.checkpoints.offset),
        ("shadowsSpan", ShardControl.shadowsSpan.offset), ("race", ShardControl.race.offset),
        ("shadowSketch", ShardControl.shadowSketch.offset),
        ("shadows", ShardControl.shadows.offset),
        ("wheelMaps", ShardControl.wheelMaps.offset),
        ("wheelHeads", ShardControl.wheelHeads.offset),
        ("binRows", ShardControl.binRows.offset), ("binHeads", ShardControl.binHeads.offset),
        ("firstPages", ShardControl.firstPages.offset),
        ("firstBuckets", ShardControl.firstBuckets.offset),
        ("readBuffers", ShardControl.readBuffers.offset),
      ]),
    area(
      "RegionMap", RegionMap.mappings.end,
      [("words", RegionMap.words.offset), ("mappings", RegionMap.mappings.offset)]),
    area(
      "ShardMap", ShardMap.shadows.end,
      [
        ("words", ShardMap.words.offset), ("arena", ShardMap.arena.offset),
        ("arenaEnds", ShardMap.arenaEnds.offset), ("buckets", ShardMap.buckets.offset),
        ("overflow", ShardMap.overflow.offset), ("pages", ShardMap.pages.offset),
        ("sketch", ShardMap.sketch.offset), ("ghosts", ShardMap.ghosts.offset),
        ("shadows", ShardMap.shadows.offset),
      ]),
    area(
      "Workspace", Workspace.size,
      [
        ("resizeLock", Workspace.resizeLock.offset),
        ("sweeperWords", Workspace.sweeperWords.offset),
        ("sweeper", Workspace.sweeper.offset), ("leases", Workspace.leases.offset),
        ("nextFree", Workspace.nextFree.offset),
      ]),
  ]

  private static let plains: [(String, Table)] = [
    plain(
      RegionHeader.self,
      [
        ("magic", \.magic), ("layoutVersion", \.layoutVersion), ("shardCount", \.shardCount),
        ("policy", \.policy), ("flags", \.flags), ("clockBaseNs", \.clockBaseNs),
        ("defaultTtlMs", \.defaultTtlMs), ("defaultTtiMs", \.defaultTtiMs),
        ("hashKey0", \.hashKey0), ("hashKey1", \.hashKey1), ("fixedPages", \.fixedPages),
        ("ttlJitterPermille", \.ttlJitterPermille), ("ordinaryTtlMs", \.ordinaryTtlMs),
        ("geometry", \.geometry),
      ]),
    plain(
      Geometry.self,
      [
        ("fixedSize", \.fixedSize), ("shardStride", \.shardStride),
        ("arenaOffset", \.arenaOffset), ("arenaSize", \.arenaSize), ("firstRef", \.firstRef),
        ("baseBuckets", \.baseBuckets), ("stripeCount", \.stripeCount),
        ("claimCount", \.claimCount), ("processCount", \.processCount),
      ]),
    plain(
      ShardCounters.self,
      [
        ("inserts", \.inserts), ("updates", \.updates), ("deletes", \.deletes),
        ("evictions", \.evictions), ("expirations", \.expirations), ("refused", \.refused),
        ("entries", \.entries), ("versionFloor", \.versionFloor),
        ("lifetimesMs", \.lifetimesMs), ("longestLagMs", \.longestLagMs),
        ("writesSinceDrain", \.writesSinceDrain), ("lastReader", \.lastReader),
        ("lastReadMs", \.lastReadMs), ("lostMs", \.lostMs), ("forgottenMs", \.forgottenMs),
        ("entriesBefore", \.entriesBefore), ("nextVictim", \.nextVictim),
        ("nextVictimHash", \.nextVictimHash),
      ]),
    plain(
      ArenaState.self,
      [
        ("top", \.top), ("limit", \.limit), ("rowMap", \.rowMap),
        ("spareUnits", \.spareUnits), ("holeUnits", \.holeUnits), ("usedUnits", \.usedUnits),
        ("hand", \.hand), ("waiting", \.waiting), ("returnedPages", \.returnedPages),
        ("spare", \.spare),
      ]),
    plain(
      IndexState.self,
      [
        ("overflowTop", \.overflowTop), ("overflowFree", \.overflowFree),
        ("versions", \.versions),
      ]),
    plain(
      WheelState.self,
      [
        ("now", \.now), ("firstListed", \.firstListed), ("lastListed", \.lastListed),
        ("expiredCount", \.expiredCount), ("staleCount", \.staleCount),
        ("absentCount", \.absentCount), ("nextDue", \.nextDue),
      ]),
    plain(RemovalState.self, [("first", \.first), ("last", \.last), ("lost", \.lost)]),
    plain(RecencyState.self, [("newest", \.newest), ("oldest", \.oldest), ("count", \.count)]),
    plain(
      AdaptiveState.self,
      [
        ("capacity", \.capacity), ("share", \.share),
        ("entriesMeant", \.entriesMeant), ("isFull", \.isFull),
        ("sinceCheckpoint", \.sinceCheckpoint), ("random", \.random),
        ("isPromotion", \.isPromotion),
      ]),
    plain(
      SpanState.self,
      [
        ("extent", \.extent), ("runs", \.runs), ("chargedPages", \.chargedPages),
        ("skippedPages", \.skippedPages), ("committedEnd", \.committedEnd),
      ]),
    plain(Fence.self, [("ref", \.ref), ("skippedPages", \.skippedPages)]),
    plain(
      ShardMapWords.self,
      [
        ("region", \.region), ("number", \.number), ("owner", \.owner), ("isForked", \.isForked),
      ]),
    plain(Mapping.self, [("address", \.address), ("size", \.size)]),
    plain(Checkpoint.self, [("ref", \.ref), ("clock", \.clock)]),
    plain(SketchState.self, [("words", \.words), ("epoch", \.epoch), ("uses", \.uses)]),
    plain(
      GhostState.self, [("buckets", \.buckets), ("clock", \.clock), ("tickShift", \.tickShift)]),
    plain(GhostBucket.self, [("fingerprints", \.fingerprints), ("times", \.times)]),
    plain(
      RaceState.self,
      [
        ("size", \.size), ("entries", \.entries), ("sampleMask", \.sampleMask),
        ("window", \.window), ("sinceChange", \.sinceChange), ("leads", \.leads),
        ("corrections", \.corrections),
      ]),
    plain(
      ShadowState.self,
      [
        ("protectedCount", \.protectedCount), ("mainCount", \.mainCount), ("count", \.count),
        ("clock", \.clock),
      ]),
    plain(
      PageRecord.self,
      [
        ("previous", \.previous), ("next", \.next), ("previousListed", \.previousListed),
        ("nextListed", \.nextListed), ("due", \.due), ("first", \.first),
        ("expiredCount", \.expiredCount), ("slot", \.slot),
        ("windowedCount", \.windowedCount), ("isListed", \.isListed),
      ]),
    plain(WaitingLinks.self, [("previous", \.previous), ("next", \.next)]),
    plain(
      SweeperState.self,
      [
        ("run", \.run), ("flags", \.flags), ("thread", \.thread), ("askedMs", \.askedMs),
        ("intervalMs", \.intervalMs), ("intervalStartNs", \.intervalStartNs),
        ("sliceNs", \.sliceNs), ("nextRunNs", \.nextRunNs), ("wakeDueNs", \.wakeDueNs),
        ("firstTrigger", \.firstTrigger), ("lastTrigger", \.lastTrigger), ("report", \.report),
      ]),
    plain(
      SweeperReport.self,
      [
        ("sweeps", \.sweeps), ("removed", \.removed), ("lastRemoved", \.lastRemoved),
        ("lastDurationNs", \.lastDurationNs), ("longestSliceNs", \.longestSliceNs),
        ("lastEndNs", \.lastEndNs), ("errors", \.errors), ("lastLagMs", \.lastLagMs),
        ("longestLagMs", \.longestLagMs),
      ]),
    plain(LeaseTicket.self, [("word", \.word)]),
    plain(
      ScanRecord.self,
      [
        ("recordSize", \.recordSize), ("keySize", \.keySize), ("valueSize", \.valueSize),
        ("ttlMs", \.ttlMs),
      ]),
    plain(
      ValueRecord.self,
      [
        ("recordSize", \.recordSize), ("valueSize", \.valueSize), ("ttlMs", \.ttlMs),
        ("keySize", \.keySize),
      ]),
    plain(
      RemovalRecord.self,
      [
        ("recordSize", \.recordSize), ("valueSize", \.valueSize), ("keySize", \.keySize),
        ("cause", \.cause),
      ]),
    plain(
      SavedHeader.self,
      [
        ("magic0", \.magic0), ("magic1", \.magic1), ("version", \.version),
        ("byteOrder", \.byteOrder), ("savedMs", \.savedMs), ("ttiMs", \.ttiMs),
        ("entries", \.entries), ("nonce", \.nonce), ("checksum", \.checksum),
      ]),
    plain(
      SavedBlock.self,
      [
        ("magic", \.magic), ("size", \.size), ("records", \.records),
        ("checksum", \.checksum), ("headerChecksum", \.headerChecksum),
      ]),
    plain(
      SavedRecord.self,
      [
        ("valueSize", \.valueSize), ("deadline", \.deadline), ("windowEnd", \.windowEnd),
        ("lastUsed", \.lastUsed), ("keySize", \.keySize), ("computeMs", \.computeMs),
      ]),
  ]

  private static func withSharedWords() -> [(String, Table)] {
    [
      shared("RegionBounds", RegionBounds.self) {
        [("entries", $0.pointee.entries.place), ("bytes", $0.pointee.bytes.place)]
      },
      shared("HitHistoryWords", HitHistoryWords.self) {
        [
          ("next", $0.pointee.next.place), ("minutes", $0.pointee.minutes[0].tick.place),
          ("hours", $0.pointee.hours[0].tick.place),
        ]
      },
      shared("HitReading", HitReading.self) {
        [
          ("tick", $0.pointee.tick.place), ("hits", $0.pointee.hits.place),
          ("misses", $0.pointee.misses.place),
        ]
      },
      shared("ShardWords", ShardWords.self) {
        [
          ("table", $0.pointee.table.place),
          ("accessGranularityMs", $0.pointee.accessGranularityMs.place),
          ("stall", $0.pointee.stall.place),
          ("stalledBy", $0.pointee.stalledBy.place),
        ]
      },
      shared("RegionMapWords", RegionMapWords.self) {
        [
          ("memory", address(&$0.pointee.memory)), ("base", address(&$0.pointee.base)),
          ("mappingCount", address(&$0.pointee.mappingCount)),
          ("owner", address(&$0.pointee.owner)), ("file", address(&$0.pointee.file)),
          ("deathAskedNs", $0.pointee.deathAskedNs.place),
        ]
      },
      shared("SharingWords", SharingWords.self) {
        [
          ("leader", $0.pointee.leader.place), ("resizeLock", $0.pointee.resizeLock.place),
          ("isWarm", $0.pointee.isWarm.place), ("recoveries", $0.pointee.recoveries.place),
          ("entriesLost", $0.pointee.entriesLost.place),
          ("borrowsReclaimed", $0.pointee.borrowsReclaimed.place),
          ("boot", address(&$0.pointee.boot)),
          ("timeNamespace", address(&$0.pointee.timeNamespace)),
          ("closedWallMs", address(&$0.pointee.closedWallMs)),
          ("closedMs", address(&$0.pointee.closedMs)),
        ]
      },
      shared("SpaceState", SpaceState.self) {
        [
          ("lock", $0.pointee.lock.place), ("size", address(&$0.pointee.size)),
          ("used", address(&$0.pointee.used)),
        ]
      },
      shared("ReadBuffer", ReadBuffer.self) {
        [
          ("uses", $0.pointee.uses.place), ("misses", $0.pointee.misses.place),
          ("drained", $0.pointee.drained.place), ("hitsBefore", $0.pointee.hitsBefore.place),
          ("missesBefore", $0.pointee.missesBefore.place),
          ("lazyUntilMs", $0.pointee.lazyUntilMs.place),
          ("lastReader", $0.pointee.lastReader.place), ("refs", $0.pointee.refs[0].place),
          ("hashes", $0.pointee.hashes[0].place),
          ("staleServed", $0.pointee.staleServed.place),
          ("absentServed", $0.pointee.absentServed.place),
          ("staleServedBefore", $0.pointee.staleServedBefore.place),
          ("absentServedBefore", $0.pointee.absentServedBefore.place),
          ("places", $0.pointee.places[0].place),
        ]
      },
      shared("ClaimState", ClaimState.self) {
        [
          ("lastToken", address(&$0.pointee.lastToken)),
          ("everUsed", address(&$0.pointee.everUsed)),
          ("firstFree", address(&$0.pointee.firstFree)),
          ("oldest", address(&$0.pointee.oldest)), ("newest", address(&$0.pointee.newest)),
          ("sequence", $0.pointee.sequence.place), ("count", $0.pointee.count.place),
        ]
      },
      shared("ClaimRecord", ClaimRecord.self) {
        [
          ("start", address(&$0.pointee.start)), ("owner", $0.pointee.owner.place),
          ("keySize", address(&$0.pointee.keySize)),
          ("older", address(&$0.pointee.older)), ("newer", address(&$0.pointee.newer)),
          ("next", $0.pointee.next.place), ("hash", $0.pointee.hash.place),
          ("token", $0.pointee.token.place), ("end", $0.pointee.end.place),
          ("keyHead", address(&$0.pointee.keyHead)),
        ]
      },
      shared("ClaimWait", ClaimWait.self) {
        [("changes", $0.pointee.changes.place), ("sleepers", $0.pointee.sleepers.place)]
      },
      shared("BucketLine", BucketLine.self) {
        [
          ("version", $0.pointee.version.place), ("next", $0.pointee.next.place),
          ("tags", $0.pointee.tags[0].place), ("pins", $0.pointee.pins.place),
          ("refs", $0.pointee.refs[0].place),
        ]
      },
      shared("EntryHeader", EntryHeader.self) {
        [
          ("previous", $0.pointee.previous.place), ("next", $0.pointee.next.place),
          ("version", $0.pointee.version.place), ("access", $0.pointee.access.place),
          ("expiry", $0.pointee.expiry.place),
        ]
      },
      shared("LongValueSize", LongValueSize.self) { [("bytes", $0.pointee.bytes.place)] },
      shared("EntryWindow", EntryWindow.self) { [("word", $0.pointee.word.place)] },
      shared("HoleEnd", HoleEnd.self) { [("units", $0.pointee.units.place)] },
      shared("HandleWords", HandleWords.self) {
        [
          ("state", $0.pointee.state.place), ("region", address(&$0.pointee.region)),
          ("map", address(&$0.pointee.map)),
          ("shardMask", address(&$0.pointee.shardMask)), ("next", address(&$0.pointee.next)),
          ("hashSeed", address(&$0.pointee.hashSeed)),
          ("workspace", address(&$0.pointee.workspace)),
          ("waiters", $0.pointee.waiters.place),
        ]
      },
      shared("LeaseCounter", LeaseCounter.self) { [("count", $0.pointee.count.place)] },
      shared("SweeperWords", SweeperWords.self) {
        [
          ("lock", $0.pointee.lock.place), ("wake", $0.pointee.wake.place),
          ("phase", $0.pointee.phase.place), ("exited", $0.pointee.exited.place),
          ("sliceStartNs", $0.pointee.sliceStartNs.place),
          ("isTriggered", $0.pointee.isTriggered.place),
          ("isHastened", $0.pointee.isHastened.place),
        ]
      },
      shared("SweepTrigger", SweepTrigger.self) {
        [
          ("done", $0.pointee.done.place), ("removed", address(&$0.pointee.removed)),
          ("next", address(&$0.pointee.next)),
        ]
      },
      shared("ProcessRecord", ProcessRecord.self) {
        [
          ("identity", $0.pointee.identity.place), ("pid", $0.pointee.pid.place),
          ("startTime", $0.pointee.startTime.place),
          ("namespaces", $0.pointee.namespaces.place), ("reaped", $0.pointee.reaped.place),
        ]
      },
      shared("SharedFileWords", SharedFileWords.self) {
        [
          ("descriptor", $0.pointee.descriptor.place), ("flags", address(&$0.pointee.flags)),
          ("device", address(&$0.pointee.device)), ("inode", address(&$0.pointee.inode)),
          ("base", address(&$0.pointee.base)), ("size", address(&$0.pointee.size)),
          ("opening", address(&$0.pointee.opening)), ("slot", address(&$0.pointee.slot)),
          ("owner", $0.pointee.owner.place), ("pathSize", address(&$0.pointee.pathSize)),
        ]
      },
      shared("ProcessMemory", ProcessMemory.self) {
        [
          ("lock", $0.pointee.lock.place),
          ("isForkHandled", address(&$0.pointee.isForkHandled)),
          ("firstOpen", address(&$0.pointee.firstOpen)),
          ("firstClosed", address(&$0.pointee.firstClosed)),
          ("lastClosed", address(&$0.pointee.lastClosed)),
          ("closedCount", $0.pointee.closedCount.place),
          ("cancelState", address(&$0.pointee.cancelState)),
          ("lastThreadNumber", $0.pointee.lastThreadNumber.place),
          ("firstWorkspace", address(&$0.pointee.firstWorkspace)),
        ]
      },
    ]
  }

  // MARK: Tests

  @Test func thePageIsTrue() throws {
    let page = try LayoutTests.page()
    let actual = Dictionary(
      uniqueKeysWithValues: LayoutTests.areas + LayoutTests.plains + LayoutTests.withSharedWords())
    #expect(Set(page.keys) == Set(actual.keys))
    for (name, table) in actual { #expect(page[name] == table, "\(name)") }
  }

  /// What other code relies on, and who writes what on which line.
  @Test func linesAreKeptApart() {
    let ownPairs = [
      RegionPage.pagesUsed.offset, RegionPage.entriesUsed.offset, RegionPage.bounds.offset,
      RegionPage.manualMs.offset, RegionPage.hastenBefore.offset,
      ShardControl.words.offset, ShardControl.lock.offset, ShardControl.readBuffers.offset,
    ]
    for offset in ownPairs { #expect(offset % 128 == 0) }
    // What every look-up reads, apart from what writers write.
    #expect(ShardControl.words.end <= ShardControl.lock.offset)
    let ownLines = [
      ShardControl.counters.offset, ShardControl.arena.offset, ShardControl.recency.offset,
      MemoryLayout<ReadBuffer>.stride, MemoryLayout<LeaseCounter>.stride,
      MemoryLayout<ProcessRecord>.stride,
      Workspace.sweeperWords.offset, Workspace.sweeper.offset, Workspace.leases.offset,
      MemoryLayout<HandleWords>.stride, MemoryLayout<BucketLine>.stride,
      MemoryLayout<GhostBucket>.stride, ShardMap.stride,
      RegionMap.size(shards: 0), RegionPage.space.offset,
    ]
    for offset in ownLines { #expect(offset % 64 == 0) }
  }

  @Test func thingsFit() {
    #expect(RegionPage.space.end <= ShardControl.front.end)
    #expect(count(ShardControl.firstPages) * Geometry.page == Int(Geometry.arenaSizeMin))
    #expect(MemoryLayout<InlineArray<16, BucketLine>>.size == 64 * Int(Geometry.baseBucketsMax))
    #expect(MemoryLayout<HitHistoryWords>.size <= Geometry.page)
    #expect(MemoryLayout<ProcessMemory>.size <= 64)
    #expect(MemoryLayout<HandleWords>.size == 64 && MemoryLayout<BucketLine>.size == 64)
    #expect(MemoryLayout<EntryHeader>.size == 32 && MemoryLayout<PageRecord>.size == 32)
    let smallestHole = MemoryLayout<EntryHeader>.size + MemoryLayout<HoleEnd>.size
    #expect(smallestHole <= Int(Entry.unitsMin) * Entry.unit)
    // Numbers of elements that are written down as types.
    func count<let count: Int, Element>(_: Part<InlineArray<count, Element>>) -> Int { count }
    #expect(count(ShardControl.wheelMaps) == ExpiryWheel.levels)
    #expect(count(ShardControl.wheelHeads) == ExpiryWheel.levels * ExpiryWheel.slots)
    #expect(count(ShardControl.binRows) == Arena.rowCount)
    #expect(count(ShardControl.binHeads) == Arena.rowCount * Arena.binsPerRow)
    #expect(count(ShardControl.checkpoints) == Checkpoints.countMax)
    #expect(count(ShardControl.shadows) == ShadowRace.count)
    #expect(ShadowRace.bytes(of: ShadowRace.sizeMax) == ShardMemory.shadowsSize)
    #expect(count(ShardControl.recency) == AdaptivePolicy.listCount)
    #expect(ReadBuffer.recordCount == 32 && BucketLine.slotCount == 11)
  }
}
