import CPlatform
import Synchronization

/// One part of a shard that is filled from the left: it knows how far it reaches and
/// how many of its pages are charged to the budget.
///
/// Addresses are reserved a run at a time (Places.swift) and cost no memory. Charging
/// is exact: a page is charged before it is first touched, and given back when it has
/// been discarded. What a shard begins with is charged with the shard. Everything
/// below `chargedEnd` is charged, but for the pages that the arena has passed over.
package struct Span {
  private let state: UnsafeMutablePointer<SpanState>
  /// Where each doubling begins, in bytes from the region's start.
  private let offsets: UnsafeMutablePointer<UInt64>
  /// What elements are found by (Places.swift).
  private let bases: UnsafeMutablePointer<UnsafeMutableRawPointer>
  private let elementSize: UInt64
  /// Bytes of the first doubling.
  private let firstSize: UInt64
  /// In the arena's map alone: where runs end.
  private let ends: UnsafeMutablePointer<UInt64>?
  /// What the shard begins with, in bytes.
  private let fixedSize: UInt64
  private let sizeMax: UInt64
  private let region: Region

  @inline(__always)
  init<let size: Int>(
    state: UnsafeMutablePointer<SpanState>, offsets: UnsafeMutablePointer<UInt64>,
    places: Places<size>, firstSize: UInt64, doublings: Int, fixedSize: UInt64,
    ends: UnsafeMutablePointer<UInt64>? = nil, region: Region
  ) {
    self.state = state
    self.offsets = offsets
    bases = places.bases
    elementSize = UInt64(size)
    self.firstSize = firstSize
    self.ends = ends
    self.fixedSize = fixedSize
    sizeMax = firstSize << UInt64(doublings - 1)
    self.region = region
  }

  package enum Growth { case done, overBudget, noMemory }

  private static let page = UInt64(Geometry.page)

  package var chargedPages: UInt64 { state.pointee.chargedPages }

  /// Whole pages that the shard begins with.
  private var fixedPages: UInt64 { fixedSize / Span.page }

  /// What is usable, in bytes from the start.
  package var chargedEnd: UInt64 {
    let pages = chargedPages + skippedPages + fixedPages
    return max(fixedSize, pages * Span.page)
  }

  /// Pages to be charged for the first `size` bytes.
  private func pages(_ size: UInt64) -> UInt64 {
    if size <= fixedSize { return 0 }
    return (size + Span.page - 1) / Span.page - fixedPages - skippedPages
  }

  /// Makes the first `size` bytes usable and charged.
  package func cover(_ size: UInt64) -> Growth {
    if size <= chargedEnd { return .done }
    let extra = pages(size) - chargedPages
    // A shared region's parts have all their addresses from the start.
    guard size <= (region.isShared ? extent : sizeMax), region.pageBudget.take(extra) else {
      return .overBudget
    }
    guard reserve(size), commit(size) else {
      region.pageBudget.give(extra)
      return .noMemory
    }
    state.pointee.chargedPages += extra
    return .done
  }

  /// So much more than is needed is committed at once, if there is so much.
  private static let commitStep: UInt64 = 64 << 10

  /// Sees to it that there is memory behind the first `size` bytes. The pages of a file
  /// are otherwise found when they are first written to, and if there are none the process
  /// is killed (SIGBUS). What is private needs nothing of the kind.
  private func commit(_ size: UInt64) -> Bool {
    guard region.isShared, size > state.pointee.committedEnd else { return true }
    return commit(to: size + Span.commitStep) || commit(to: size)
  }

  /// `mayBe`: all of it may have memory already.
  private func commit(to size: UInt64, mayBe: Bool = false) -> Bool {
    let start = max(state.pointee.committedEnd, fixedSize)
    let end = min(extent, Geometry.roundedToPages(size))
    if !(mayBe && region.isCommitted(address(start), end - start)) {
      guard region.commit(address(start), end - start) else { return false }
    }
    state.pointee.committedEnd = end
    return true
  }

  /// The same for a shared region of which nobody knows what happened to it, and which
  /// nobody else has: there is memory behind what is charged, and nothing beyond.
  func secure() -> Bool {
    state.pointee.committedEnd = 0
    if extent == 0 { return true }
    guard chargedEnd == fixedSize || commit(to: chargedEnd, mayBe: true) else { return false }
    let start = Geometry.roundedToPages(max(chargedEnd, UInt64(Geometry.page)))
    let end = extent / Span.page * Span.page
    return start >= end || region.clearAlone(address(start), end - start)
  }

  // MARK: Runs

  /// How far the runs reach, in bytes.
  package var extent: UInt64 { state.pointee.extent }

  /// Addresses for the first `size` bytes: if there are too few, for twice as many as
  /// before, or if the system does not have those, for as many as it takes.
  func reserve(_ size: UInt64) -> Bool {
    if size <= extent { return true }
    let least = max(firstSize, Span.page, Span.powerOfTwo(atLeast: size))
    guard least <= sizeMax else { return false }
    var end = min(sizeMax, max(least, 2 * extent))
    while true {
      if let run = region.space.take(end - extent) {
        enter(run, end)
        return true
      }
      if end == least { return false }
      end = max(least, end / 2)
    }
  }

  private func enter(_ run: AddressSpace.Run, _ end: UInt64) {
    var at = extent
    while at < end {
      offsets[doubling(at)] = run.offset + (at - extent)
      at = next(at)
    }
    enter(run.address, end)
  }

  private func enter(_ address: UnsafeMutableRawPointer, _ end: UInt64) {
    state.pointee.runs |= 1 << UInt32(doubling(extent))
    map(from: extent, to: end, address)
    // Last: should this thread die before, there is no such run.
    atomicMemoryFence(ordering: .releasing)
    state.pointee.extent = end
  }

  /// Tells the process where a run is.
  private func map(from start: UInt64, to end: UInt64, _ address: UnsafeMutableRawPointer) {
    var at = start
    while at < end {
      // Every bit of the first doubling's elements, or that of the later one's.
      var number = max(1, at / elementSize)
      repeat {
        let position = position(number * elementSize)
        bases[position] = address - Int(start)
        ends?[position] = end
        number *= 2
      } while number * elementSize < next(at)
      at = next(at)
    }
  }

  /// What a new shard begins with.
  func begin(_ offset: UInt64, _ size: UInt64) {
    enter(region.base + Int(offset), size)
  }

  /// The doubling in which a byte is.
  private func doubling(_ offset: UInt64) -> Int {
    firstSize.leadingZeroBitCount + 1 - (offset | (firstSize - 1)).leadingZeroBitCount
  }

  /// Which address is that of the element that has a byte.
  private func position(_ offset: UInt64) -> Int {
    Int(platform_bit(UInt32(offset / elementSize) | 1))
  }

  /// Where a byte is.
  func address(_ offset: UInt64) -> UnsafeMutableRawPointer {
    bases[position(offset)] + Int(offset)
  }

  /// Where the doubling after that of `offset`, at which it begins, begins.
  private func next(_ offset: UInt64) -> UInt64 {
    offset == 0 ? firstSize : 2 * offset
  }

  /// Where the run that has a byte begins and ends.
  package func run(at offset: UInt64) -> Range<UInt64> {
    let number = doubling(offset)
    // Doublings up to this one that begin a run; the first always does.
    let starts = state.pointee.runs & (UInt32(2) << UInt32(number) &- 1) | 1
    let first = 31 - starts.leadingZeroBitCount
    let later = (state.pointee.runs >> UInt32(number)) >> 1
    let end =
      later == 0 ? extent : start(ofDoubling: number + 1 + later.trailingZeroBitCount)
    return start(ofDoubling: first)..<end
  }

  private func start(ofDoubling number: Int) -> UInt64 {
    number == 0 ? 0 : firstSize << UInt64(number - 1)
  }

  /// Calls `body` with each run: where it is in the region and in the process, and how
  /// many of its bytes are usable.
  package func forEachRun(
    _ body: (_ offset: UInt64, _ address: UnsafeMutableRawPointer, _ size: UInt64) -> Void
  ) {
    var at: UInt64 = 0
    while at < chargedEnd {
      let end = run(at: at).upperBound
      let isFixed = at == 0 && fixedSize > 0
      let offset = isFixed ? UInt64(address(0) - region.base) : offsets[doubling(at)]
      body(offset, address(at), min(end, chargedEnd) - at)
      at = end
    }
  }

  private static func powerOfTwo(atLeast size: UInt64) -> UInt64 {
    size <= 1 ? 1 : 1 << UInt64(64 - (size - 1).leadingZeroBitCount)
  }

  // MARK: Giving back

  /// Memory is returned in steps, so that the lock can be let go in between.
  package static let discardStep: UInt64 = 1 << 20

  /// Returns memory beyond the first `size` bytes to the system, and its
  /// charge: all of it, or as much from the end as one step is.
  package func shrink(to size: UInt64, inOneStep: Bool = false) -> Discard {
    let (pages, before) = (pages(size), chargedPages)
    guard pages < before else { return .done }
    let step = Span.discardStep / Span.page
    let kept = inOneStep && before - pages > step ? before - step : pages
    let end = chargedEnd
    state.pointee.chargedPages = kept
    guard discard(from: chargedEnd, to: max(end, state.pointee.committedEnd)) else {
      state.pointee.chargedPages = before
      return .failed
    }
    state.pointee.committedEnd = min(state.pointee.committedEnd, chargedEnd)
    region.pageBudget.give(before - kept)
    return kept == pages ? .done : .more
  }

  /// Returns whole pages to the system, a run at a time. False if it refuses.
  private func discard(from start: UInt64, to end: UInt64) -> Bool {
    var at = start
    while at < end {
      let stop = min(end, run(at: at).upperBound)
      guard region.discard(address(at), Int(stop - at)) else { return false }
      at = stop
    }
    return true
  }

  // MARK: Passing over

  /// The pages from what is charged to `end` need no charge from now on, nothing being
  /// there. How many.
  func skip(to end: UInt64) -> UInt32 {
    let count = (end - chargedEnd) / Span.page
    state.pointee.skippedPages += count
    return UInt32(count)
  }

  /// Takes the last `skip` back, when nothing beyond it is charged.
  func unskip(_ count: UInt32) { state.pointee.skippedPages -= UInt64(count) }

  package var skippedPages: UInt64 { state.pointee.skippedPages }

  // MARK: After a death

  /// Has `size` bytes from now on, of which so many pages are passed over; what is beyond
  /// goes back to the system. The budget is not told. At no moment does it have less than
  /// both before and after.
  func settle(to size: UInt64, skippedPages skipped: UInt64) {
    let pages = size <= fixedSize ? 0 : (size + Span.page - 1) / Span.page - fixedPages
    state.pointee.skippedPages = max(state.pointee.skippedPages, skipped)
    atomicMemoryFence(ordering: .releasing)
    state.pointee.chargedPages = pages - skipped
    atomicMemoryFence(ordering: .releasing)
    state.pointee.skippedPages = skipped
    // There has never been anything beyond what was committed.
    let end = region.isShared ? max(chargedEnd, state.pointee.committedEnd) : extent
    _ = discard(from: chargedEnd, to: end)
    state.pointee.committedEnd = min(state.pointee.committedEnd, chargedEnd)
  }

  /// Returns whole pages in the middle to the system. False if it refuses.
  func discard(pages: Range<UInt64>) -> Bool {
    discard(from: pages.lowerBound * Span.page, to: pages.upperBound * Span.page)
  }

  // MARK: A region that was filled before

  /// Finds its runs in a region that lies in one piece, if what is said of them can be
  /// so. `take` says whether nobody else has a stretch of the region. The first run is
  /// as `begin` would make it, unless the part begins with nothing.
  func restore(
    from offset: UInt64 = 0, _ size: UInt64 = 0, take: (_ run: Range<UInt64>) -> Bool
  ) throws(CorruptRegion) {
    let (extent, runs) = (extent, state.pointee.runs)
    let isSize = extent == 0 || (extent.nonzeroBitCount == 1 && extent <= sizeMax)
    try require(isSize && extent >= size, "the extent of a part")
    try require(extent == 0 ? runs == 0 : runs & 1 == 1, "the runs of a part")
    var (at, next): (UInt64, UInt64?) = (0, nil)
    while at < extent {
      let isFixed = at == 0 && size > 0
      let (start, end) = (isFixed ? offset : offsets[doubling(at)], run(at: at).upperBound)
      try require(end <= extent, "the end of a run")
      try require(
        isFixed ? end == size : start <= 1 << 48 && take(start..<start + end - at),
        "the place of a run")
      if region.isShared, !isFixed {
        // As all of them were entered at once, on whole pages (ShardMemory.reserveAll).
        try require(next == nil || next == start, "the order of runs")
        next = Geometry.roundedToPages(start + (end - at))
      }
      map(from: at, to: end, region.base + Int(start))
      at = end
    }
    try require(state.pointee.committedEnd <= extent, "the memory of a part")
    try require(ends != nil || skippedPages == 0, "pages passed over")
    let most = sizeMax / Span.page
    try require(
      chargedPages <= most && skippedPages <= most && chargedEnd <= extent, "pages of a part")
  }

  /// Fills what there is beyond the first `size` bytes with zeros, as it is when
  /// it has never been used.
  func clear(beyond size: UInt64) throws(CorruptRegion) {
    var at = size
    while at < extent {
      let (start, stop) = (address(at), run(at: at).upperBound)
      // Others have what is left of the pages that a shard begins with.
      let rest = start.alignedUp(toMultipleOf: Geometry.page) - start
      let whole = at < fixedSize ? stop : min(stop, at + UInt64(rest))
      memset(start, 0, Int(whole - at))
      if whole < stop {
        try require(
          region.discard(address(whole), Int(stop - whole)), "memory of a part")
      }
      at = stop
    }
  }
}

/// How far memory has been returned to the system.
package enum Discard {
  case done
  /// There is more to return.
  case more
  /// The system refused.
  case failed
}
