/// A shard's part of the region: its control area, and what grows beside it.
package struct ShardMemory {
  /// Where the region begins.
  private let base: UnsafeMutableRawPointer
  /// Where this process has the shard (ShardMap).
  package let map: UnsafeMutableRawPointer
  /// The control area.
  package let control: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ region: Region, _ number: UInt32) {
    base = region.base
    map = RegionMap.shard(number, in: region.map)
    // Computed: a load would be one more that a look-up waits for.
    control =
      base + Int(truncatingIfNeeded: number)
      &* Int(truncatingIfNeeded: region.header.pointee.geometry.shardStride)
  }

  package var number: UInt32 { ShardMap.words(in: map).pointee.number }

  /// Who this process is to the shard's lock.
  package var owner: UInt32 {
    @inline(__always) get { ShardMap.words(in: map).pointee.owner }
  }

  package var region: Region {
    @inline(__always) get { Region(base: base, map: ShardMap.words(in: map).pointee.region) }
  }

  /// Whether other processes have the region too.
  package var isShared: Bool {
    @inline(__always) get { owner != OwnedLock.privateOwner }
  }

  /// Whether this process has a shared region that it cannot write to.
  @inline(__always)
  package var isReadOnly: Bool { owner == OwnedLock.readOnlyOwner }

  package var isForked: Bool {
    get { ShardMap.words(in: map).pointee.isForked != 0 }
    nonmutating set { ShardMap.words(in: map).pointee.isForked = newValue ? 1 : 0 }
  }

  // MARK: Places

  @inline(__always) package var blocks: BlockPlaces { BlockPlaces(ShardMap.arena, in: map) }
  @inline(__always) package var pages: PagePlaces { PagePlaces(ShardMap.pages, in: map) }
  @inline(__always) package var buckets: LinePlaces { LinePlaces(ShardMap.buckets, in: map) }
  @inline(__always) package var overflow: LinePlaces { LinePlaces(ShardMap.overflow, in: map) }
  @inline(__always) package var sketch: WordPlaces { WordPlaces(ShardMap.sketch, in: map) }
  @inline(__always) package var ghosts: LinePlaces { LinePlaces(ShardMap.ghosts, in: map) }
  @inline(__always) package var shadows: WordPlaces { WordPlaces(ShardMap.shadows, in: map) }

  /// Where the run ends, in bytes, that has a block; 0: none has.
  @inline(__always)
  func runEnd(ofBlock ref: Ref) -> UInt64 {
    ShardMap.arenaEnds.elements(in: map)[blocks.position(of: ref)]
  }

  // MARK: Spans

  /// What a shard begins with, beside its arena.
  private static let pagesSize = UInt64(MemoryLayout<InlineArray<16, PageRecord>>.size)
  private static let bucketsSize = UInt64(MemoryLayout<InlineArray<16, BucketLine>>.size)
  /// The most that the policy's shadows take.
  package static let shadowsSize: UInt64 = 16384

  package var arenaSpan: Span {
    span(
      ShardControl.arenaSpan, ShardControl.arenaOffsets, blocks,
      first: Geometry.arenaSizeMin, fixed: UInt64(Geometry.page),
      ends: ShardMap.arenaEnds.elements(in: map))
  }
  package var pagesSpan: Span {
    span(
      ShardControl.pagesSpan, ShardControl.pagesOffsets, pages, first: ShardMemory.pagesSize,
      fixed: ShardMemory.pagesSize)
  }
  package var bucketsSpan: Span {
    span(
      ShardControl.bucketsSpan, ShardControl.bucketsOffsets, buckets,
      first: ShardMemory.bucketsSize, fixed: ShardMemory.bucketsSize)
  }
  package var overflowSpan: Span {
    span(ShardControl.overflowSpan, ShardControl.overflowOffsets, overflow)
  }
  package var sketchSpan: Span {
    span(ShardControl.sketchSpan, ShardControl.sketchOffsets, sketch)
  }
  package var ghostsSpan: Span {
    span(ShardControl.ghostsSpan, ShardControl.ghostsOffsets, ghosts)
  }
  /// One run, whatever its size: its arrays are contiguous.
  package var shadowsSpan: Span {
    span(
      ShardControl.shadowsSpan, ShardControl.shadowsOffsets, shadows,
      first: ShardMemory.shadowsSize)
  }

  @inline(__always)
  private func span<let count: Int, let size: Int>(
    _ state: Part<SpanState>, _ offsets: Part<InlineArray<count, UInt64>>, _ places: Places<size>,
    first: UInt64 = UInt64(Geometry.page), fixed: UInt64 = 0,
    ends: UnsafeMutablePointer<UInt64>? = nil
  ) -> Span {
    Span(
      state: state(in: control), offsets: offsets.elements(in: control), places: places,
      firstSize: first, doublings: count, fixedSize: fixed, ends: ends, region: region)
  }

  /// Calls `body` with each run of each part; see Span.
  package func forEachRun(
    _ body: (_ offset: UInt64, _ address: UnsafeMutableRawPointer, _ size: UInt64) -> Void
  ) {
    arenaSpan.forEachRun(body)
    pagesSpan.forEachRun(body)
    bucketsSpan.forEachRun(body)
    overflowSpan.forEachRun(body)
    sketchSpan.forEachRun(body)
    ghostsSpan.forEachRun(body)
    shadowsSpan.forEachRun(body)
  }

  // MARK: Making

  /// Bytes that the tables beside an arena may grow to, in a shared region: its records of
  /// pages, and each of four others. A bucket of 64 bytes has eight entries, and none is
  /// smaller than 40, so a quarter is more than enough.
  private static func tableSizes(arena: UInt64) -> (pages: UInt64, others: UInt64) {
    (arena / UInt64(Geometry.page) * UInt64(MemoryLayout<PageRecord>.stride), arena / 4)
  }

  /// What `reserveAll` takes.
  package static func reservedSize(arena: UInt64) -> UInt64 {
    let (pages, others) = tableSizes(arena: arena)
    return Geometry.roundedToPages(pages) + 4 * Geometry.roundedToPages(others)
      + Geometry.roundedToPages(shadowsSize) + 5 * UInt64(Geometry.page)
  }

  /// Enters all the addresses that the tables of a new shard may ever need, in a shared
  /// region. False if there are too few. The first step is to a whole page: what follows
  /// begins on one.
  package func reserveAll() -> Bool {
    let (pages, others) = ShardMemory.tableSizes(arena: region.header.pointee.geometry.arenaSize)
    func reserve(_ span: Span, _ size: UInt64) -> Bool {
      span.reserve(UInt64(Geometry.page)) && span.reserve(size)
    }
    return reserve(pagesSpan, pages) && reserve(bucketsSpan, others)
      && reserve(overflowSpan, others) && reserve(sketchSpan, others)
      && reserve(ghostsSpan, others) && shadowsSpan.reserve(ShardMemory.shadowsSize)
  }

  /// Sees to it that there is memory behind all that the shard has, and nothing else.
  package func secure() -> Bool {
    arenaSpan.secure() && pagesSpan.secure() && bucketsSpan.secure() && overflowSpan.secure()
      && sketchSpan.secure() && ghostsSpan.secure() && shadowsSpan.secure()
  }

  /// Tells a shard's map whose it is, before anything else.
  package static func locate(_ number: UInt32, of region: Region) {
    ShardMap.words(in: RegionMap.shard(number, in: region.map)).pointee = ShardMapWords(
      region: region.map, number: number, owner: region.owner)
  }

  /// Finds what there is of a shard in a region that was filled before.
  func restore(take: (_ run: Range<UInt64>) -> Bool) throws(CorruptRegion) {
    let geometry = region.header.pointee.geometry
    let start = geometry.shardOffset(number)
    try arenaSpan.restore(from: start + geometry.arenaOffset, geometry.arenaSize, take: take)
    try pagesSpan.restore(
      from: start + UInt64(ShardControl.firstPages.offset), ShardMemory.pagesSize, take: take)
    try bucketsSpan.restore(
      from: start + UInt64(ShardControl.firstBuckets.offset), ShardMemory.bucketsSize, take: take)
    try overflowSpan.restore(take: take)
    try sketchSpan.restore(take: take)
    try ghostsSpan.restore(take: take)
    try shadowsSpan.restore(take: take)
  }

  /// Enters what a new shard begins with.
  package func begin() {
    let geometry = region.header.pointee.geometry
    let start = geometry.shardOffset(number)
    arenaSpan.begin(start + geometry.arenaOffset, geometry.arenaSize)
    pagesSpan.begin(start + UInt64(ShardControl.firstPages.offset), ShardMemory.pagesSize)
    bucketsSpan.begin(start + UInt64(ShardControl.firstBuckets.offset), ShardMemory.bucketsSize)
  }
}
