import CPlatform
import Synchronization

/// Where a shard's entries live: one stretch of memory, cut into blocks of any
/// size, without size classes.
///
/// The blocks lie side by side, entries and holes, up to `top`; beyond it
/// nothing is in use. A freed block joins the holes beside it at once, so what
/// small entries leave behind serves large ones and the other way round. Holes
/// are filed by size in bins, 16 to each power of two, with a bit for every bin
/// that has some: finding a hole, and filing one, are a few instructions
/// whatever the number of blocks. This is the two-level segregated fit of
/// Masmano, Ripoll, Crespo and Real, "TLSF: a New Dynamic Memory Allocator for
/// Real-Time Systems" (ECRTS 2004), with sizes in units of 8 bytes.
///
///      |entry|entry|hole  |entry|hole|entry|...  |        |
///      0                                          top      reserved
///
/// No two holes are neighbours and no hole ends at `top`. An entry's own header
/// says how long it is and whether a hole precedes it (Entry.swift), so a block
/// in use costs nothing beyond that header.
package struct Arena {
  package struct State {
    /// Where the unused part begins.
    package var top: Ref
    /// A bit for each row that has a bin with holes.
    package var rowMap: UInt32
    /// Units in holes.
    package var holeUnits: UInt64
    /// Units in blocks of entries, lent-out ones included.
    package var usedUnits: UInt64
    /// The page from which the next evacuation looks for a place.
    package var hand: UInt32
    package var reserved: UInt32
  }

  package static let rowCount = 29
  package static let binsPerRow = 16
  /// The bytes that the bins take in the shard's control area: a map of 16 bits
  /// a row, then the heads.
  package static let binsSize = 64 + rowCount * binsPerRow * 4
  /// The first block's place: 0 means none.
  package static let firstRef: Ref = 8
  /// Holes of so many bytes are given back to the system.
  private static let discardMin: UInt64 = 64 << 10
  /// Holes looked at in a bin whose holes may be too small.
  private static let probeMax = 4

  package let state: UnsafeMutablePointer<State>
  let rows: UnsafeMutablePointer<UInt16>
  let heads: UnsafeMutablePointer<Ref>
  package let base: UnsafeMutableRawPointer
  package let pages: PageTable
  package let span: Span
  let pagesSpan: Span
  let unitsMax: UInt64

  package init(
    state: UnsafeMutablePointer<State>, bins: UnsafeMutableRawPointer,
    base: UnsafeMutableRawPointer, size: UInt64, pages: PageTable, span: Span, pagesSpan: Span
  ) {
    self.state = state
    rows = bins.assumingMemoryBound(to: UInt16.self)
    heads = (bins + 64).assumingMemoryBound(to: Ref.self)
    self.base = base
    self.pages = pages
    self.span = span
    self.pagesSpan = pagesSpan
    unitsMax = min(size / UInt64(Entry.unit), UInt64(UInt32.max))
  }

  /// Makes a zero-filled state into that of an empty arena.
  package func initialize() { state.pointee.top = Arena.firstRef }

  @inline(__always)
  package func entry(_ ref: Ref) -> Entry { Entry(base + Int(ref) * Entry.unit) }

  /// The most units one block could ever have here.
  package var largestBlock: UInt64 { unitsMax - UInt64(Arena.firstRef) }

  package var chargedPages: UInt64 { span.chargedPages + pagesSpan.chargedPages }

  // MARK: Taking and giving

  package enum Allocation {
    /// A block, and the flags its header must begin with.
    case block(Ref, _ flags: UInt64)
    case noRoom
    case noMemory
  }

  /// A block of at least `units`, from a hole or, if allowed, from the top. Its
  /// header is not valid until it is written.
  package func allocate(_ units: UInt32, mayExtend: Bool = true) -> Allocation {
    if let hole = takeHole(fitting: units) { return .block(hole, use(hole, units)) }
    guard mayExtend else { return .noRoom }
    let ref = state.pointee.top
    let newTop = UInt64(ref) + UInt64(units)
    guard newTop <= unitsMax else { return .noRoom }
    switch cover(newTop) {
    case .overBudget: return .noRoom
    case .noMemory: return .noMemory
    case .done: break
    }
    state.pointee.top = Ref(newTop)
    state.pointee.usedUnits += UInt64(units)
    pages.addBoundary(ref)
    return .block(ref, 0)
  }

  /// Memory for the arena's first `units` and for the records of their pages.
  private func cover(_ units: UInt64) -> Span.Growth {
    let bytes = units * UInt64(Entry.unit)
    let pageCount = (bytes + UInt64(Geometry.page) - 1) / UInt64(Geometry.page)
    let recordBytes = pageCount * UInt64(MemoryLayout<PageTable.Record>.stride)
    let growth = pagesSpan.cover(recordBytes)
    return growth == .done ? span.cover(bytes) : growth
  }

  /// Turns a hole that has left its bin into a block of `units`, and what is
  /// left over into a hole or, if too little for one, into slack. The flags.
  private func use(_ hole: Ref, _ units: UInt32) -> UInt64 {
    let size = entry(hole).units
    let rest = size - units
    if rest >= Entry.unitsMin {
      state.pointee.usedUnits += UInt64(units)
      pages.addBoundary(hole + units)
      makeHole(hole + units, rest)
      return 0
    }
    state.pointee.usedUnits += UInt64(size)
    entry(hole + size).clearMark(Entry.Mark.afterHole)
    return UInt64(rest) << Entry.Flag.slackShift
  }

  /// Takes a block back and joins it to its neighbours.
  package func free(_ ref: Ref) {
    var start = ref
    var units = entry(ref).units
    state.pointee.usedUnits -= UInt64(units)
    let end = ref + units
    if end != state.pointee.top, entry(end).hasFlag(Entry.Flag.hole) {
      let right = removeHole(end)
      units += right
      pages.removeBoundary(end, next: end + right, top: state.pointee.top)
    }
    if entry(ref).hasMark(Entry.Mark.afterHole) {
      let left = (base + Int(ref) * Entry.unit).atomic32(-4).relaxed
      start = ref - left
      _ = removeHole(start)
      units += left
      pages.removeBoundary(ref, next: start + units, top: state.pointee.top)
    }
    if start + units == state.pointee.top {
      pages.removeBoundary(start, next: state.pointee.top, top: state.pointee.top)
      state.pointee.top = start
    } else {
      makeHole(start, units)
      entry(start + units).setMark(Entry.Mark.afterHole)
    }
  }

  // MARK: Making way

  /// Begins to clear a window at a block's start: a block that holds nothing,
  /// belongs to nobody and is passed over by whoever walks the arena. Zero
  /// units long until it is grown.
  package struct Window {
    package let start: Ref
    package fileprivate(set) var units: UInt32 = 0
    package var end: Ref { start + units }
    package init(start: Ref) { self.start = start }
  }

  /// Adds the hole at the window's end to it.
  package func absorbHole(_ window: inout Window) {
    let units = removeHole(window.end)
    state.pointee.usedUnits += UInt64(units)
    absorb(units, &window)
  }

  /// Adds the block at the window's end, whose contents have been moved away or
  /// given up.
  package func absorbBlock(_ window: inout Window) {
    absorb(entry(window.end).units, &window)
  }

  /// Makes a window of the part of a hole from `place` on; nil if there is no
  /// hole at `ref`, or no such part.
  package func claimTail(ofHoleAt ref: Ref, from place: Ref) -> Window? {
    guard entry(ref).hasFlag(Entry.Flag.hole), ref + Entry.unitsMin <= place,
      place + Entry.unitsMin <= ref + entry(ref).units
    else { return nil }
    let rest = removeHole(ref) - (place - ref)
    makeHole(ref, place - ref)
    state.pointee.usedUnits += UInt64(rest)
    return window(at: place, rest, marks: Entry.Mark.afterHole)
  }

  /// Takes back a block that was allocated and not written, or the end of one.
  package func giveBack(_ ref: Ref, _ units: UInt32) {
    release(window(at: ref, units, marks: 0))
  }

  /// A window of units in use that have no header.
  private func window(at ref: Ref, _ units: UInt32, marks: UInt64) -> Window {
    pages.addBoundary(ref)
    entry(ref).term.relaxed = marks
    var window = Window(start: ref)
    absorb(units, &window)
    return window
  }

  private func absorb(_ units: UInt32, _ window: inout Window) {
    let absorbed = window.end
    window.units += units
    let top = state.pointee.top
    if absorbed != window.start {
      pages.removeBoundary(absorbed, next: window.end, top: top)
    }
    if window.end != top { entry(window.end).clearMark(Entry.Mark.afterHole) }
    let block = entry(window.start)
    block.identity.relaxed = Entry.Identity.dead
    block.base.atomic64(Entry.headerSize).relaxed =
      UInt64(window.units) * UInt64(Entry.unit) - UInt64(Entry.headerSize) - 8
    block.use.relaxed = Entry.Use(lastUsed: 0, keySize: 0, flags: Entry.Flag.long).word
  }

  /// Makes the window a hole like any other, or part of the unused end.
  package func release(_ window: Window) {
    if window.units > 0 { free(window.start) }
  }

  // MARK: Giving back to the system

  /// Returns unused memory to the system, one step at a time: the part beyond
  /// the top, and the inner pages of large holes.
  package func trim() -> Discard {
    let used = UInt64(state.pointee.top) * UInt64(Entry.unit)
    let charged = span.chargedPages * UInt64(Geometry.page)
    let isEmpty = state.pointee.usedUnits == 0
    if charged > (isEmpty ? 0 : used + Arena.discardMin) {
      let result = span.shrink(to: isEmpty ? 0 : used, inOneStep: true)
      if result != .done { return result }
    }
    // Nothing is filed of the pages of an empty arena (Shard.trim).
    if isEmpty { return pagesSpan.shrink(to: 0) }
    var left = Span.discardStep
    let firstRow = bin(UInt32(Arena.discardMin / UInt64(Entry.unit))).row
    for row in firstRow..<Arena.rowCount where rows[row] != 0 {
      for column in 0..<Arena.binsPerRow {
        var ref = heads[row * Arena.binsPerRow + column]
        while ref != 0 {
          if !entry(ref).hasFlag(Entry.Flag.discarded) {
            if !discard(ref, upTo: &left) { return .failed }
            if left == 0 { return .more }
          }
          ref = entry(ref).next.relaxed
        }
      }
    }
    return .done
  }

  /// Discards the whole pages between a hole's header and its last bytes, or as
  /// many as `left` bytes have. False if the system refused.
  private func discard(_ ref: Ref, upTo left: inout UInt64) -> Bool {
    let hole = entry(ref)
    let page = UInt64(Geometry.page)
    let start = UInt64(ref) * UInt64(Entry.unit)
    let end = (start + UInt64(hole.units) * UInt64(Entry.unit) - 4) / page * page
    let first = (start + UInt64(Entry.headerSize) + page - 1) / page * page
    let from = first + hole.discardedBytes
    let to = min(end, from + left)
    if from < to {
      guard platform_discard(base + Int(from), Int(to - from)) == 0 else { return false }
      hole.discardedBytes += to - from
      left -= to - from
    }
    if to >= end { hole.setFlag(Entry.Flag.discarded) }
    return true
  }

  // MARK: Holes and bins

  func bin(_ units: UInt32) -> (row: Int, column: Int) {
    if units < 16 { return (0, Int(units)) }
    let exponent = 31 - units.leadingZeroBitCount
    return (exponent - 3, Int(units >> UInt32(exponent - 4)) & 15)
  }

  private func makeHole(_ ref: Ref, _ units: UInt32) {
    let hole = entry(ref)
    let (row, column) = bin(units)
    let head = heads[row * Arena.binsPerRow + column]
    hole.previous.relaxed = 0
    hole.next.relaxed = head
    hole.identity.relaxed = UInt64(units)
    hole.term.relaxed = 0
    hole.use.relaxed = Entry.Flag.hole
    (base + Int(ref + units) * Entry.unit).atomic32(-4).relaxed = units
    if head != 0 { entry(head).previous.relaxed = ref }
    heads[row * Arena.binsPerRow + column] = ref
    rows[row] |= 1 << UInt16(column)
    state.pointee.rowMap |= 1 << UInt32(row)
    state.pointee.holeUnits += UInt64(units)
  }

  /// Takes a hole out of its bin; its size.
  private func removeHole(_ ref: Ref) -> UInt32 {
    let hole = entry(ref)
    let units = hole.units
    let (previous, next) = (hole.previous.relaxed, hole.next.relaxed)
    if next != 0 { entry(next).previous.relaxed = previous }
    if previous != 0 {
      entry(previous).next.relaxed = next
    } else {
      let (row, column) = bin(units)
      heads[row * Arena.binsPerRow + column] = next
      if next == 0 {
        rows[row] &= ~(1 << UInt16(column))
        if rows[row] == 0 { state.pointee.rowMap &= ~(1 << UInt32(row)) }
      }
    }
    state.pointee.holeUnits -= UInt64(units)
    return units
  }

  /// A hole of the largest bin that has any.
  package var largestHole: Ref? {
    let map = state.pointee.rowMap
    if map == 0 { return nil }
    let row = 31 - map.leadingZeroBitCount
    let column = 15 - rows[row].leadingZeroBitCount
    return heads[row * Arena.binsPerRow + column]
  }

  /// Takes a hole of at least `units` out of its bin.
  private func takeHole(fitting units: UInt32) -> Ref? {
    if state.pointee.rowMap == 0 { return nil }
    let (row, column) = bin(units)
    // Up to 256 bytes a bin has one size. Beyond, holes in this one may be
    // smaller than asked for; the first few are worth a look, since what was
    // freed last is often of the very size that is wanted next.
    var candidate = heads[row * Arena.binsPerRow + column]
    for _ in 0..<Arena.probeMax where candidate != 0 {
      if entry(candidate).units >= units {
        _ = removeHole(candidate)
        return candidate
      }
      candidate = entry(candidate).next.relaxed
    }
    var foundRow = row
    var columns = column == 15 ? 0 : rows[row] & ~UInt16(0) << UInt16(column + 1)
    if columns == 0 {
      let larger = row == 31 ? 0 : state.pointee.rowMap & ~UInt32(0) << UInt32(row + 1)
      if larger == 0 { return nil }
      foundRow = larger.trailingZeroBitCount
      columns = rows[foundRow]
    }
    let found = heads[foundRow * Arena.binsPerRow + columns.trailingZeroBitCount]
    _ = removeHole(found)
    return found
  }
}
