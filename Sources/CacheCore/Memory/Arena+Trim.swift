import CPlatform

// Giving memory back to the system, in time in proportion to what is given back.
//
// Free memory is beyond the top or in holes. Beyond the top, what is charged and not
// used tells how much it is. Of a hole, whole pages can go, all but its header and its
// last bytes. Those that have gone are one range, kept in the header; where holes join,
// the longer range is kept, and where one is cut, the part that is left of it. A hole
// with `pagesMin` or more other pages waits in a list, linked through the memory behind
// its header, from the moment it is made. So nobody has to look for what there is to
// return, however it became free, and what has gone is not returned again for a few
// bytes beside it.

extension Arena {
  /// So much is worth a call to the system.
  private static let discardMin: UInt64 = 64 << 10
  static let pagesMin = Int(discardMin) / Geometry.page
  /// Holes of fewer units have too few pages.
  static let largeUnits = UInt32(discardMin / UInt64(Entry.unit))

  /// Returns unused memory, one step at a time.
  package func trim() -> Discard {
    let used = UInt64(state.pointee.top) * UInt64(Entry.unit)
    let isEmpty = state.pointee.usedUnits == 0
    if isEmpty || isAtRunStart || span.chargedEnd > used + Arena.discardMin {
      let result = shrink(to: 0, inOneStep: true)
      if result != .done { return result }
    }
    // What has gone from a shared region must be committed before it is used again, and
    // only what lies beyond the top is.
    if memory.region.isShared { return .done }
    var left = UInt32(Span.discardStep / UInt64(Geometry.page))
    while state.pointee.waiting != 0 {
      if left == 0 { return .more }
      guard discard(in: state.pointee.waiting, upTo: &left) else { return .failed }
    }
    return .done
  }

  /// Returns pages of a waiting hole, on one side of those that have gone, at most
  /// `left`. False if the system refused.
  private func discard(in ref: Ref, upTo left: inout UInt32) -> Bool {
    let hole = entry(ref)
    let inner = innerPages(ref, hole.units)
    var returned = hole.returnedPages
    if returned.isEmpty { returned = inner.lowerBound..<inner.lowerBound }
    let part: Range<UInt32>
    if returned.upperBound < inner.upperBound {
      part = returned.upperBound..<min(inner.upperBound, returned.upperBound + left)
      returned = returned.lowerBound..<part.upperBound
    } else {
      let count = min(left, returned.lowerBound - inner.lowerBound)
      part = returned.lowerBound - count..<returned.lowerBound
      returned = part.lowerBound..<returned.upperBound
    }
    let from = span.address(UInt64(part.lowerBound) * UInt64(Geometry.page))
    guard memory.region.discard(from, part.count * Geometry.page) else { return false }
    state.pointee.returnedPages += UInt64(part.count)
    left -= UInt32(part.count)
    hole.returnedPages = returned
    if returned == inner { leaveList(ref) }
    return true
  }

  /// The whole pages of a large hole between its links and its last bytes.
  func innerPages(_ ref: Ref, _ units: UInt32) -> Range<UInt32> {
    let start = UInt64(ref) * UInt64(Entry.unit)
    let end = start + UInt64(units) * UInt64(Entry.unit) - UInt64(Entry.holeEndSize)
    let first = Geometry.roundedToPages(
      start + UInt64(Entry.headerSize + MemoryLayout<WaitingLinks>.size))
    let page = UInt64(Geometry.page)
    return UInt32(first / page)..<UInt32(max(first, end) / page)
  }

  // MARK: Large holes

  /// The longer range of pages that two holes have given back; 0 is no hole.
  @inline(never)
  func longestReturn(_ one: Ref, _ other: Ref) -> Range<UInt32> {
    let first = one == 0 ? 0..<0 : entry(one).returnedPages
    let second = other == 0 ? 0..<0 : entry(other).returnedPages
    return first.count >= second.count ? first : second
  }

  /// Enters a large hole that was made. `returned` may extend beyond it.
  @inline(never)
  func admitLarge(_ ref: Ref, returned: Range<UInt32>) {
    let inner = innerPages(ref, entry(ref).units)
    let kept = returned.clamped(to: inner)
    if !kept.isEmpty {
      entry(ref).returnedPages = kept
      state.pointee.returnedPages += UInt64(kept.count)
    }
    if inner.count - kept.count >= Arena.pagesMin { enterList(ref) }
  }

  /// The hole is about to be something else.
  @inline(never)
  func dismissLarge(_ ref: Ref) {
    state.pointee.returnedPages -= UInt64(entry(ref).returnedPages.count)
    if entry(ref).hasFlag(Entry.Flag.waiting) { leaveList(ref) }
  }

  /// Of a hole that waits.
  func links(_ ref: Ref) -> UnsafeMutablePointer<WaitingLinks> {
    (entry(ref).base + Entry.headerSize).assumingMemoryBound(to: WaitingLinks.self)
  }

  private func enterList(_ ref: Ref) {
    let first = state.pointee.waiting
    links(ref).pointee = WaitingLinks(previous: 0, next: first)
    if first != 0 { links(first).pointee.previous = ref }
    state.pointee.waiting = ref
    entry(ref).setFlag(Entry.Flag.waiting)
  }

  private func leaveList(_ ref: Ref) {
    let (previous, next) = (links(ref).pointee.previous, links(ref).pointee.next)
    if next != 0 { links(next).pointee.previous = previous }
    if previous != 0 {
      links(previous).pointee.next = next
    } else {
      state.pointee.waiting = next
    }
    entry(ref).clearFlag(Entry.Flag.waiting)
  }
}
