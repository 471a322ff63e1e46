/// Which entry to forget when room is needed. The shard tells it what happens to
/// entries and asks it for a victim; it knows nothing of keys and memory.
///
/// One of two: LRU, a single list in order of use, exact; or the policy of
/// AdaptivePolicy.swift, of which LRU's list is the first. Hashes are those of
/// the index.
package struct EvictionPolicy {
  private let recency: RecencyList
  private let adaptive: AdaptivePolicy
  private let isAdaptive: Bool

  @inline(__always)
  init(recency: RecencyList, adaptive: @autoclosure () -> AdaptivePolicy, isAdaptive: Bool) {
    self.recency = recency
    self.adaptive = adaptive()
    self.isAdaptive = isAdaptive
  }

  /// 32 bits of hash, spread over 64.
  @inline(__always)
  private func spread(_ hash: UInt32) -> UInt64 {
    let product = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
    return (product ^ product >> 29) &* 0xBF58_476D_1CE4_E5B9
  }

  /// A key that is not there is about to be added; called before room is made.
  @inline(__always)
  package func prepare(_ hash: UInt32) {
    if isAdaptive { adaptive.prepare(spread(hash)) }
  }

  /// The entry is there.
  @inline(__always)
  package func add(_ ref: Ref) {
    if isAdaptive { adaptive.add(ref) } else { recency.add(ref) }
  }

  @inline(__always)
  package func use(_ ref: Ref, _ hash: UInt32) {
    if isAdaptive { adaptive.use(ref, spread(hash)) } else { recency.renew(ref) }
  }

  @inline(__always)
  package func remove(_ ref: Ref) {
    if isAdaptive { adaptive.remove(ref) } else { recency.remove(ref) }
  }

  /// `ref` is a new entry for the key of `old`, and takes its place as something
  /// that was just used.
  @inline(__always)
  package func replace(_ old: Ref, by ref: Ref, _ hash: UInt32) {
    if isAdaptive {
      adaptive.relink(old, as: ref)
      adaptive.use(ref, spread(hash))
    } else {
      recency.remove(old)
      recency.add(ref)
    }
  }

  /// `ref` is a copy of `old` and takes its place as it is.
  package func relink(_ old: Ref, as ref: Ref) {
    if isAdaptive { adaptive.relink(old, as: ref) } else { recency.relink(old, as: ref) }
  }

  /// The entry to forget next. Whoever asks removes it.
  @inline(__always)
  package func victim(hashOf: (Ref) -> UInt32) -> Ref? {
    isAdaptive ? adaptive.victim { spread(hashOf($0)) } : recency.oldest
  }

  /// Any entry, for whoever means to remove them all.
  package func any() -> Ref? { isAdaptive ? adaptive.any() : recency.oldest }

  /// Checks the links. The number of entries.
  package func checkInvariants() -> UInt64 {
    isAdaptive ? adaptive.checkInvariants() : recency.checkInvariants()
  }
}
