import CPlatform
import Synchronization

extension Shard {
  /// No counter comes near it, and sums of them over all shards do not overflow.
  private static let countMax: UInt64 = 1 << 54

  /// Makes the memory usable again in a region that was filled before: as much as
  /// each part says it has, so that nothing in there can be a fault.
  func restore() throws(Unsound) {
    try arena.restore()
    try index.restore()
    try policy.restore()
  }

  /// Checks every part and that they agree. In time in proportion to what is
  /// there.
  func audit() throws(Unsound) {
    try auditCounters()
    let arena = arena
    let blocks = try arena.audit()
    try wheel.audit(pageCount: arena.recordCount)
    try require(wheel.state.pointee.now <= region.clock.coarse, "the time of the wheel")
    let entries = counters.pointee.entries
    let referred = try index.audit { (ref: Ref) throws(Unsound) -> UInt64 in
      try require(arena.isEntry(ref), "what a slot refers to")
      return hash(of: ref).hash
    }
    try require(referred == entries, "entries in the index")
    let (live, dead) = try auditEntries()
    try require(live == entries && live + dead == UInt64(blocks), "blocks of entries")
    try require(
      try policy.audit(isEntry: { arena.isEntry($0) }) == entries, "entries in order of use")
    try removals.audit(atMost: dead) { arena.isBlock($0) && self.entry($0).isDead }
  }

  /// Walks the blocks: the numbers of entries in use and of dead ones.
  private func auditEntries() throws(Unsound) -> (live: UInt64, dead: UInt64) {
    let (arena, index, wheel) = (arena, index, wheel)
    let isForked = base.atomic32(ShardLayout.isForked).relaxed != 0
    var (ref, live, dead): (Ref, UInt64, UInt64) = (Arena.firstRef, 0, 0)
    var (expired, expiredBefore, lastPage): (UInt64, UInt64, PageTable.Index) = (0, 0, 0)
    while ref < arena.state.pointee.top {
      let entry = entry(ref)
      let page = PageTable.page(of: ref)
      if page != lastPage {
        try auditExpired(expired - expiredBefore, in: lastPage)
        (expiredBefore, lastPage) = (expired, page)
      }
      if entry.isDead, !entry.hasFlag(Entry.Flag.hole) {
        // In the child of a fork its last lease may have been about to free it.
        try require(entry.leases > 0 || isForked, "a dead block that nobody has")
        dead += 1
      } else if !entry.hasFlag(Entry.Flag.hole) {
        live += 1
        try require(
          index.find(hash: hash(of: ref).forIndex, ref: ref) != nil, "an entry in the index")
        if entry.hasMark(Entry.Mark.expired) {
          expired += 1
        } else {
          // With time to idle the end moves on with each use; the page is filed
          // under an earlier one.
          let (end, due) = (end(entry.useNow, entry.termNow), pages[page].due)
          try require(
            end == Clock.never || (due != 0 && due <= max(end, wheel.state.pointee.now + 1)),
            "an entry that nobody would expire")
        }
      }
      ref += entry.units
    }
    if ref > Arena.firstRef { try auditExpired(expired - expiredBefore, in: lastPage) }
    try require(expired == wheel.state.pointee.expiredCount, "expired entries")
    return (live, dead)
  }

  private func auditExpired(_ count: UInt64, in page: PageTable.Index) throws(Unsound) {
    try require(count == UInt64(pages[page].expiredCount), "expired entries in a page")
  }

  /// Counters are far from overflow.
  private func auditCounters() throws(Unsound) {
    let c = counters.pointee
    let counts = max(
      c.inserts, c.updates, c.deletes, c.evictions,
      max(c.expirations, c.refused, c.entriesBefore), removals.state.pointee.lost)
    try require(counts <= Shard.countMax, "a counter")
    try require(c.versionFloor <= 1 << 48, "the next version")
    try require(c.typicalTtlMs <= Clock.never, "the typical lifetime")
    for number in 0..<Int(stripeCount) {
      let stripe = stripe(number)
      try require(max(stripe.hits, stripe.misses) <= Shard.countMax, "a counter of reads")
    }
  }

  // MARK: Starting anew

  /// Ends what belonged to threads that are not here: locks and guards, leases,
  /// and notes that lead nowhere. For a shard that was audited.
  func disown() {
    lock.reset()
    base.atomic32(ShardLayout.isForked).relaxed = 0
    counters.pointee.writesSinceDrain = 0
    counters.pointee.lastReader = 0
    counters.pointee.lastReadMs = 0
    counters.pointee.lostMs = 0
    counters.pointee.forgottenMs = 0
    markMs.relaxed = Shard.markMsMax
    counters.pointee.longestLagMs = 0
    index.resetGuards()
    let top = arena.state.pointee.top
    for number in 0..<Int(stripeCount) {
      stripe(number).disown { $0 >= Arena.firstRef && $0 < top && top - $0 >= Entry.unitsMin }
    }
    endLeases()
  }

  private func endLeases() {
    let arena = arena
    forEachBlock { _, entry in entry.identity.relaxed &= ~Entry.Identity.leaseMask }
    removals.forEach { entry($0).identity.relaxed += 1 }
    forEachBlock { ref, entry in
      if entry.isDead, entry.leases == 0 { arena.free(ref) }
    }
  }

  /// Calls `body`, which may free it, with each block that is not a hole.
  private func forEachBlock(_ body: (Ref, Entry) -> Void) {
    let arena = arena
    var ref = Arena.firstRef
    while ref < arena.state.pointee.top {
      var end = ref + entry(ref).units
      if !entry(ref).hasFlag(Entry.Flag.hole) {
        // A freed block joins the hole after it.
        if end < arena.state.pointee.top, entry(end).hasFlag(Entry.Flag.hole) {
          end += entry(end).units
        }
        body(ref, entry(ref))
      }
      ref = end
    }
  }
}

extension RemovalQueue {
  /// Checks that the queue leads from one removal to the next and ends.
  func audit(atMost limit: UInt64, isDead: (Ref) -> Bool) throws(Unsound) {
    var (ref, last, count) = (state.pointee.first, Ref(0), UInt64(0))
    while ref != 0 {
      try require(count < limit && isDead(ref), "a removal")
      try require(Removal.Cause(rawValue: entry(ref).previous.relaxed) != nil, "why it left")
      count += 1
      (last, ref) = (ref, entry(ref).next.relaxed)
    }
    try require(last == state.pointee.last, "the last removal")
  }

  func forEach(_ body: (Ref) -> Void) {
    var ref = state.pointee.first
    while ref != 0 {
      body(ref)
      ref = entry(ref).next.relaxed
    }
  }
}
