/// Where things lie in what a region begins with, in bytes; the same in every
/// shard. What a shard takes later lies where the places of its spans say.
package struct Geometry {
  package static let page = 4096
  package static let shardCountMax: UInt32 = 256
  package static let claimCountMax: UInt32 = 1024
  /// The least that an arena begins with: as many pages as there are first records.
  package static let arenaSizeMin: UInt64 = 1 << 16
  /// As many as there are first buckets.
  package static let baseBucketsMax: UInt32 = 16

  /// Of all shards before anything has grown, of their tables of claims, of the page after
  /// them (RegionTail), and of what processes have that share the region.
  package var fixedSize: UInt64
  /// From one shard to the next: whole pages.
  package var shardStride: UInt64
  /// From a shard's start. Whole pages, and before the control area's end: the page that
  /// it ends in is the arena's first.
  package var arenaOffset: UInt64
  /// The arena's first run: a power of two.
  package var arenaSize: UInt64
  /// Where in the arena the first block can be.
  package var firstRef: Ref
  /// Buckets a shard begins with; it always has this many times a power of two
  /// or is on the way from one to the next.
  package var baseBuckets: UInt32
  /// Read buffers of a shard; a power of two.
  package var stripeCount: UInt32
  /// Claims that a shard can hold; a power of two.
  package var claimCount: UInt32
  /// Processes that can share the region; 0: it is a process's own.
  package var processCount: UInt32
  var reserved: UInt32 = 0

  package init(
    shardCount: UInt32, arenaSize: UInt64, baseBuckets: UInt32, stripeCount: UInt32,
    claimCount: UInt32, processCount: UInt32 = 0
  ) {
    self.arenaSize = arenaSize
    self.baseBuckets = baseBuckets
    self.stripeCount = stripeCount
    self.claimCount = claimCount
    self.processCount = processCount
    let page = UInt64(Geometry.page)
    let end = ShardControl.size(readBuffers: stripeCount)
    arenaOffset = end / page * page
    // 0 is no place.
    firstRef = Ref(max(end - arenaOffset, UInt64(CacheLine.size)) / 8)
    shardStride = arenaOffset + arenaSize
    fixedSize = 0
    fixedSize =
      UInt64(shardCount) * shardStride + claimsSize(shardCount: shardCount) + page
      + processesSize
  }

  package static func roundedToPages(_ bytes: UInt64) -> UInt64 {
    (bytes + UInt64(page) - 1) / UInt64(page) * UInt64(page)
  }

  /// Where a shard is, from the region's start.
  package func shardOffset(_ number: UInt32) -> UInt64 { UInt64(number) * shardStride }

  /// Where a shard's table of claims is (ClaimTableLayout): after all shards, since most
  /// caches never touch it.
  package func claimsOffset(of number: UInt32, shardCount: UInt32) -> UInt64 {
    UInt64(shardCount) * shardStride + UInt64(number) * ClaimTableLayout.size(claims: claimCount)
  }

  /// Of the tables of all shards, in whole pages.
  private func claimsSize(shardCount: UInt32) -> UInt64 {
    Geometry.roundedToPages(UInt64(shardCount) * ClaimTableLayout.size(claims: claimCount))
  }

  /// Where the page of what is seldom used is.
  package var tailOffset: UInt64 { processesOffset - UInt64(Geometry.page) }

  // MARK: Of a shared region

  /// Where the table of processes is, and after it the tickets of each.
  package var processesOffset: UInt64 { fixedSize - processesSize }

  package func ticketsOffset(of slot: UInt32) -> UInt64 {
    processesOffset + recordsSize + UInt64(slot) * Tickets.size
  }

  private var recordsSize: UInt64 {
    Geometry.roundedToPages(ProcessTableLayout.size(slots: processCount))
  }

  private var processesSize: UInt64 { recordsSize + UInt64(processCount) * Tickets.size }

  /// Pages that an empty cache takes; of each shard those of its control area, and one
  /// with room for an entry. Not the tickets, which only processes that are there take.
  package func fixedPages(shardCount: UInt32) -> UInt64 {
    UInt64(shardCount) * (arenaOffset / UInt64(Geometry.page) + 1)
      + claimsSize(shardCount: shardCount) / UInt64(Geometry.page) + 1
      + recordsSize / UInt64(Geometry.page)
  }

  /// Whether this could have come from `init`. For a header read from outside.
  package func isSane(shardCount: UInt32) -> Bool {
    guard arenaSize.nonzeroBitCount == 1, arenaSize >= Geometry.arenaSizeMin,
      arenaSize <= ShardMap.arenaMax,
      baseBuckets >= 1, baseBuckets <= Geometry.baseBucketsMax,
      stripeCount.nonzeroBitCount == 1, stripeCount <= 64,
      claimCount.nonzeroBitCount == 1, claimCount <= Geometry.claimCountMax,
      processCount <= ProcessTableLayout.slotsMax,
      shardCount.nonzeroBitCount == 1, shardCount <= Geometry.shardCountMax
    else { return false }
    let expected = Geometry(
      shardCount: shardCount, arenaSize: arenaSize, baseBuckets: baseBuckets,
      stripeCount: stripeCount, claimCount: claimCount, processCount: processCount)
    return fixedSize == expected.fixedSize && shardStride == expected.shardStride
      && arenaOffset == expected.arenaOffset && firstRef == expected.firstRef
  }
}
