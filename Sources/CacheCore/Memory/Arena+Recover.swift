import Synchronization

// The arena after a death: put together anew from the blocks that are somebody's, in the
// order of their places. What lies between them becomes holes; bins, pages, fences and
// sums follow from that. Of what was there only the fences' places are taken over where
// they fit, so that memory before them stays in use, and how many pages were charged.

extension Arena {
  /// What an entry, or the block of one that was, can be in, as far as this is known
  /// before anything else.
  package struct Bounds {
    fileprivate let first: UInt64
    fileprivate let end: UInt64
  }

  package var bounds: Bounds {
    let unit = UInt64(Entry.unit)
    let charged = min(span.chargedEnd, span.extent) / unit
    let recorded = recordCount * UInt64(PageTable.unitsPerPage)
    return Bounds(first: UInt64(firstRef), end: min(charged, recorded, Arena.unitsMax))
  }

  /// The size of the block at a place, which may be any number, if the header there is
  /// one of an entry and the block lies where an entry can be; 0: not so.
  @inline(__always)
  package func recoveredUnits(_ ref: Ref, in bounds: Bounds) -> UInt32 {
    let start = UInt64(ref)
    guard start >= bounds.first, start + UInt64(Entry.unitsMin) <= bounds.end else { return 0 }
    let run = memory.runEnd(ofBlock: ref) / UInt64(Entry.unit)
    let end = min(bounds.end, run - min(run, UInt64(Fence.unitsMin)))
    guard start + UInt64(Entry.unitsMin) <= end else { return 0 }
    let room = (end - start) * UInt64(Entry.unit)
    let block = entry(ref)
    guard block.canBeEntry(within: room) else { return 0 }
    let units = block.units
    return start + UInt64(units) <= end ? units : 0
  }

  /// Whether a block that begins between two others could be with what is left over beside
  /// it: a hole has a least size, and a block can have a few units too many.
  package func canFill(_ gap: UInt64, after previous: Ref?) -> Bool {
    guard gap > 0, gap < UInt64(Entry.unitsMin) else { return true }
    guard let previous else { return false }
    return UInt64(entry(previous).slack) + gap <= Entry.Flag.slackMax
  }

  /// Whether two places are in one run.
  package func areInOneRun(_ one: Ref, _ other: Ref) -> Bool {
    memory.runEnd(ofBlock: one) == memory.runEnd(ofBlock: other)
  }

  /// Where blocks begin in the run that has a place.
  package func runStart(of ref: Ref) -> UInt64 {
    max(run(at: UInt64(ref)).lowerBound, UInt64(firstRef))
  }

  // MARK: Putting together

  /// Makes the arena one of these blocks, which are sorted by place and do not overlap.
  package func recover(_ blocks: BlockOrder) {
    reset()
    var (place, end) = (UInt64(firstRef), run(at: UInt64(firstRef)).upperBound)
    var (previous, isAfterHole): (Ref, Bool) = (0, false)
    var (skippedPages, fenced): (UInt64, UInt32) = (0, 0)
    for position in 0..<blocks.count {
      let ref = blocks[position]
      memory.blocks.prefetch(blocks.ahead(of: position))
      while UInt64(ref) >= end {
        skippedPages += fenceOff(from: Ref(place), to: end)
        fenced |= 1 << UInt32(fenceNumber(endingAt: Ref(end)))
        (place, previous) = (end, 0)
        end = run(at: place).upperBound
      }
      let gap = ref - Ref(place)
      isAfterHole = gap >= Entry.unitsMin
      if isAfterHole {
        fill(Ref(place), gap)
      } else if gap > 0 {
        entry(previous).addSlack(gap)
        state.pointee.usedUnits += UInt64(gap)
      }
      let block = entry(ref)
      if block.hasMark(Entry.Mark.afterHole) != isAfterHole {
        if isAfterHole {
          block.setMark(Entry.Mark.afterHole)
        } else {
          block.clearMark(Entry.Mark.afterHole)
        }
      }
      pages.addBoundary(ref)
      let units = block.units
      state.pointee.usedUnits += UInt64(units)
      (place, previous) = (UInt64(ref) + UInt64(units), ref)
    }
    for number in 0..<20 where fenced & 1 << UInt32(number) == 0 {
      fences[number] = Fence(ref: 0, skippedPages: 0)
    }
    setTop(place)
    span.settle(to: place * UInt64(Entry.unit), skippedPages: skippedPages)
  }

  /// An arena without blocks, but for where its top is and what is charged.
  private func reset() {
    for page in 0..<PageTable.Index(truncatingIfNeeded: recordCount) { pages.reset(page) }
    for row in 0..<Arena.rowCount { rows[row] = 0 }
    for bin in 0..<Arena.rowCount * Arena.binsPerRow { heads[bin] = 0 }
    state.pointee.rowMap = 0
    state.pointee.holeUnits = 0
    state.pointee.usedUnits = 0
    state.pointee.hand = 0
    state.pointee.waiting = 0
    state.pointee.returnedPages = 0
    state.pointee.spareUnits = 0
    state.pointee.spare = 0
  }

  private func fill(_ ref: Ref, _ units: UInt32) {
    pages.addBoundary(ref)
    makeHole(ref, units, from: 0)
  }

  /// Ends a run that is not the last: a fence where it was, if that can be, and a hole
  /// before it. How many pages are passed over.
  private func fenceOff(from place: Ref, to end: UInt64) -> UInt64 {
    let before = fence(endingAt: Ref(end)).pointee
    let (start, old) = (UInt64(place), UInt64(before.ref))
    let isInPlace =
      (old == start || old >= start + UInt64(Entry.unitsMin))
      && old + UInt64(Fence.unitsMin) <= end
    let ref = isInPlace ? before.ref : place
    if ref > place { fill(place, ref - place) }
    let unit = UInt64(Entry.unit)
    let first = Geometry.roundedToPages((UInt64(ref) + UInt64(Fence.unitsMin)) * unit)
    let page = UInt64(Geometry.page)
    let inner = first / page..<max(first, end * unit) / page
    var skipped = UInt32(inner.count)
    if !isInPlace || before.skippedPages != skipped {
      if !span.discard(pages: inner) { skipped = 0 }
    }
    makeFence(ref, to: end, skippedPages: skipped)
    if ref > place { entry(ref).setMark(Entry.Mark.afterHole) }
    return UInt64(skipped)
  }
}
