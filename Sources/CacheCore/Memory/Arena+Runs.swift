import Synchronization

// From one run to the next, and back.

extension Arena {
  /// The run that has a place, in units.
  func run(at place: UInt64) -> Range<UInt64> {
    let unit = UInt64(Entry.unit)
    let bytes = span.run(at: place * unit)
    return bytes.lowerBound / unit..<bytes.upperBound / unit
  }

  /// What is known of the fence before a run that begins at `place`.
  func fence(endingAt place: Ref) -> UnsafeMutablePointer<Fence> {
    fences + fenceNumber(endingAt: place)
  }

  func fenceNumber(endingAt place: Ref) -> Int { max(0, 19 - place.leadingZeroBitCount) }

  /// Makes `place` the top.
  func setTop(_ place: UInt64) {
    let end = run(at: place).upperBound - UInt64(Fence.unitsMin)
    state.pointee.top = Ref(place)
    state.pointee.limit = Ref(min(end, Arena.unitsMax))
  }

  /// Goes on to a run with room for a block: one that there is, or a new one.
  func beginRun(for units: UInt32) -> Span.Growth {
    let room = UInt64(units) + UInt64(Fence.unitsMin)
    let extent = span.extent / UInt64(Entry.unit)
    var start = run(at: UInt64(state.pointee.top)).upperBound
    while start < extent, run(at: start).count < room { start = run(at: start).upperBound }
    guard start + UInt64(units) <= Arena.unitsMax else { return .overBudget }
    guard span.reserve((start + room) * UInt64(Entry.unit)) else { return .noMemory }
    while UInt64(state.pointee.top) < start {
      let growth = endRun()
      if growth != .done { return growth }
    }
    return .done
  }

  /// Fences off what is left of the run that the top is in. There is a next one.
  private func endRun() -> Span.Growth {
    let top = state.pointee.top
    let fenceEnd = UInt64(top) + UInt64(Fence.unitsMin)
    let growth = cover(fenceEnd)
    if growth != .done { return growth }
    // What was in use once and is not any more. If the system refuses, it stays
    // charged until the run is left.
    _ = span.shrink(to: fenceEnd * UInt64(Entry.unit))
    let end = run(at: UInt64(top)).upperBound
    makeFence(top, to: end, skippedPages: span.skip(to: end * UInt64(Entry.unit)))
    setTop(end)
    return .done
  }

  /// Writes the fence that ends a run.
  func makeFence(_ ref: Ref, to end: UInt64, skippedPages: UInt32) {
    fence(endingAt: Ref(end)).pointee = Fence(ref: ref, skippedPages: skippedPages)
    let fence = entry(ref)
    fence.versionWord.relaxed = Entry.VersionWord.dead
    fence.expiryWord.relaxed = 0
    fence.longValueSize.relaxed =
      (end - UInt64(ref)) * UInt64(Entry.unit) - UInt64(Entry.longHeaderSize)
    fence.accessWord.relaxed = Entry.Flag.fence
    pages.addBoundary(ref)
  }

  /// Whether a run begins at a place, and the arena goes on from one before it.
  private func isRunStart(_ place: Ref) -> Bool {
    place.nonzeroBitCount == 1 && fence(endingAt: place).pointee.ref != 0
  }

  /// Whether nothing is left in the run that the top is in, and there is one before it.
  var isAtRunStart: Bool { isRunStart(state.pointee.top) }

  /// Goes back from runs in which nothing is in use or charged.
  func leaveRuns() {
    while isAtRunStart, span.chargedEnd <= UInt64(state.pointee.top) * UInt64(Entry.unit) {
      leaveRun()
    }
  }

  /// Goes back to the run before, when nothing from the top on is charged.
  private func leaveRun() {
    let top = state.pointee.top
    let fence = fence(endingAt: top).pointee
    self.fence(endingAt: top).pointee = Fence(ref: 0, skippedPages: 0)
    span.unskip(fence.skippedPages)
    var start = fence.ref
    if entry(start).hasMark(Entry.Mark.afterHole) {
      let left = Entry.holeUnits(before: entry(start).base).relaxed
      pages.removeBoundary(start, next: top, top: top)
      start -= left
      _ = removeHole(start)
    }
    pages.removeBoundary(start, next: top, top: top)
    setTop(UInt64(start))
  }

  /// Returns memory beyond the first `size` bytes that is not in use at the arena's end.
  package func shrink(to size: UInt64, inOneStep: Bool = false) -> Discard {
    while true {
      let used = UInt64(state.pointee.top) * UInt64(Entry.unit)
      let result = span.shrink(to: max(size, used), inOneStep: inOneStep)
      guard result == .done, size < used, isAtRunStart else { return result }
      leaveRun()
    }
  }

  /// Where the arena would end, in bytes, with so many pages less charged.
  package func end(without count: UInt64) -> UInt64 {
    let unit = UInt64(Entry.unit)
    let page = UInt64(Geometry.page)
    var (end, left) = (span.chargedEnd, count * page)
    while true {
      if isRunStart(Ref(truncatingIfNeeded: end / unit)) {
        end -= UInt64(fence(endingAt: Ref(end / unit)).pointee.skippedPages) * page
      }
      let start = span.run(at: end - 1).lowerBound
      if start == 0 || end - start >= left { return end - min(end, left) }
      left -= end - start
      end = start
    }
  }

  /// Whether a block of `units` can only lie beyond the run that the top is in.
  package func needsNextRun(_ units: UInt32) -> Bool {
    let room = UInt64(units) + UInt64(Fence.unitsMin)
    var end = UInt64(state.pointee.top) + 1
    while end > 0 {
      let run = run(at: end - 1)
      if run.count >= room { return false }
      end = run.lowerBound
    }
    return true
  }
}
