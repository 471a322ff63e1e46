import CPlatform
import Synchronization

extension Arena {
  /// Pages that have a record.
  package var recordCount: UInt64 {
    pagesSpan.chargedEnd / UInt64(MemoryLayout<PageRecord>.stride)
  }

  /// Checks everything said in Arena.swift. The number of blocks that are not
  /// holes.
  package func checkInvariants() throws(CorruptRegion) -> Int {
    let top = state.pointee.top
    try require(
      top >= firstRef && UInt64(top) * UInt64(Entry.unit) <= span.chargedEnd,
      "memory below the arena's top")
    try require(UInt64(PageTable.page(of: top - 1)) < recordCount, "records of pages")
    let end = run(at: UInt64(top)).upperBound
    let limit = min(end - UInt64(Fence.unitsMin), Arena.unitsMax)
    try require(
      top <= state.pointee.limit && UInt64(state.pointee.limit) == limit
        && span.chargedEnd <= end * UInt64(Entry.unit), "the arena's limit")
    let (blocks, holes, waiting) = try checkBlocks()
    try checkBins(holes)
    try checkWaiting(waiting)
    return blocks
  }

  /// Walks the arena. The number of blocks that are not holes, of holes, and of those
  /// that wait for their pages to be returned.
  private func checkBlocks() throws(CorruptRegion) -> (blocks: Int, holes: Int, waiting: Int) {
    let top = state.pointee.top
    var (ref, isAfterHole) = (firstRef, false)
    var (blocks, holes, waiting): (Int, Int, Int) = (0, 0, 0)
    var (usedUnits, holeUnits, returnedPages): (UInt64, UInt64, UInt64) = (0, 0, 0)
    var pagesSeen: PageTable.Index = 0
    var (skippedPages, fenceCount): (UInt64, Int) = (0, 0)
    var isSpareThere = spare == nil
    while ref < top {
      let units = try checkedUnits(ref)
      let page = PageTable.page(of: ref)
      if page >= pagesSeen {
        try checkFirsts(pagesSeen..<page)
        let isFirst = pages[page].first == UInt16(ref % PageTable.unitsPerPage) + 1
        try require(isFirst, "a page's first block")
        pagesSeen = page + 1
      }
      if entry(ref).hasFlag(Entry.Flag.hole) {
        try require(!isAfterHole, "two holes side by side")
        isAfterHole = true
        holeUnits += UInt64(units)
        returnedPages += try checkedReturn(ref, units)
        holes += 1
        if entry(ref).hasFlag(Entry.Flag.waiting) { waiting += 1 }
      } else {
        try require(entry(ref).hasMark(Entry.Mark.afterHole) == isAfterHole, "a block's neighbour")
        isAfterHole = false
        if entry(ref).access.isFence {
          skippedPages += try checkedSkip(ref, units)
          fenceCount += 1
        } else if ref == spare {
          try require(
            units == state.pointee.spareUnits
              && entry(ref).versionWord.relaxed == Entry.VersionWord.dead, "the spare block")
          isSpareThere = true
        } else {
          usedUnits += UInt64(units)
          blocks += 1
        }
      }
      ref += units
    }
    try require(isSpareThere, "the place of the spare block")
    let fences = (0..<20).filter { self.fences[$0].ref != 0 }.count
    try require(
      fences == fenceCount && skippedPages == span.skippedPages, "the fences of the arena")
    try require(!isAfterHole, "a hole at the top")
    try require(
      holeUnits == state.pointee.holeUnits && usedUnits == state.pointee.usedUnits,
      "units in blocks and holes")
    try require(returnedPages == state.pointee.returnedPages, "pages returned")
    try checkFirsts(pagesSeen..<PageTable.Index(truncatingIfNeeded: recordCount))
    return (blocks, holes, waiting)
  }

  /// No block begins in these pages.
  private func checkFirsts(_ range: Range<PageTable.Index>) throws(CorruptRegion) {
    for page in range { try require(pages[page].first == 0, "a page without blocks") }
  }

  /// The size of the block at a place below the top: what its header says, if
  /// that much is there.
  private func checkedUnits(_ ref: Ref) throws(CorruptRegion) -> UInt32 {
    let end = run(at: UInt64(ref)).upperBound
    let room = min(UInt64(state.pointee.top), end) - UInt64(ref)
    try require(room >= UInt64(Entry.unitsMin), "the last block")
    let block = entry(ref)
    let access = block.access
    if access.isHole {
      let units = UInt64(block.units)
      try require(units >= UInt64(Entry.unitsMin) && units <= room, "the size of a hole")
      let isWhole =
        access.word & ~(Entry.Flag.hole | Entry.Flag.waiting) == 0
        && block.expiry.marks == 0 && block.expiry.shortValueSize == 0
        && Entry.holeUnits(before: block.base + Int(units) * Entry.unit).relaxed == UInt32(units)
      try require(isWhole, "a hole")
      try require(UInt64(ref) + units < end, "a hole at the end of a run")
    } else {
      let (isFence, bytes) = (access.isFence, room * UInt64(Entry.unit))
      if isFence {
        let isWhole =
          access.word == Entry.Flag.fence
          && block.versionWord.relaxed == Entry.VersionWord.dead
          && block.expiryWord.relaxed & ~Entry.Mark.afterHole == 0
        try require(isWhole && block.fits(within: bytes), "a fence")
      } else {
        try require(block.canBeEntry(within: bytes), "an entry's header")
      }
      try require(UInt64(block.units) <= room, "the size of a block")
      try require((UInt64(ref) + UInt64(block.units) == end) == isFence, "the end of a run")
    }
    return block.units
  }

  /// How many pages of a fence are not charged: some that it has as a whole.
  private func checkedSkip(_ ref: Ref, _ units: UInt32) throws(CorruptRegion) -> UInt64 {
    let fence = fence(endingAt: ref + units).pointee
    let unit = UInt64(Entry.unit)
    let first = Geometry.roundedToPages((UInt64(ref) + UInt64(Fence.unitsMin)) * unit)
    let last = (UInt64(ref) + UInt64(units)) * unit
    try require(
      fence.ref == ref && UInt64(fence.skippedPages) <= (last - first) / UInt64(Geometry.page),
      "a fence's pages")
    return UInt64(fence.skippedPages)
  }

  /// How many pages of a hole are back with the system: pages it has, and it waits if
  /// there are enough others.
  private func checkedReturn(_ ref: Ref, _ units: UInt32) throws(CorruptRegion) -> UInt64 {
    let (hole, returned) = (entry(ref), entry(ref).returnedPages)
    let isWaiting = hole.hasFlag(Entry.Flag.waiting)
    guard units >= Arena.largeUnits else {
      try require(
        !isWaiting && hole.versionWord.relaxed >> 32 == 0 && hole.expiryWord.relaxed == 0,
        "a small hole")
      return 0
    }
    let inner = innerPages(ref, units)
    let isInside =
      returned.lowerBound >= inner.lowerBound && returned.upperBound <= inner.upperBound
    try require(
      hole.expiry.deadline <= UInt64(inner.count)
        && (hole.expiry.deadline == 0 || (isInside && returned.lowerBound < returned.upperBound)),
      "a hole's returned pages")
    let others = inner.count - Int(hole.expiry.deadline)
    try require(isWaiting ? others > 0 : others < Arena.pagesMin, "a hole that waits")
    return hole.expiry.deadline
  }

  /// The list of waiting holes has all of them, and nothing else.
  private func checkWaiting(_ count: Int) throws(CorruptRegion) {
    var (ref, previous, listed) = (state.pointee.waiting, Ref(0), 0)
    while ref != 0 {
      try require(
        listed < count && isBlock(ref) && entry(ref).hasFlag(Entry.Flag.hole)
          && entry(ref).hasFlag(Entry.Flag.waiting), "a waiting hole")
      try require(links(ref).pointee.previous == previous, "a link of a waiting hole")
      listed += 1
      (previous, ref) = (ref, links(ref).pointee.next)
    }
    try require(listed == count, "waiting holes")
  }

  /// Whether a block begins at `ref`. For an arena whose blocks were checked.
  package func isBlock(_ ref: Ref) -> Bool {
    guard ref >= firstRef, ref < state.pointee.top else { return false }
    var place = pages.firstBlock(in: PageTable.page(of: ref))
    while place != 0, place < ref { place += entry(place).units }
    return place == ref
  }

  /// Whether an entry that is in use begins at `ref`; likewise.
  func isEntry(_ ref: Ref) -> Bool {
    isBlock(ref) && !entry(ref).hasFlag(Entry.Flag.hole) && !entry(ref).isDead
  }

  /// Every hole is in the bin of its size, and nothing else is.
  private func checkBins(_ holes: Int) throws(CorruptRegion) {
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
