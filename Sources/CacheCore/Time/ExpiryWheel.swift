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
  package struct State {
    /// The tick up to which everything has been looked at.
    package var now: UInt64
    /// The first of the pages with entries marked as expired, plus one.
    package var dueHead: UInt32
    package var reserved: UInt32
    /// Entries marked as expired, in all pages.
    package var expiredCount: UInt64
    /// Lower bound of the next tick at which a page is due; never if none is.
    package var nextDue: UInt64
  }

  package static let levels = 7
  static let slots = 64
  /// Bytes in the shard's control area: the levels' bit maps, then the heads.
  package static let slotsSize = 64 + levels * slots * 4

  package let state: UnsafeMutablePointer<State>
  let maps: UnsafeMutablePointer<UInt64>
  let heads: UnsafeMutablePointer<UInt32>
  let pages: PageTable

  package init(
    state: UnsafeMutablePointer<State>, slots: UnsafeMutableRawPointer, pages: PageTable
  ) {
    self.state = state
    maps = slots.assumingMemoryBound(to: UInt64.self)
    heads = (slots + 64).assumingMemoryBound(to: UInt32.self)
    self.pages = pages
  }

  package func initialize() { state.pointee.nextDue = Clock.never }

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
      state.pointee.nextDue = nextSlot()?.tick ?? Clock.never
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

  package var firstDue: PageTable.Index? {
    state.pointee.dueHead == 0 ? nil : state.pointee.dueHead - 1
  }

  /// `count` more entries of the page are marked as expired.
  package func addExpired(_ count: UInt16, in page: PageTable.Index) {
    pages[page].expiredCount += count
    state.pointee.expiredCount += UInt64(count)
    guard pages[page].isDueListed == 0 else { return }
    let head = state.pointee.dueHead
    pages[page].isDueListed = 1
    pages[page].previousDue = 0
    pages[page].nextDue = head
    if head != 0 { pages[head - 1].previousDue = page + 1 }
    state.pointee.dueHead = page + 1
  }

  /// One marked entry of the page is gone.
  package func removeExpired(in page: PageTable.Index) {
    pages[page].expiredCount -= 1
    state.pointee.expiredCount -= 1
    guard pages[page].expiredCount == 0 else { return }
    let record = pages[page]
    if record.nextDue != 0 { pages[record.nextDue - 1].previousDue = record.previousDue }
    if record.previousDue != 0 {
      pages[record.previousDue - 1].nextDue = record.nextDue
    } else {
      state.pointee.dueHead = record.nextDue
    }
    pages[page].isDueListed = 0
  }

  // MARK: Starting over

  /// Forgets pages, at most so many of them; for an arena that is empty. False
  /// if there are more.
  package func reset(atMost limit: Int) -> Bool {
    var left = limit
    for level in 0..<ExpiryWheel.levels {
      while maps[level] != 0 {
        if left == 0 { return false }
        left -= 1
        unfile(heads[level * ExpiryWheel.slots + maps[level].trailingZeroBitCount] - 1)
      }
    }
    state.pointee.nextDue = Clock.never
    return true
  }
}
