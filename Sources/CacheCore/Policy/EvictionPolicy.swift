/// Which entry to forget when room is needed. The shard tells it what happens to
/// entries and asks it for a victim; it knows nothing of keys and memory.
/// Hashes are those of the index.
///
/// Either LRU, one list in order of use and exact, or the policy of
/// AdaptivePolicy.swift, whose many parts are put together only there.
package struct EvictionPolicy {
  private let memory: ShardMemory

  @inline(__always)
  package init(_ memory: ShardMemory) { self.memory = memory }

  package var isAdaptive: Bool {
    @inline(__always) get { memory.region.header.pointee.policy == RegionHeader.Policy.adaptive }
  }

  var lru: RecencyList {
    @inline(__always) get {
      RecencyList(
        state: ShardControl.recency.elements(in: memory.control), places: memory.blocks)
    }
  }

  var adaptive: AdaptivePolicy {
    @inline(__always) get { AdaptivePolicy(memory) }
  }

  /// 32 bits of hash, spread over 64.
  @inline(__always)
  private func spread(_ hash: UInt32) -> UInt64 {
    let product = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
    return (product ^ product >> 29) &* 0xBF58_476D_1CE4_E5B9
  }

  // Each as a function of its own, so that LRU's callers stay small.
  @inline(never) private func prepareAdaptive(_ hash: UInt32) { adaptive.prepare(spread(hash)) }
  @inline(never) private func addAdaptive(_ ref: Ref) { adaptive.add(ref) }
  @inline(never) private func useAdaptive(_ ref: Ref, _ hash: UInt32) {
    adaptive.use(ref, spread(hash))
    adaptive.passTime(uses: 1)
  }
  @inline(never) private func prefetchAdaptive(_ hash: UInt32) {
    adaptive.prefetch(spread(hash))
  }
  @inline(never) private func removeAdaptive(_ ref: Ref) { adaptive.remove(ref) }
  @inline(never) private func relinkAdaptive(_ old: Ref, as ref: Ref) {
    adaptive.relink(old, as: ref)
  }
  @inline(never) private func victimAdaptive(hashOf: (Ref) -> UInt32) -> Ref? {
    adaptive.victim { spread(hashOf($0)) }
  }

  /// A key that is not there is about to be added; called before room is made.
  @inline(__always)
  package func prepare(_ hash: UInt32) { if isAdaptive { prepareAdaptive(hash) } }

  /// The entry is there.
  @inline(__always)
  package func add(_ ref: Ref) { isAdaptive ? addAdaptive(ref) : lru.add(ref) }

  @inline(__always)
  package func use(_ ref: Ref, _ hash: UInt32) {
    isAdaptive ? useAdaptive(ref, hash) : lru.moveToNewest(ref)
  }

  /// A key will be added or evicted: asks for the memory of what the policy knows
  /// of it.
  @inline(__always)
  package func prefetch(_ hash: UInt32) { if isAdaptive { prefetchAdaptive(hash) } }

  /// Entries were used, in the order in which `forEach` calls its body. Becomes
  /// part of its caller, so that nothing is called through a pointer.
  @inline(__always)
  package func use(each forEach: (_ body: (Ref, UInt32) -> Void) -> Void) {
    if isAdaptive {
      let adaptive = adaptive
      var count: UInt64 = 0
      forEach {
        adaptive.use($0, spread($1))
        count &+= 1
      }
      adaptive.passTime(uses: count)
    } else {
      lru.moveToNewest(each: forEach)
    }
  }

  @inline(__always)
  package func remove(_ ref: Ref) { isAdaptive ? removeAdaptive(ref) : lru.remove(ref) }

  /// `ref` is a new entry for the key of `old`, and takes its place as something
  /// that was just used.
  @inline(__always)
  package func replace(_ old: Ref, by ref: Ref, _ hash: UInt32) {
    if !isAdaptive { return lru.replace(old, byNewest: ref) }
    relinkAdaptive(old, as: ref)
    useAdaptive(ref, hash)
  }

  /// `ref` is a copy of `old` and takes its place as it is.
  @inline(__always)
  package func relink(_ old: Ref, as ref: Ref) {
    isAdaptive ? relinkAdaptive(old, as: ref) : lru.relink(old, as: ref)
  }

  /// The entry to forget next, by the uses it was told of. Whoever asks removes it.
  @inline(__always)
  package func victim(hashOf: (Ref) -> UInt32) -> Ref? {
    isAdaptive ? victimAdaptive(hashOf: hashOf) : lru.oldest
  }

  /// Pages of memory that the policy takes beyond the control area.
  package var chargedPages: UInt64 { isAdaptive ? adaptive.chargedPages : 0 }

  // LRU's order, for who knows of other uses.

  package var oldest: Ref? { lru.oldest }
  package func moveToNewest(_ ref: Ref) { lru.moveToNewest(ref) }

  /// What is probably forgotten after `ref`, if that can be told for nothing.
  @inline(__always)
  package func likelyVictim(after ref: Ref) -> Ref? { lru.newer(than: ref) }

  /// Gives back what the policy keeps beyond the lists, if that is far too much
  /// for them. False if the system refused.
  package func dropTables() -> Bool { isAdaptive ? adaptive.dropTables() : true }

  /// After a death: what the policy keeps of these entries, from what they say of
  /// themselves; the one that was used last comes first.
  package func recover(_ order: BlockOrder) {
    isAdaptive ? adaptive.recover(order) : lru.recover(order)
  }

  /// Checks what it keeps. The number of entries.
  func checkInvariants(isEntry: (Ref) -> Bool) throws(CorruptRegion) -> UInt64 {
    isAdaptive
      ? try adaptive.checkInvariants(isEntry: isEntry) : try lru.checkInvariants(isEntry: isEntry)
  }
}
