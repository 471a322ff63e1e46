/// When which page of the arena is to be looked at next: a hierarchical timing
/// wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP
/// 1987) with ticks of one millisecond and pages for timers (PageTable.swift).
///
/// Seven levels of 64 slots reach 2^42 ms, more than any deadline. A page is
/// filed on the level of the highest 6-bit digit in which its time differs from
/// the wheel's, in the slot of that digit. When the wheel's time enters a slot
/// above level 0, its pages are filed again, on lower levels: a page moves at
/// most seven times, however far its deadline. A bit for each slot says whether
/// it has pages, so that time passes over empty ones without looking at them.
///
/// A page is filed under the earliest deadline of its entries or earlier: when
/// that entry goes before its time, nothing is done, and the page is looked at
/// once in vain.
package struct ExpiryWheel {
  package static let levels = 7
  package static let slots = 64

  private let control: UnsafeMutableRawPointer
  let pages: PageTable

  /// `control`: the shard's control area.
  @inline(__always)
  package init(control: UnsafeMutableRawPointer, pages: PageTable) {
    self.control = control
    self.pages = pages
  }

  package var state: UnsafeMutablePointer<WheelState> {
    @inline(__always) get { ShardControl.wheel(in: control) }
  }
  var maps: UnsafeMutablePointer<UInt64> {
    @inline(__always) get { ShardControl.wheelMaps.elements(in: control) }
  }
  var heads: UnsafeMutablePointer<UInt32> {
    @inline(__always) get { ShardControl.wheelHeads.elements(in: control) }
  }

  package func initialize() { state.pointee.nextDue = Clock.never }

  /// No page is filed or listed, and all that was due by `now` is still to be looked at.
  /// For records of pages that say so, too.
  package func reset(at now: UInt64) {
    for level in 0..<ExpiryWheel.levels { maps[level] = 0 }
    for place in 0..<ExpiryWheel.levels * ExpiryWheel.slots { heads[place] = 0 }
    state.pointee = WheelState(
      now: now, firstListed: 0, lastListed: 0, expiredCount: 0, staleCount: 0, absentCount: 0,
      nextDue: Clock.never)
  }

  // MARK: Filing

  /// Has the page looked at no later than at `tick`.
  @inline(__always)
  package func file(_ page: PageTable.Index, at tick: UInt64) {
    let due = pages[page].due
    if due != 0 && due <= tick { return }
    fileSlow(page, at: tick)
  }

  private func fileSlow(_ page: PageTable.Index, at tick: UInt64) {
    if pages[page].due != 0 { unfile(page) }
    // A time that has passed is due with the next tick.
    let due = max(tick, state.pointee.now + 1)
    let digits = due ^ state.pointee.now
    let level = (63 - digits.leadingZeroBitCount) / 6
    let slot = Int(due >> UInt64(6 * level) & 63)
    let place = level * ExpiryWheel.slots + slot
    let head = heads[place]
    pages[page].due = due
    pages[page].slot = UInt16(place)
    pages[page].previous = 0
    pages[page].next = head
    if head != 0 { pages[head - 1].previous = page + 1 }
    heads[place] = page + 1
    maps[level] |= 1 << UInt64(slot)
    if due < state.pointee.nextDue { state.pointee.nextDue = due }
  }

  private func unfile(_ page: PageTable.Index) {
    let record = pages[page]
    if record.next != 0 { pages[record.next - 1].previous = record.previous }
    if record.previous != 0 {
      pages[record.previous - 1].next = record.next
    } else {
      let place = Int(record.slot)
      heads[place] = record.next
      if record.next == 0 { maps[place / 64] &= ~(1 << UInt64(place % 64)) }
    }
    pages[page].due = 0
  }

  // MARK: Time

  package enum Step {
    /// The page's time has come; it is not filed any more. `next`, if there is
    /// one, is likely to be due after it.
    case due(PageTable.Index, next: PageTable.Index?)
    /// A page went to a lower level.
    case refiled
    case nothing
  }

  /// Moves the wheel's time on towards `now`, by one page at most.
  package func step(by now: UInt64) -> Step {
    guard let (level, slot, tick) = nextSlot(), tick <= now else {
      state.pointee.now = max(state.pointee.now, now)
      findNextDue()
      return .nothing
    }
    state.pointee.now = tick
    let page = heads[level * ExpiryWheel.slots + slot] - 1
    let due = pages[page].due
    unfile(page)
    if due <= tick {
      let next = heads[level * ExpiryWheel.slots + slot]
      return .due(page, next: next == 0 ? nil : next - 1)
    }
    fileSlow(page, at: due)
    return .refiled
  }

  /// Whether `step` could find anything: one comparison.
  @inline(__always)
  package func mayBeDue(by now: UInt64) -> Bool { state.pointee.nextDue <= now }

  private func findNextDue() { state.pointee.nextDue = nextSlot()?.tick ?? Clock.never }

  /// The slot that begins first of those that have pages; of several at once
  /// the one on the highest level, whose pages may belong on lower ones.
  private func nextSlot() -> (level: Int, slot: Int, tick: UInt64)? {
    let now = state.pointee.now
    var first: (level: Int, slot: Int, tick: UInt64)?
    for level in 0..<ExpiryWheel.levels {
      let shift = UInt64(6 * level)
      // The slot of the present digit counts too: it still has pages when a
      // slice has ended in the middle of it.
      let ahead = maps[level] & ~UInt64(0) << (now >> shift & 63)
      if ahead == 0 { continue }
      let slot = UInt64(ahead.trailingZeroBitCount)
      let start = (now >> (shift + 6)) << (shift + 6) | slot << shift
      let tick = max(start, now)
      if first == nil || tick <= first!.tick { first = (level, Int(slot), tick) }
    }
    return first
  }

  // MARK: Pages with expired entries

  // One list has both kinds: pages with entries to remove, from the front on; behind them
  // those that only have entries in their window, from the one that has been in it longest.

  /// Whether there are entries to remove.
  @inline(__always)
  package var hasDue: Bool { state.pointee.expiredCount != 0 }

  /// A page with entries to remove.
  package var firstDue: PageTable.Index? {
    guard let first, pages[first].expiredCount > 0 else { return nil }
    return first
  }

  /// A page with entries in their window, while none has entries to remove.
  package var firstWindowed: PageTable.Index? { firstDue == nil ? first : nil }

  private var first: PageTable.Index? {
    state.pointee.firstListed == 0 ? nil : state.pointee.firstListed - 1
  }

  @inline(__always)
  package var hasWindowed: Bool { state.pointee.staleCount | state.pointee.absentCount != 0 }

  /// Entries that have expired, in their window or not.
  @inline(__always)
  package var expiredCount: UInt64 {
    state.pointee.expiredCount + state.pointee.staleCount + state.pointee.absentCount
  }

  /// `count` more entries of the page are marked as expired.
  package func addExpired(_ count: UInt16, in page: PageTable.Index) {
    let isFirst = pages[page].expiredCount == 0
    pages[page].expiredCount += count
    state.pointee.expiredCount += UInt64(count)
    guard isFirst else { return }
    if pages[page].isListed != 0 { unlist(page) }
    let head = state.pointee.firstListed
    pages[page].isListed = 1
    pages[page].previousListed = 0
    pages[page].nextListed = head
    if head != 0 { pages[head - 1].previousListed = page + 1 }
    state.pointee.firstListed = page + 1
    if head == 0 { state.pointee.lastListed = page + 1 }
  }

  /// One marked entry of the page is gone.
  package func removeExpired(in page: PageTable.Index) {
    pages[page].expiredCount -= 1
    state.pointee.expiredCount -= 1
    guard pages[page].expiredCount == 0 else { return }
    unlist(page)
    if pages[page].windowedCount > 0 { listLast(page) }
  }

  /// One more entry of the page is in its window.
  package func addWindowed(in page: PageTable.Index, isAbsence: Bool) {
    pages[page].windowedCount += 1
    count(isAbsence: isAbsence, 1)
    if pages[page].isListed == 0 { listLast(page) }
  }

  /// One of them is not, any more.
  package func removeWindowed(in page: PageTable.Index, isAbsence: Bool) {
    pages[page].windowedCount -= 1
    count(isAbsence: isAbsence, UInt64(bitPattern: -1))
    if pages[page].windowedCount == 0, pages[page].expiredCount == 0 { unlist(page) }
  }

  private func count(isAbsence: Bool, _ change: UInt64) {
    if isAbsence {
      state.pointee.absentCount &+= change
    } else {
      state.pointee.staleCount &+= change
    }
  }

  private func listLast(_ page: PageTable.Index) {
    let tail = state.pointee.lastListed
    pages[page].isListed = 1
    pages[page].previousListed = tail
    pages[page].nextListed = 0
    if tail != 0 { pages[tail - 1].nextListed = page + 1 }
    state.pointee.lastListed = page + 1
    if tail == 0 { state.pointee.firstListed = page + 1 }
  }

  private func unlist(_ page: PageTable.Index) {
    let record = pages[page]
    if record.nextListed != 0 {
      pages[record.nextListed - 1].previousListed = record.previousListed
    } else {
      state.pointee.lastListed = record.previousListed
    }
    if record.previousListed != 0 {
      pages[record.previousListed - 1].nextListed = record.nextListed
    } else {
      state.pointee.firstListed = record.nextListed
    }
    pages[page].isListed = 0
  }

  /// Forgets pages that are gone, before their records go.
  package func forget(_ range: Range<PageTable.Index>) {
    for page in range where pages[page].due != 0 { unfile(page) }
    findNextDue()
  }
}
