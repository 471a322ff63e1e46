import CPlatform
import Synchronization

/// Where a shard's entries live: a stretch of places, cut into blocks of any
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
///      |entry|entry|hole  |entry|fence    |entry|hole|entry|...  |        |
///      first                    run ends here                   top      reserved
///
/// No two holes are neighbours and no hole ends at `top`. An entry's own header
/// says how long it is and whether a hole precedes it (Entry.swift), so a block
/// in use costs nothing beyond that header.
///
/// A block lies in one run of the memory (Places.swift). One that does not fit into
/// what is left of a run begins the next, and a *fence* takes what is left: a block
/// that is nobody's and never moves. Its pages were never touched, or are returned, and
/// are not charged. When nothing is left in the last run it is given up, the fence
/// falls, and the arena ends where it did before.
///
/// One free block may be the *spare*: what an entry left whose successor needs as much
/// again, as a rule. It is neither cut nor joined to its neighbours, and no hole; it has
/// the header of the entry that was there, dead, and is not counted as used. A block that
/// does not fit into it makes it a hole like others first.
package struct Arena {
  package static let rowCount = 29
  package static let binsPerRow = 16
  /// Holes looked at in a bin whose holes may be too small.
  private static let probeMax = 4

  let memory: ShardMemory

  @inline(__always)
  package init(_ memory: ShardMemory) { self.memory = memory }

  package var state: UnsafeMutablePointer<ArenaState> {
    @inline(__always) get { ShardControl.arena(in: memory.control) }
  }
  var rows: UnsafeMutablePointer<UInt16> {
    @inline(__always) get { ShardControl.binRows.elements(in: memory.control) }
  }
  var heads: UnsafeMutablePointer<Ref> {
    @inline(__always) get { ShardControl.binHeads.elements(in: memory.control) }
  }
  var fences: UnsafeMutablePointer<Fence> {
    @inline(__always) get { ShardControl.fences.elements(in: memory.control) }
  }
  package var pages: PageTable {
    @inline(__always) get { PageTable(places: memory.pages) }
  }

  package var span: Span { @inline(__always) get { memory.arenaSpan } }
  package var pagesSpan: Span { memory.pagesSpan }

  /// Makes a zero-filled state into that of an empty arena.
  package func initialize() { setTop(UInt64(firstRef)) }

  /// Where the first block can be.
  package var firstRef: Ref { memory.region.header.pointee.geometry.firstRef }

  @inline(__always)
  package func entry(_ ref: Ref) -> Entry { memory.blocks.entry(ref) }

  /// The most units one block could ever have here.
  package var largestBlock: UInt64 {
    // That of a shared region never gets another run.
    let units =
      memory.isShared ? span.extent / UInt64(Entry.unit) - UInt64(Fence.unitsMin) : Arena.unitsMax
    return units - UInt64(firstRef)
  }

  /// A block ends below this, so that no place is beyond 32 bits.
  static let unitsMax = ShardMap.arenaMax / UInt64(Entry.unit) - UInt64(Fence.unitsMin) - 1

  package var chargedPages: UInt64 { span.chargedPages + pagesSpan.chargedPages }

  // MARK: Taking and giving

  package enum Allocation {
    /// A block, and what its header must begin with: flags, and perhaps the mark `afterHole`.
    case block(Ref, _ flags: UInt64)
    case noRoom
    case noMemory
  }

  /// A block of at least `units`, from a hole or, if allowed, from the top. Its
  /// header is not valid until it is written.
  @inline(__always)
  package func allocate(_ units: UInt32, mayExtend: Bool = true) -> Allocation {
    let rest = state.pointee.spareUnits &- units
    guard rest < Entry.unitsMin else { return allocateAnew(units, mayExtend) }
    let ref = takeSpare()
    let mark = entry(ref).expiryWord.relaxed & Entry.Mark.afterHole
    return .block(ref, UInt64(rest) << Entry.Flag.slackShift | mark)
  }

  /// The same from a hole or the top.
  @inline(never)
  private func allocateAnew(_ units: UInt32, _ mayExtend: Bool) -> Allocation {
    freeSpare()
    if let hole = takeHole(fitting: units) { return .block(hole, use(hole, units)) }
    guard mayExtend else { return .noRoom }
    var ref = state.pointee.top
    var newTop = UInt64(ref) + UInt64(units)
    if newTop > UInt64(state.pointee.limit) {
      let growth = beginRun(for: units)
      if growth != .done {
        leaveRuns()
        return growth == .noMemory ? .noMemory : .noRoom
      }
      ref = state.pointee.top
      newTop = UInt64(ref) + UInt64(units)
    }
    let growth = cover(newTop)
    if growth != .done {
      leaveRuns()
      return growth == .noMemory ? .noMemory : .noRoom
    }
    state.pointee.top = Ref(newTop)
    state.pointee.usedUnits += UInt64(units)
    pages.addBoundary(ref)
    return .block(ref, 0)
  }

  /// Memory for the arena's first `units` and for the records of their pages.
  func cover(_ units: UInt64) -> Span.Growth {
    let bytes = units * UInt64(Entry.unit)
    let pageCount = (bytes + UInt64(Geometry.page) - 1) / UInt64(Geometry.page)
    let recordBytes = pageCount * UInt64(MemoryLayout<PageRecord>.stride)
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
      makeHole(hole + units, rest, from: hole)
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
    var joined = ref
    if end != state.pointee.top, entry(end).hasFlag(Entry.Flag.hole) {
      let right = removeHole(end)
      joined = end
      units += right
      pages.removeBoundary(end, next: end + right, top: state.pointee.top)
    }
    if entry(ref).hasMark(Entry.Mark.afterHole) {
      let left = Entry.holeUnits(before: entry(ref).base).relaxed
      start = ref - left
      _ = removeHole(start)
      units += left
      pages.removeBoundary(ref, next: start + units, top: state.pointee.top)
    }
    if start + units == state.pointee.top {
      pages.removeBoundary(start, next: state.pointee.top, top: state.pointee.top)
      state.pointee.top = start
    } else {
      makeHole(start, units, from: start == ref ? 0 : start, joined == ref ? 0 : joined)
      entry(start + units).setMark(Entry.Mark.afterHole)
    }
  }

  // MARK: The spare

  /// Takes back a block whose successor is about to be allocated, as `free` does.
  @inline(__always)
  package func keep(_ ref: Ref) {
    if state.pointee.spareUnits != 0 { return free(ref) }
    let block = entry(ref)
    let units = block.units
    block.versionWord.relaxed = Entry.VersionWord.dead
    state.pointee.usedUnits -= UInt64(units)
    state.pointee.spareUnits = units
    state.pointee.spare = ref
  }

  @inline(__always)
  private func takeSpare() -> Ref {
    let ref = state.pointee.spare
    state.pointee.usedUnits += UInt64(state.pointee.spareUnits)
    state.pointee.spareUnits = 0
    return ref
  }

  package var spare: Ref? { state.pointee.spareUnits == 0 ? nil : state.pointee.spare }

  /// Makes the spare a hole like others.
  package func freeSpare() {
    if state.pointee.spareUnits != 0 { free(takeSpare()) }
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
    makeHole(ref, place - ref, from: ref)
    state.pointee.usedUnits += UInt64(rest)
    return window(at: place, rest, marks: Entry.Mark.afterHole)
  }

  /// Takes back a block that was allocated and not written, or the end of one.
  package func giveBack(_ ref: Ref, _ units: UInt32, marks: UInt64 = 0) {
    release(window(at: ref, units, marks: marks))
  }

  /// A window of units in use that have no header.
  private func window(at ref: Ref, _ units: UInt32, marks: UInt64) -> Window {
    pages.addBoundary(ref)
    entry(ref).expiryWord.relaxed = marks
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
    block.versionWord.relaxed = Entry.VersionWord.dead
    block.longValueSize.relaxed =
      UInt64(window.units) * UInt64(Entry.unit) - UInt64(Entry.longHeaderSize)
    block.accessWord.relaxed =
      Entry.Access(
        lastUsed: 0, keySize: 0, flags: Entry.Flag.contents(isLong: true, hasWindow: false)
      ).word
  }

  /// Makes the window a hole like any other, or part of the unused end.
  package func release(_ window: Window) {
    if window.units > 0 { free(window.start) }
  }

  // MARK: Holes and bins

  func bin(_ units: UInt32) -> (row: Int, column: Int) {
    if units < 16 { return (0, Int(units)) }
    let exponent = 31 - units.leadingZeroBitCount
    return (exponent - 3, Int(units >> UInt32(exponent - 4)) & 15)
  }

  /// `from`: holes that it is made of, whose headers are still there; 0: none.
  @inline(__always)
  func makeHole(_ ref: Ref, _ units: UInt32, from one: Ref, _ other: Ref = 0) {
    let returned = units >= Arena.largeUnits ? longestReturn(one, other) : 0..<0
    let hole = entry(ref)
    let (row, column) = bin(units)
    let head = heads[row * Arena.binsPerRow + column]
    hole.previous.relaxed = 0
    hole.next.relaxed = head
    hole.versionWord.relaxed = UInt64(units)
    hole.expiryWord.relaxed = 0
    hole.accessWord.relaxed = Entry.Flag.hole
    Entry.holeUnits(before: hole.base + Int(units) * Entry.unit).relaxed = units
    if head != 0 { entry(head).previous.relaxed = ref }
    heads[row * Arena.binsPerRow + column] = ref
    rows[row] |= 1 << UInt16(column)
    state.pointee.rowMap |= 1 << UInt32(row)
    state.pointee.holeUnits += UInt64(units)
    if units >= Arena.largeUnits { admitLarge(ref, returned: returned) }
  }

  /// Takes a hole out of its bin; its size.
  func removeHole(_ ref: Ref) -> UInt32 {
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
    if units >= Arena.largeUnits { dismissLarge(ref) }
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
