import Synchronization

// The second half of a recovery (Shard+Recover.swift): what entries, which are all there
// and in their places, say of themselves.

extension Shard {
  /// Files pages by what is due in them, and gives the entries among the blocks their ages
  /// as keys, in milliseconds.
  func recoverTimes(_ blocks: inout BlockOrder, isAlone: Bool) {
    let (wheel, now) = (wheel, region.clock.coarse)
    wheel.reset(at: now)
    var (kept, page, next) = (0, PageTable.Index(0), Clock.never)
    var newest: UInt64 = 0
    for position in 0..<blocks.count {
      let ref = blocks[position]
      memory.blocks.prefetch(blocks.ahead(of: position))
      if blocks.key(position) != 0 { continue }
      if PageTable.page(of: ref) != page {
        if next != Clock.never { wheel.file(page, at: next) }
        (page, next) = (PageTable.page(of: ref), Clock.never)
      }
      let entry = entry(ref)
      let (access, expiry) = (entry.access, entry.expiry)
      if isAlone, entry.leases != 0 {
        entry.versionWord.relaxed &= ~Entry.VersionWord.leaseMask
      }
      if expiry.word & Entry.Mark.expired != 0 { entry.clearMark(Entry.Mark.expired) }
      if access.hasWindow { recoverWindow(ref, access, expiry) }
      next = min(next, due(ref))
      newest = max(newest, entry.version)
      let age = now - min(now, access.lastUsed)
      blocks.set(kept, ref, key: UInt32(min(age, UInt64(UInt32.max))))
      kept += 1
    }
    if next != Clock.never { wheel.file(page, at: next) }
    blocks.shorten(to: kept)
    raiseVersionFloor(above: newest)
  }

  /// A window ends after the deadline, and is not counted before its time is looked at,
  /// but for that of an absence.
  private func recoverWindow(_ ref: Ref, _ access: Entry.Access, _ expiry: Entry.Expiry) {
    let entry = entry(ref)
    let window = entry.window(access)
    let end = max(window.end, expiry.deadline, 1)
    entry.setWindow(Entry.Window(end: end, computeMs: window.computeMs), access)
    if expiry.isAbsence { countWindowed(ref) }
  }

  // MARK: Counters

  /// As many entries as there are; those that are missing count as evicted. How many.
  func recoverCounters(_ entries: UInt64) -> UInt64 {
    let counters = counters
    if !areCountersSane {
      let (before, floor) = (counters.pointee.entries, counters.pointee.versionFloor)
      counters.pointee = Shard.noCounts
      counters.pointee.entries = before
      counters.pointee.entriesBefore = entries
      counters.pointee.versionFloor = floor
    }
    let c = counters.pointee
    let came = c.entriesBefore + c.inserts
    let gone = c.deletes + c.evictions + c.expirations + entries
    if came < gone {
      counters.pointee.inserts += gone - came
    } else {
      counters.pointee.evictions += came - gone
    }
    region.entryBudget.give(c.entries &- entries)
    counters.pointee.entries = entries
    counters.pointee.longestLagMs = 0
    counters.pointee.writesSinceDrain = 0
    counters.pointee.lastReader = 0
    counters.pointee.lastReadMs = 0
    // The order of use is right as of now.
    counters.pointee.lostMs = 0
    counters.pointee.forgottenMs = 0
    counters.pointee.nextVictim = 0
    accessGranularityMs.relaxed = Shard.accessGranularityMaxMs
    return came < gone ? 0 : came - gone
  }

  private var areCountersSane: Bool {
    let c = counters.pointee
    let counts = max(
      max(c.inserts, c.updates, c.deletes, c.evictions), c.expirations, c.refused,
      c.entriesBefore)
    return counts <= Shard.countMaxAccepted && c.lifetimesMs <= 16 * Shard.longLifetimeMs
  }

  private static var noCounts: ShardCounters {
    ShardCounters(
      inserts: 0, updates: 0, deletes: 0, evictions: 0, expirations: 0, refused: 0, entries: 0,
      versionFloor: 0, lifetimesMs: 0, longestLagMs: 0, writesSinceDrain: 0, lastReader: 0,
      lastReadMs: 0, lostMs: 0, forgottenMs: 0, entriesBefore: 0, nextVictim: 0,
      nextVictimHash: 0)
  }

  /// Counters of reads that cannot be right begin anew, and nothing has been read lately.
  func recoverReads() {
    for number in 0..<Int(stripeCount) {
      let stripe = stripe(number)
      stripe.disown { _ in false }
      let reads = max(stripe.hits, stripe.misses, stripe.staleServed, stripe.absentServed)
      if reads > Shard.countMaxAccepted { stripe.reset() }
    }
  }
}
