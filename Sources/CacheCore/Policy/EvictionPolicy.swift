/// Which entry to forget when room is needed. The shard tells it what happens to
/// entries and asks it for a victim; it knows nothing of keys and memory.
/// Hashes are those of the index.
package enum EvictionPolicy {
  /// One list in order of use, exact.
  case lru(RecencyList)
  /// AdaptivePolicy.swift.
  case adaptive(AdaptivePolicy)

  /// 32 bits of hash, spread over 64.
  @inline(__always)
  private func spread(_ hash: UInt32) -> UInt64 {
    let product = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
    return (product ^ product >> 29) &* 0xBF58_476D_1CE4_E5B9
  }

  /// A key that is not there is about to be added; called before room is made.
  @inline(__always)
  package func prepare(_ hash: UInt32) {
    if case .adaptive(let policy) = self { policy.prepare(spread(hash)) }
  }

  /// The entry is there.
  @inline(__always)
  package func add(_ ref: Ref) {
    switch self {
    case .lru(let list): list.add(ref)
    case .adaptive(let policy): policy.add(ref)
    }
  }

  @inline(__always)
  package func use(_ ref: Ref, _ hash: UInt32) {
    switch self {
    case .lru(let list): list.renew(ref)
    case .adaptive(let policy): policy.use(ref, spread(hash))
    }
  }

  @inline(__always)
  package func remove(_ ref: Ref) {
    switch self {
    case .lru(let list): list.remove(ref)
    case .adaptive(let policy): policy.remove(ref)
    }
  }

  /// `ref` is a new entry for the key of `old`, and takes its place as something
  /// that was just used.
  @inline(__always)
  package func replace(_ old: Ref, by ref: Ref, _ hash: UInt32) {
    switch self {
    case .lru(let list):
      list.remove(old)
      list.add(ref)
    case .adaptive(let policy):
      policy.relink(old, as: ref)
      policy.use(ref, spread(hash))
    }
  }

  /// `ref` is a copy of `old` and takes its place as it is.
  package func relink(_ old: Ref, as ref: Ref) {
    switch self {
    case .lru(let list): list.relink(old, as: ref)
    case .adaptive(let policy): policy.relink(old, as: ref)
    }
  }

  /// The entry to forget next. Whoever asks removes it.
  @inline(__always)
  package func victim(hashOf: (Ref) -> UInt32) -> Ref? {
    switch self {
    case .lru(let list): return list.oldest
    case .adaptive(let policy): return policy.victim { spread(hashOf($0)) }
    }
  }

  /// Any entry, for whoever means to remove them all.
  package func any() -> Ref? {
    switch self {
    case .lru(let list): return list.oldest
    case .adaptive(let policy): return policy.any()
    }
  }

  /// Checks the links. The number of entries.
  package func checkInvariants() -> UInt64 {
    switch self {
    case .lru(let list): return list.checkInvariants()
    case .adaptive(let policy): return policy.checkInvariants()
    }
  }
}
