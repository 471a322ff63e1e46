/// Which entry to forget when room is needed. The shard tells it what happens to
/// entries and asks it for a victim; it knows nothing of keys and memory.
/// Hashes are those of the index.
///
/// Either LRU, one list in order of use and exact, or the policy of
/// AdaptivePolicy.swift, whose many parts are put together only there.
package struct EvictionPolicy {
  /// Bytes that a policy keeps in the shard's control area.
  package static let controlSize = 384

  private let control: UnsafeMutableRawPointer
  private let shardBase: UnsafeMutableRawPointer
  private let region: Region

  @inline(__always)
  package init(
    control: UnsafeMutableRawPointer, shardBase: UnsafeMutableRawPointer, region: Region
  ) {
    self.control = control
    self.shardBase = shardBase
    self.region = region
  }

  package var isAdaptive: Bool {
    @inline(__always) get { region.header.pointee.policy == Options.policyAdaptive }
  }

  private var lru: RecencyList {
    @inline(__always) get {
      RecencyList(
        state: control.assumingMemoryBound(to: RecencyList.State.self),
        arenaBase: shardBase
          + Int(truncatingIfNeeded: region.header.pointee.geometry.arenaOffset))
    }
  }

  private var adaptive: AdaptivePolicy {
    @inline(__always) get {
      AdaptivePolicy(control: control, shardBase: shardBase, region: region)
    }
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
  }
  @inline(never) private func expectAdaptive(_ hash: UInt32, orGone: Bool) {
    adaptive.expect(spread(hash), orGone: orGone)
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
    isAdaptive ? useAdaptive(ref, hash) : lru.renew(ref)
  }

  /// A key will be used, or, `orGone`, added or evicted: asks for the memory of
  /// what the policy knows of it.
  @inline(__always)
  package func expect(_ hash: UInt32, orGone: Bool) {
    if isAdaptive { expectAdaptive(hash, orGone: orGone) }
  }

  /// Entries were used, in the order in which `forEach` calls its body. Becomes
  /// part of its caller, so that nothing is called through a pointer.
  @inline(__always)
  package func use(each forEach: (_ body: (Ref, UInt32) -> Void) -> Void) {
    if isAdaptive {
      let adaptive = adaptive
      forEach { adaptive.use($0, spread($1)) }
    } else {
      let lru = lru
      forEach { ref, _ in lru.renew(ref) }
    }
  }

  @inline(__always)
  package func remove(_ ref: Ref) { isAdaptive ? removeAdaptive(ref) : lru.remove(ref) }

  /// `ref` is a new entry for the key of `old`, and takes its place as something
  /// that was just used.
  @inline(__always)
  package func replace(_ old: Ref, by ref: Ref, _ hash: UInt32) {
    relink(old, as: ref)
    use(ref, hash)
  }

  /// `ref` is a copy of `old` and takes its place as it is.
  @inline(__always)
  package func relink(_ old: Ref, as ref: Ref) {
    isAdaptive ? relinkAdaptive(old, as: ref) : lru.relink(old, as: ref)
  }

  /// The entry's block has become smaller by so many units.
  package func shrink(_ ref: Ref, by units: UInt32) {
    if isAdaptive { adaptive.shrink(ref, by: units) }
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
  package func renew(_ ref: Ref) { lru.renew(ref) }

  /// What is probably forgotten after `ref`, if that can be told for nothing.
  @inline(__always)
  package func likelyVictim(after ref: Ref) -> Ref? { lru.newer(than: ref) }

  /// Gives back what the policy keeps beyond the lists, if that is far too much
  /// for them. False if the system refused.
  package func dropTables() -> Bool { isAdaptive ? adaptive.dropTables() : true }

  /// Makes its memory usable again in a region that was filled before.
  func restore() throws(Unsound) { if isAdaptive { try adaptive.restore() } }

  /// Checks what it keeps. The number of entries.
  func audit(isEntry: (Ref) -> Bool) throws(Unsound) -> UInt64 {
    isAdaptive ? try adaptive.audit(isEntry: isEntry) : try lru.audit(isEntry: isEntry)
  }
}
