import CPlatform
import Synchronization

/// One lock's worth of cache: an arena of entries, an index over them, their
/// order of use and their deadlines. It introduces these to each other; they
/// do not know of one another.
///
/// A view, made anew for each call: all state lies in the region. Without `lock`
/// only what Shard+Lookup.swift, Shard+Access.swift and Shard+Lease.swift offer to
/// readers may be called; everything else is for its holder.
package struct Shard {
  package let memory: ShardMemory

  @inline(__always)
  package init(region: Region, number: UInt32) {
    memory = ShardMemory(region, number)
  }

  package var number: UInt32 { memory.number }
  package var region: Region { @inline(__always) get { memory.region } }
  /// The control area.
  package var base: UnsafeMutableRawPointer { @inline(__always) get { memory.control } }

  /// Prepares a shard whose memory is all zeros: nil if there was not enough.
  package func initialize() -> Span.Growth {
    memory.begin()
    if region.isShared, !memory.reserveAll() { return .noMemory }
    wheel.initialize()
    arena.initialize()
    claims.initialize(wallNs: platform_wall_ns())
    accessGranularityMs.relaxed = Shard.accessGranularityMaxMs
    return index.initialize()
  }

  // MARK: Parts

  package var header: UnsafeMutablePointer<RegionHeader> {
    @inline(__always) get { region.header }
  }

  package var counters: UnsafeMutablePointer<ShardCounters> {
    @inline(__always) get { ShardControl.counters(in: base) }
  }

  package var words: UnsafeMutablePointer<ShardWords> {
    @inline(__always) get { ShardControl.words(in: base) }
  }

  package var pages: PageTable {
    @inline(__always) get { PageTable(places: memory.pages) }
  }

  package var arena: Arena { @inline(__always) get { Arena(memory) } }
  package var index: Index { @inline(__always) get { Index(memory) } }

  package var wheel: ExpiryWheel {
    @inline(__always) get { ExpiryWheel(control: base, pages: pages) }
  }

  package var claims: ClaimTable {
    @inline(__always) get { ClaimTable(memory) }
  }

  package var removals: RemovalQueue {
    @inline(__always) get {
      RemovalQueue(state: ShardControl.removals(in: base), places: memory.blocks)
    }
  }

  package var policy: EvictionPolicy {
    @inline(__always) get { EvictionPolicy(memory) }
  }

  // MARK: Entries

  /// Entries, but for those that are known to be past their deadline.
  package var liveCount: UInt64 {
    let (entries, expired) = (counters.pointee.entries, wheel.expiredCount)
    return entries - min(entries, expired)
  }

  @inline(__always)
  package func entry(_ ref: Ref) -> Entry { memory.blocks.entry(ref) }

  package var keyHash: KeyHash {
    @inline(__always) get { KeyHash(key0: header.pointee.hashKey0, key1: header.pointee.hashKey1) }
  }

  /// The hash of an entry's key, from the key. For the holder of the lock.
  package func hash(of ref: Ref) -> HashParts {
    let entry = entry(ref)
    return HashParts(keyHash(entry.key(entry.access)))
  }

  /// Whether the entry's time is up.
  @inline(__always)
  package func isExpired(_ access: Entry.Access, _ expiry: Entry.Expiry, at now: UInt64) -> Bool {
    let tti = header.pointee.defaultTtiMs
    return expiry.deadline <= now || (tti != 0 && now >= access.lastUsed &+ tti)
  }

  /// When the entry's time is up, unless it is used before.
  @inline(__always)
  package func end(_ access: Entry.Access, _ expiry: Entry.Expiry) -> UInt64 {
    let tti = header.pointee.defaultTtiMs
    return tti == 0 ? expiry.deadline : min(expiry.deadline, access.lastUsed &+ tti)
  }

  /// When the entry is of no more use to anybody: at its end, or at that of its window.
  @inline(__always)
  package func lastEnd(
    _ entry: Entry, _ access: Entry.Access, _ expiry: Entry.Expiry
  ) -> UInt64 {
    if !access.hasWindow { return end(access, expiry) }
    let window = entry.window(access).end
    let tti = header.pointee.defaultTtiMs
    return tti == 0 ? window : min(window, access.lastUsed &+ tti)
  }

  // MARK: Read stripes

  @inline(__always)
  package func stripe(_ number: Int) -> ReadStripe {
    ReadStripe(ShardControl.readBuffers(in: base) + number)
  }

  package var stripeCount: UInt32 {
    @inline(__always) get { header.pointee.geometry.stripeCount }
  }

  package var stripeOfThisThread: ReadStripe {
    @inline(__always) get { stripe(ReadStripe.indexForThisThread(count: stripeCount)) }
  }
}
