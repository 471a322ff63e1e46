import CPlatform
import Synchronization

extension Arena {
  /// Pages that have a record.
  package var recordCount: UInt64 {
    pagesSpan.chargedPages * UInt64(Geometry.page) / UInt64(MemoryLayout<PageTable.Record>.stride)
  }

  /// Makes the memory usable again in a region that was filled before.
  func restore() throws(Unsound) {
    try span.restore()
    try pagesSpan.restore()
    try pagesSpan.clear(beyond: pagesSpan.chargedPages * UInt64(Geometry.page))
  }

  /// Checks everything said in Arena.swift. The number of blocks that are not
  /// holes.
  package func audit() throws(Unsound) -> Int {
    let top = state.pointee.top
    try require(top >= Arena.firstRef && UInt64(top) <= unitsMax, "the arena's top")
    if top > Arena.firstRef {
      try require(
        UInt64(top) * UInt64(Entry.unit) <= span.chargedPages * UInt64(Geometry.page),
        "memory below the arena's top")
      try require(UInt64(PageTable.page(of: top - 1)) < recordCount, "records of pages")
    }
    let (blocks, holes) = try auditBlocks()
    try auditBins(holes)
    return blocks
  }

  /// Walks the arena. The number of blocks that are not holes, and of holes.
  private func auditBlocks() throws(Unsound) -> (blocks: Int, holes: Int) {
    let top = state.pointee.top
    var (ref, isAfterHole) = (Arena.firstRef, false)
    var (blocks, holes): (Int, Int) = (0, 0)
    var (usedUnits, holeUnits): (UInt64, UInt64) = (0, 0)
    var pagesSeen: PageTable.Index = 0
    while ref < top {
      let units = try auditedUnits(ref)
      let page = PageTable.page(of: ref)
      if page >= pagesSeen {
        try auditFirsts(pagesSeen..<page)
        let isFirst = pages[page].first == UInt16(ref % PageTable.unitsPerPage) + 1
        try require(isFirst, "a page's first block")
        pagesSeen = page + 1
      }
      if entry(ref).hasFlag(Entry.Flag.hole) {
        try require(!isAfterHole, "two holes side by side")
        isAfterHole = true
        holeUnits += UInt64(units)
        holes += 1
      } else {
        try require(entry(ref).hasMark(Entry.Mark.afterHole) == isAfterHole, "a block's neighbour")
        isAfterHole = false
        usedUnits += UInt64(units)
        blocks += 1
      }
      ref += units
    }
    try require(!isAfterHole, "a hole at the top")
    try require(
      holeUnits == state.pointee.holeUnits && usedUnits == state.pointee.usedUnits,
      "units in blocks and holes")
    try auditFirsts(pagesSeen..<PageTable.Index(truncatingIfNeeded: recordCount))
    return (blocks, holes)
  }

  /// No block begins in these pages.
  private func auditFirsts(_ range: Range<PageTable.Index>) throws(Unsound) {
    for page in range { try require(pages[page].first == 0, "a page without blocks") }
  }

  /// The size of the block at a place below the top: what its header says, if
  /// that much is there.
  private func auditedUnits(_ ref: Ref) throws(Unsound) -> UInt32 {
    let room = UInt64(state.pointee.top - ref)
    try require(room >= UInt64(Entry.unitsMin), "the last block")
    let block = entry(ref)
    let use = block.useNow
    if use.isHole {
      let units = block.identity.relaxed
      try require(units >= UInt64(Entry.unitsMin) && units <= room, "the size of a hole")
      let isWhole =
        use.word & ~(Entry.Flag.hole | Entry.Flag.discarded) == 0
        && block.termNow.marks == 0 && block.termNow.shortValueSize == 0
        && block.discardedBytes <= units * UInt64(Entry.unit)
        && (block.base + Int(units) * Entry.unit).atomic32(-4).relaxed == UInt32(units)
      try require(isWhole, "a hole")
    } else {
      let valueSize = block.valueSize(use, block.termNow)
      try require(use.keySize > 0, "the size of a key")
      try require(valueSize <= room * UInt64(Entry.unit), "the size of a value")
      let content = UInt64(use.keyOffset + use.keySize) + valueSize
      try require(content <= room * UInt64(Entry.unit), "the size of an entry")
      try require(UInt64(block.units) <= room, "the size of a block")
    }
    return block.units
  }

  /// Whether a block begins at `ref`. For an arena whose blocks were audited.
  func isBlock(_ ref: Ref) -> Bool {
    guard ref >= Arena.firstRef, ref < state.pointee.top else { return false }
    var place = pages.firstBlock(in: PageTable.page(of: ref))
    while place != 0, place < ref { place += entry(place).units }
    return place == ref
  }

  /// Whether an entry that is in use begins at `ref`; likewise.
  func isEntry(_ ref: Ref) -> Bool {
    isBlock(ref) && !entry(ref).hasFlag(Entry.Flag.hole) && !entry(ref).isDead
  }

  /// Every hole is in the bin of its size, and nothing else is.
  private func auditBins(_ holes: Int) throws(Unsound) {
    try require(state.pointee.rowMap >> UInt32(Arena.rowCount) == 0, "rows of bins")
    var filed = 0
    for row in 0..<Arena.rowCount {
      let isMapped = state.pointee.rowMap & 1 << UInt32(row) != 0
      try require(isMapped == (rows[row] != 0), "a row of bins")
      for column in 0..<Arena.binsPerRow {
        var (ref, previous) = (heads[row * Arena.binsPerRow + column], Ref(0))
        try require((ref != 0) == (rows[row] & 1 << UInt16(column) != 0), "a bin")
        while ref != 0 {
          try require(isBlock(ref) && entry(ref).hasFlag(Entry.Flag.hole), "a hole in a bin")
          try require(entry(ref).previous.relaxed == previous, "a link of a bin")
          try require(bin(entry(ref).units) == (row, column), "a hole's bin")
          filed += 1
          (previous, ref) = (ref, entry(ref).next.relaxed)
        }
      }
    }
    try require(filed == holes, "holes in bins")
  }
}
