import CPlatform
import Synchronization

/// One lock's worth of cache: an arena of entries, an index over them, their
/// order of use and their deadlines. It introduces these to each other; they
/// do not know of one another.
///
/// A view, made anew for each call: all state lies in the region. Readers call
/// only what Shard+Lookup.swift offers; everything else is for the holder of
/// `lock`.
package struct Shard {
  package let region: Region
  package let base: UnsafeMutableRawPointer
  package let number: UInt32

  @inline(__always)
  package init(region: Region, number: UInt32) {
    self.region = region
    self.number = number
    base =
      region.base + Geometry.headerSize
      + Int(number) &* Int(truncatingIfNeeded: region.header.pointee.geometry.shardStride)
  }

  /// Prepares a shard whose memory is all zeros: nil if there was not enough.
  package func initialize() -> Span.Growth {
    wheel.initialize()
    arena.initialize()
    markMs.relaxed = Shard.markMsMax
    return index.initialize()
  }

  // MARK: Parts

  package var header: UnsafeMutablePointer<RegionHeader> {
    @inline(__always) get { region.header }
  }

  package var arenaBase: UnsafeMutableRawPointer {
    @inline(__always) get { base + Int(truncatingIfNeeded: header.pointee.geometry.arenaOffset) }
  }

  package var lock: Lock {
    @inline(__always) get { Lock(base.atomic32(ShardLayout.lock)) }
  }

  package var counters: UnsafeMutablePointer<ShardCounters> {
    @inline(__always) get {
      (base + ShardLayout.counters).assumingMemoryBound(to: ShardCounters.self)
    }
  }

  private func span(at state: UnsafeMutableRawPointer, from: UInt64, size: UInt64) -> Span {
    Span(
      state: state.assumingMemoryBound(to: Span.State.self),
      base: base + Int(truncatingIfNeeded: from),
      sizeMax: size, budget: region.pageBudget)
  }

  package var pages: PageTable {
    @inline(__always) get {
      PageTable(
        records: (base + Int(truncatingIfNeeded: header.pointee.geometry.pagesOffset))
          .assumingMemoryBound(to: PageTable.Record.self))
    }
  }

  package var arena: Arena {
    @inline(__always) get {
      let header = header
      return Arena(
        state: (base + ShardLayout.arena).assumingMemoryBound(to: Arena.State.self),
        bins: base + ShardLayout.bins, base: arenaBase, size: header.pointee.geometry.arenaSize,
        pages: pages,
        span: span(
          at: base + ShardLayout.arenaSpan, from: header.pointee.geometry.arenaOffset,
          size: header.pointee.geometry.arenaSize),
        pagesSpan: span(
          at: base + ShardLayout.pagesSpan, from: header.pointee.geometry.pagesOffset,
          size: header.pointee.geometry.sketchOffset - header.pointee.geometry.pagesOffset))
    }
  }

  package var index: Index {
    @inline(__always) get {
      let header = header
      let state = base + ShardLayout.index
      return Index(
        state: state.assumingMemoryBound(to: Index.State.self),
        table: base.atomic64(ShardLayout.table),
        isForked: base.atomic32(ShardLayout.isForked),
        buckets: base + Int(truncatingIfNeeded: header.pointee.geometry.bucketsOffset),
        overflow: base + Int(truncatingIfNeeded: header.pointee.geometry.overflowOffset),
        baseBuckets: header.pointee.geometry.baseBuckets,
        bucketsSpan: span(
          at: state, from: header.pointee.geometry.bucketsOffset,
          size: header.pointee.geometry.overflowOffset - header.pointee.geometry.bucketsOffset),
        overflowSpan: span(
          at: state + MemoryLayout<Span.State>.stride, from: header.pointee.geometry.overflowOffset,
          size: header.pointee.geometry.pagesOffset - header.pointee.geometry.overflowOffset))
    }
  }

  package var wheel: ExpiryWheel {
    @inline(__always) get {
      ExpiryWheel(
        state: (base + ShardLayout.wheel).assumingMemoryBound(to: ExpiryWheel.State.self),
        slots: base + ShardLayout.wheelSlots, pages: pages)
    }
  }

  package var removals: RemovalQueue {
    @inline(__always) get {
      RemovalQueue(
        state: (base + ShardLayout.removals).assumingMemoryBound(to: RemovalQueue.State.self),
        arenaBase: arenaBase)
    }
  }

  package var policy: EvictionPolicy {
    @inline(__always) get {
      EvictionPolicy(control: base + ShardLayout.policy, shardBase: base, region: region)
    }
  }

  // MARK: Entries

  @inline(__always)
  package func entry(_ ref: Ref) -> Entry {
    Entry(arenaBase + Int(truncatingIfNeeded: ref) &* Entry.unit)
  }

  package var keyHash: KeyHash {
    @inline(__always) get { KeyHash(key0: header.pointee.hashKey0, key1: header.pointee.hashKey1) }
  }

  /// The hash of an entry's key, from the key. For the holder of the lock.
  package func hash(of ref: Ref) -> HashParts {
    let entry = entry(ref)
    return HashParts(keyHash(entry.key(entry.useNow)))
  }

  /// Whether the entry's time is up.
  @inline(__always)
  package func isExpired(_ use: Entry.Use, _ term: Entry.Term, at now: UInt64) -> Bool {
    let tti = header.pointee.defaultTtiMs
    return term.deadline <= now || (tti != 0 && now >= use.lastUsed &+ tti)
  }

  /// When the entry's time is up, unless it is used before.
  @inline(__always)
  package func end(_ use: Entry.Use, _ term: Entry.Term) -> UInt64 {
    let tti = header.pointee.defaultTtiMs
    return tti == 0 ? term.deadline : min(term.deadline, use.lastUsed &+ tti)
  }

  // MARK: Read stripes

  @inline(__always)
  package func stripe(_ number: Int) -> ReadStripe {
    ReadStripe(base + ShardLayout.stripes + number &* ReadStripe.size)
  }

  package var stripeCount: UInt32 {
    @inline(__always) get { header.pointee.geometry.stripeCount }
  }

  package var stripeOfThisThread: ReadStripe {
    @inline(__always) get { stripe(ReadStripe.indexForThisThread(count: stripeCount)) }
  }

  /// Applies what the calling thread has read to the order of use, and now and
  /// then what other threads have. Before every write: with one thread the
  /// order is exact.
  @inline(__always)
  package func drainReads() {
    let own = stripeOfThisThread
    if own.hasNotes { drain(own) }
    counters.pointee.writesSinceDrain &+= 1
    if counters.pointee.writesSinceDrain >= 64 { nowAndThen() }
  }

  /// What a write does for the cache as a whole, one time in 64.
  private func nowAndThen() {
    drainAllReads()
    HitHistory(region).note(at: region.clock.coarse)
    // A bound that was lowered while leases were in the way.
    if region.pageBudget.isExceeded, !header.pointee.isNoEvict {
      _ = surrender(pageCount: 8, at: region.clock.coarse)
    }
  }

  package func drainAllReads() {
    counters.pointee.writesSinceDrain = 0
    for number in 0..<Int(stripeCount) where stripe(number).hasNotes { drain(stripe(number)) }
  }

  @inline(never)
  package func drain(_ stripe: ReadStripe) {
    let (index, policy) = (index, policy)
    // Moving an entry touches its neighbours, which are anywhere: ask for all of
    // them first. What a stale note leads to is only prefetched here.
    let (start, end, areSomeLost) = stripe.pending
    if areSomeLost { counters.pointee.lostMs = region.clock.coarse }
    stripe.forEachNote(from: start, to: end) { hash, ref in
      policy.expect(hash, orGone: false)
      let entry = entry(ref)
      platform_prefetch(self.entry(entry.previous.relaxed).base)
      platform_prefetch(self.entry(entry.next.relaxed).base)
    }
    policy.use { use in
      stripe.forEachNote(from: start, to: end) { hash, ref in
        if index.find(hash: hash, ref: ref) != nil { use(ref, hash) }
      }
    }
    stripe.finishDrain(end)
  }

  // MARK: Removing

  /// Takes an entry out of everything, and gives its block back, now or when
  /// nobody has it any more. The caller counts it.
  package func remove(_ slot: Index.Slot, hash: UInt32, because cause: Removal.Cause) {
    index.remove(slot, hash: hash)
    policy.remove(slot.ref)
    retire(slot.ref, because: cause)
    counters.pointee.entries -= 1
  }

  /// Removes by reference and hash.
  package func remove(_ ref: Ref, hash: UInt32, because cause: Removal.Cause) {
    remove(index.find(hash: hash, ref: ref)!, hash: hash, because: cause)
  }

  /// Removes by reference alone.
  package func remove(_ ref: Ref, because cause: Removal.Cause) {
    remove(ref, hash: hash(of: ref).forIndex, because: cause)
  }

  /// What remains to be done for an entry that neither index nor policy refers
  /// to any more.
  package func retire(_ ref: Ref, because cause: Removal.Cause) {
    let entry = entry(ref)
    if entry.hasMark(Entry.Mark.expired) { wheel.removeExpired(in: PageTable.page(of: ref)) }
    counters.pointee.versionFloor = max(counters.pointee.versionFloor, entry.version + 1)
    if header.pointee.reportsRemovals { removals.add(entry, ref, cause) }
    // Nobody can lease it any more: without a lease now it is ours alone.
    if entry.isLeased, !entry.markDead() { return }
    arena.free(ref)
  }
}
