import CPlatform
import Synchronization

extension Shard {
  /// No counter comes near it, and sums of them over all shards do not overflow.
  static let countMax: UInt64 = 1 << 54
  /// The most that a counter may be in a region from outside: so far from the most that it
  /// may become that a sum of a few goes on from there.
  static let countMaxAccepted = countMax / 16

  /// In a region that was filled before, whose parts have been found: clears what is
  /// beyond page records and index, which grow into zeros.
  func clearBeyond() throws(CorruptRegion) {
    let arena = arena
    try arena.pagesSpan.clear(beyond: arena.pagesSpan.chargedEnd)
    try index.restore()
  }

  /// Checks every part and that they agree. In time in proportion to what is
  /// there.
  func checkInvariants(countsAtMost countMax: UInt64) throws(CorruptRegion) {
    try checkCounters(atMost: countMax)
    let arena = arena
    let blocks = try arena.checkInvariants()
    try wheel.checkInvariants(pageCount: arena.recordCount)
    try require(wheel.state.pointee.now <= region.clock.coarse, "the time of the wheel")
    let entries = counters.pointee.entries
    let referred = try index.checkInvariants { (ref: Ref) throws(CorruptRegion) -> UInt64 in
      try require(arena.isEntry(ref), "what a slot refers to")
      return hash(of: ref).hash
    }
    try require(referred == entries, "entries in the index")
    let (live, dead) = try checkEntries()
    try require(live == entries && live + dead == UInt64(blocks), "blocks of entries")
    try require(
      try policy.checkInvariants(isEntry: { arena.isEntry($0) }) == entries,
      "entries in order of use")
    try claims.checkInvariants()
    try removals.checkInvariants(atMost: dead) {
      arena.isBlock($0) && self.entry($0).isDead && $0 != arena.spare
    }
  }

  /// Walks the blocks: the numbers of entries in use and of dead ones.
  private func checkEntries() throws(CorruptRegion) -> (live: UInt64, dead: UInt64) {
    let (arena, index, wheel) = (arena, index, wheel)
    // In the child of a fork its last lease may have been about to free it; of a shared
    // cache somebody's is.
    let mayBeNobodys = memory.isForked || memory.isShared
    var (ref, live, dead): (Ref, UInt64, UInt64) = (arena.firstRef, 0, 0)
    var (inPage, total, lastPage) = (PastEntries(), PastEntries(), PageTable.Index(0))
    while ref < arena.state.pointee.top {
      let entry = entry(ref)
      let page = PageTable.page(of: ref)
      if page != lastPage {
        try checkPast(inPage, in: lastPage)
        total.add(inPage)
        (inPage, lastPage) = (PastEntries(), page)
      }
      if entry.access.isFence {
        // Nobody's.
      } else if ref == arena.spare {
        // Likewise; the arena looks after it.
      } else if entry.isDead, !entry.hasFlag(Entry.Flag.hole) {
        try require(entry.leases > 0 || mayBeNobodys, "a dead block that nobody has")
        dead += 1
      } else if !entry.hasFlag(Entry.Flag.hole) {
        live += 1
        try require(
          index.find(hash: hash(of: ref).forIndex, ref: ref) != nil, "an entry in the index")
        try require(!entry.isUnfinished, "an entry that is being written")
        let (access, expiry) = (entry.access, entry.expiry)
        let window = entry.window(access)
        try require(
          !access.hasWindow || (window.end >= expiry.deadline && window.end > 0), "a window")
        if entry.hasMark(Entry.Mark.expired) {
          inPage.expired += 1
          try require(!window.isCounted, "an expired entry's window")
        } else {
          if window.isCounted { inPage.count(isAbsence: expiry.isAbsence) }
          try require(
            window.isCounted || !access.hasWindow || !expiry.isAbsence, "an absence counted")
          // With time to idle the end moves on with each use; the page is filed
          // under an earlier one.
          let (end, due) = (due(ref), pages[page].due)
          try require(
            end == Clock.never || (due != 0 && due <= max(end, wheel.state.pointee.now + 1)),
            "an entry that nobody would expire")
        }
      }
      ref += entry.units
    }
    if ref > arena.firstRef { try checkPast(inPage, in: lastPage) }
    total.add(inPage)
    let state = wheel.state.pointee
    try require(
      total.expired == state.expiredCount && total.stale == state.staleCount
        && total.absent == state.absentCount, "expired entries")
    return (live, dead)
  }

  /// Entries past their deadline, of each kind.
  private struct PastEntries {
    var (expired, stale, absent): (UInt64, UInt64, UInt64) = (0, 0, 0)

    mutating func count(isAbsence: Bool) {
      if isAbsence { absent += 1 } else { stale += 1 }
    }

    mutating func add(_ other: PastEntries) {
      expired += other.expired
      stale += other.stale
      absent += other.absent
    }
  }

  private func checkPast(_ past: PastEntries, in page: PageTable.Index) throws(CorruptRegion) {
    try require(
      past.expired == UInt64(pages[page].expiredCount)
        && past.stale + past.absent == UInt64(pages[page].windowedCount),
      "expired entries in a page")
  }

  /// Counters are far from overflow.
  private func checkCounters(atMost countMax: UInt64) throws(CorruptRegion) {
    let c = counters.pointee
    let counts = max(
      c.inserts, c.updates, c.deletes, c.evictions,
      max(c.expirations, c.refused, c.entriesBefore), removals.state.pointee.lost)
    try require(counts <= countMax, "a counter")
    try require(c.versionFloor <= Shard.versionMax, "the next version")
    try require(c.lifetimesMs <= 16 * Shard.longLifetimeMs, "the average lifetime")
    for number in 0..<Int(stripeCount) {
      let stripe = stripe(number)
      let reads = max(stripe.hits, stripe.misses, stripe.staleServed, stripe.absentServed)
      try require(reads <= countMax, "a counter of reads")
    }
  }

  // MARK: Starting anew

  /// Ends what belonged to threads that are not here: locks and pins, leases,
  /// and access records that lead nowhere. For a shard that was checked.
  func disown() {
    lock.reset()
    resetStall()
    memory.isForked = false
    counters.pointee.writesSinceDrain = 0
    counters.pointee.lastReader = 0
    counters.pointee.lastReadMs = 0
    counters.pointee.lostMs = 0
    counters.pointee.forgottenMs = 0
    accessGranularityMs.relaxed = Shard.accessGranularityMaxMs
    counters.pointee.longestLagMs = 0
    index.resetPins()
    claims.clear()
    let (first, top) = (arena.firstRef, arena.state.pointee.top)
    for number in 0..<Int(stripeCount) {
      stripe(number).disown { $0 >= first && $0 < top && top - $0 >= Entry.unitsMin }
    }
    endLeases()
  }

  private func endLeases() {
    let arena = arena
    arena.freeSpare()
    forEachBlock { _, entry in entry.versionWord.relaxed &= ~Entry.VersionWord.leaseMask }
    removals.forEach { entry($0).versionWord.relaxed += 1 }
    forEachBlock { ref, entry in
      if entry.isDead, entry.leases == 0 { arena.free(ref) }
    }
  }

  /// Calls `body`, which may free it, with each block that is somebody's.
  private func forEachBlock(_ body: (Ref, Entry) -> Void) {
    let arena = arena
    var ref = arena.firstRef
    while ref < arena.state.pointee.top {
      var end = ref + entry(ref).units
      if !entry(ref).access.isHole, !entry(ref).access.isFence {
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
  func checkInvariants(atMost limit: UInt64, isDead: (Ref) -> Bool) throws(CorruptRegion) {
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
