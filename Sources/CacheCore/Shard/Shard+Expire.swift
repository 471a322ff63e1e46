import CPlatform

// Expiry is in two steps. When a page's time has come its entries are looked
// at, those whose time is up are marked and counted, and the page is filed again
// under the next deadline: that is what `count` and the backlog are told from.
// Marked entries are then removed, page by page. An entry with a window (Shard+Window.swift)
// is marked when that is over; until then its page is filed again under the window's end.
// Readers need neither step: they compare deadlines themselves.

extension Shard {
  /// Has the page of a new entry, or one with a new deadline, looked at in time.
  @inline(__always)
  package func schedule(_ ref: Ref) {
    let due = due(ref)
    if due != Clock.never { wheel.file(PageTable.page(of: ref), at: due) }
  }

  /// The same for an entry without a window, by what is known of it.
  @inline(__always)
  func schedule(_ ref: Ref, deadline: UInt64, lastUsed: UInt64) {
    let tti = header.pointee.defaultTtiMs
    let due = tti == 0 ? deadline : min(deadline, lastUsed &+ tti)
    if due != Clock.never { wheel.file(PageTable.page(of: ref), at: due) }
  }

  /// Marks what has expired in up to `pageLimit` pages. False if there may be
  /// more.
  @discardableResult
  package func markExpired(at now: UInt64, pageLimit: Int = Int.max) -> Bool {
    let wheel = wheel
    if !wheel.mayBeDue(by: now) { return true }
    for _ in 0..<pageLimit {
      switch wheel.step(by: now) {
      case .due(let page, let next):
        let count = mark(page, at: now)
        if let next, count >= Shard.manyInPage { prefetchPage(next) }
      case .refiled: break
      case .nothing: return true
      }
    }
    return false
  }

  /// Entries in a page from which on the next page is asked for as a whole.
  private static let manyInPage: UInt16 = 8

  /// Asks for the memory of a page that is about to be marked, while this one's
  /// entries are removed.
  private func prefetchPage(_ page: PageTable.Index) {
    let start = page * PageTable.unitsPerPage
    let step = Ref(CacheLine.size / Entry.unit)
    for line in 0..<PageTable.unitsPerPage / step { memory.blocks.prefetch(start + line * step) }
  }

  /// Marks what has expired in a page; how many it marked.
  private func mark(_ page: PageTable.Index, at now: UInt64) -> UInt16 {
    var (expired, next) = (UInt16(0), Clock.never)
    forEachEntry(in: page) { ref, entry in
      if entry.hasMark(Entry.Mark.expired) { return }
      let (access, expiry) = (entry.access, entry.expiry)
      if !isExpired(access, expiry, at: now) {
        next = min(next, end(access, expiry))
      } else if isInWindow(entry, access, expiry, at: now) {
        countWindowed(ref)
        next = min(next, lastEnd(entry, access, expiry))
      } else {
        if access.hasWindow { uncountWindowed(ref) }
        entry.setMark(Entry.Mark.expired)
        expired += 1
      }
    }
    if expired > 0 { wheel.addExpired(expired, in: page) }
    if next != Clock.never { wheel.file(page, at: next) }
    return expired
  }

  /// Removes up to `limit` marked entries of one page; how many.
  package func removeExpiredInOnePage(limit: UInt64, at now: UInt64) -> UInt64 {
    guard let page = wheel.firstDue else { return 0 }
    // 103 of the smallest blocks begin in a page at most.
    return withUnsafeTemporaryAllocation(of: (ref: Ref, hash: UInt32).self, capacity: 128) {
      found in
      var count = 0
      let index = index
      forEachEntry(in: page) { ref, entry in
        if UInt64(count) < limit, entry.hasMark(Entry.Mark.expired) {
          let hash = hash(of: ref).forIndex
          // Every entry's bucket is a cache miss of its own: all at once.
          platform_prefetch(index.bucket(for: hash, in: index.table.relaxed).base)
          found[count] = (ref, hash)
          count += 1
        }
      }
      var removed: UInt64 = 0
      for i in 0..<count {
        let (ref, hash) = found[i]
        let entry = entry(ref)
        let (access, expiry) = (entry.access, entry.expiry)
        let last = lastEnd(entry, access, expiry)
        guard last <= now else {
          // A reader whose clock was behind has used it since it was marked.
          revive(ref)
          schedule(ref)
          continue
        }
        let lag = now - last
        counters.pointee.longestLagMs = max(counters.pointee.longestLagMs, lag)
        remove(ref, hash: hash, because: .expired)
        removed += 1
      }
      return removed
    }
  }

  /// Takes back that an entry was marked as expired, or counted as being in its window.
  @inline(__always)
  package func revive(_ ref: Ref) {
    let entry = entry(ref)
    if entry.access.hasWindow { uncountWindowed(ref) }
    guard entry.hasMark(Entry.Mark.expired) else { return }
    entry.clearMark(Entry.Mark.expired)
    wheel.removeExpired(in: PageTable.page(of: ref))
  }

  /// Marks and removes up to `limit` expired entries, a bounded amount of work
  /// at a time, until `mayGoOn` says no. How many; false in `isDone` if there
  /// may be more.
  package func removeExpired(
    at now: UInt64, limit: UInt64, mayGoOn: () -> Bool
  ) -> (removed: UInt64, isDone: Bool) {
    var removed: UInt64 = 0
    while removed < limit {
      if wheel.firstDue == nil, markExpired(at: now, pageLimit: 1), wheel.firstDue == nil {
        return (removed, true)
      }
      removed += removeExpiredInOnePage(limit: limit - removed, at: now)
      if !mayGoOn() { return (removed, false) }
    }
    return (removed, wheel.firstDue == nil && !wheel.mayBeDue(by: now))
  }

  /// Expired entries removed at a time to make room for one.
  private static let expiredAtOnce: UInt64 = 16

  /// Removes a few expired entries, if there are any; how many.
  @inline(__always)
  package func removeSomeExpired(at now: UInt64) -> UInt64 {
    !wheel.hasDue && !wheel.mayBeDue(by: now) ? 0 : removeSomeExpiredSlow(at: now)
  }

  @inline(never)
  private func removeSomeExpiredSlow(at now: UInt64) -> UInt64 {
    while true {
      let (removed, isDone) = removeExpired(at: now, limit: Shard.expiredAtOnce) { false }
      if removed > 0 || isDone { return removed }
    }
  }

  /// Calls `body` for each entry that begins in the page and is in use.
  @inline(__always)
  package func forEachEntry(in page: PageTable.Index, _ body: (Ref, Entry) -> Void) {
    let top = arena.state.pointee.top
    var ref = pages.firstBlock(in: page)
    while ref != 0, ref < top, PageTable.page(of: ref) == page {
      let entry = entry(ref)
      if !entry.hasFlag(Entry.Flag.hole), !entry.isDead { body(ref, entry) }
      ref += entry.units
    }
  }
}
