/// Which entry to forget when room is needed. The shard tells it what happens
/// to entries and asks it for a victim; it knows nothing of keys and memory.
///
/// LRU: one list in order of use, exact.
package struct EvictionPolicy {
  package struct State {
    package var recency: RecencyList.State
  }

  private let recency: RecencyList

  @inline(__always)
  package init(state: UnsafeMutableRawPointer, arenaBase: UnsafeMutableRawPointer) {
    recency = RecencyList(
      state: state.assumingMemoryBound(to: RecencyList.State.self), arenaBase: arenaBase)
  }

  @inline(__always) package func add(_ ref: Ref, hash: UInt32) { recency.add(ref) }
  @inline(__always) package func use(_ ref: Ref) { recency.renew(ref) }
  @inline(__always) package func remove(_ ref: Ref) { recency.remove(ref) }
  /// `ref` takes the place of `old` as something that was just used.
  @inline(__always)
  package func replace(_ old: Ref, by ref: Ref) {
    recency.remove(old)
    recency.add(ref)
  }
  /// `old` was copied to `ref`.
  @inline(__always) package func relink(_ old: Ref, as ref: Ref) { recency.relink(old, as: ref) }
  /// The entry to forget next.
  @inline(__always) package func victim() -> Ref? { recency.oldest }
  /// Any entry, for whoever means to remove them all.
  package func any() -> Ref? { recency.oldest }

  package func checkInvariants() -> UInt64 { recency.checkInvariants() }
}
