import CPlatform

// Expiry is in two steps. When a page's time has come its entries are looked
// at, those whose time is up are marked and counted, and the page is filed again
// under the next deadline: that is what `count` and the backlog are told from.
// Marked entries are then removed, page by page. Readers need neither step: they
// compare deadlines themselves.

extension Shard {
  /// Has the page of a new entry, or one with a new deadline, looked at in time.
  @inline(__always)
  package func schedule(_ ref: Ref, end: UInt64) {
    if end != Clock.never { wheel.file(PageTable.page(of: ref), at: end) }
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
        if let next, count >= Shard.manyInPage { expectPage(next) }
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
  private func expectPage(_ page: PageTable.Index) {
    let start = arenaBase + Int(page) * Geometry.page
    for line in 0..<(Geometry.page / 64) { platform_prefetch(start + line * 64) }
  }

  /// Marks what has expired in a page; how many it marked.
  private func mark(_ page: PageTable.Index, at now: UInt64) -> UInt16 {
    var (expired, next) = (UInt16(0), Clock.never)
    forEachEntry(in: page) { ref, entry in
      if entry.hasMark(Entry.Mark.expired) { return }
      let (use, term) = (entry.useNow, entry.termNow)
      if isExpired(use, term, at: now) {
        entry.setMark(Entry.Mark.expired)
        expired += 1
      } else {
        next = min(next, end(use, term))
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
        let (use, term) = (entry.useNow, entry.termNow)
        guard isExpired(use, term, at: now) else {
          // A reader whose clock was behind has used it since it was marked.
          revive(ref)
          schedule(ref, end: end(use, term))
          continue
        }
        let lag = now - end(use, term)
        counters.pointee.longestLagMs = max(counters.pointee.longestLagMs, lag)
        remove(ref, hash: hash, because: .expired)
        removed += 1
      }
      counters.pointee.expirations += removed
      return removed
    }
  }

  /// Takes back that an entry was marked as expired.
  package func revive(_ ref: Ref) {
    guard entry(ref).hasMark(Entry.Mark.expired) else { return }
    entry(ref).clearMark(Entry.Mark.expired)
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

  /// Pages that an empty shard takes out of the wheel in one step.
  private static let pagesForgottenAtOnce = 1024
  /// Buckets taken back in one step.
  package static let contractionsAtOnce = 64

  /// Gives unused memory back to the system, one step at a time.
  package func trim() -> Discard {
    if counters.pointee.entries == 0, arena.state.pointee.usedUnits == 0 {
      if !wheel.reset(atMost: Shard.pagesForgottenAtOnce) { return .more }
      index.reset()
    }
    if !policy.dropTables() { return .failed }
    let isContracting = contractIndex() && index.isSparse(entries: counters.pointee.entries)
    // Every return interrupts the readers on other cores: not for a page at a time.
    if isContracting, index.unusedBytes < Span.discardStep { return .more }
    let result = index.trim()
    if result != .done { return result }
    return isContracting ? .more : arena.trim()
  }

  /// Takes some buckets back if there are far too many. False if there is no
  /// memory for that at present.
  @discardableResult
  package func contractIndex(atMost limit: Int = Shard.contractionsAtOnce) -> Bool {
    for _ in 0..<limit where index.isSparse(entries: counters.pointee.entries) {
      if !index.contract() { return false }
    }
    return true
  }

  // MARK: Pace

  /// Lifetimes stored, for the pace of an automatic sweeper: the average of
  /// about the last sixteen.
  @inline(__always)
  package func noteLifetime(until deadline: UInt64, from now: UInt64) {
    guard deadline != Clock.never, deadline > now else { return }
    let typical = counters.pointee.typicalTtlMs
    counters.pointee.typicalTtlMs =
      typical == 0 ? deadline - now : typical - typical / 16 + (deadline - now) / 16
  }
}
