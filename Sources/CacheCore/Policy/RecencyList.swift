/// Entries in the order in which they were last used: a doubly linked list
/// through their headers, by references, 8 bytes an entry.
package struct RecencyList {
  package struct State {
    /// Used last.
    package var newest: Ref
    /// Used longest ago.
    package var oldest: Ref
    package var count: UInt64
  }

  private let state: UnsafeMutablePointer<State>
  private let arenaBase: UnsafeMutableRawPointer

  @inline(__always)
  package init(state: UnsafeMutablePointer<State>, arenaBase: UnsafeMutableRawPointer) {
    self.state = state
    self.arenaBase = arenaBase
  }

  @inline(__always)
  private func entry(_ ref: Ref) -> Entry {
    Entry(arenaBase + Int(truncatingIfNeeded: ref) &* Entry.unit)
  }

  package var oldest: Ref? { state.pointee.oldest == 0 ? nil : state.pointee.oldest }
  package var newest: Ref? { state.pointee.newest == 0 ? nil : state.pointee.newest }
  package var count: UInt64 { state.pointee.count }

  /// The entry used next after `ref`; nil after the newest.
  @inline(__always)
  package func newer(than ref: Ref) -> Ref? {
    let previous = entry(ref).previous.relaxed
    return previous == 0 ? nil : previous
  }

  /// Adds an entry as the newest.
  @inline(__always)
  package func add(_ ref: Ref) {
    let newest = state.pointee.newest
    entry(ref).previous.relaxed = 0
    entry(ref).next.relaxed = newest
    if newest != 0 {
      entry(newest).previous.relaxed = ref
    } else {
      state.pointee.oldest = ref
    }
    state.pointee.newest = ref
    state.pointee.count += 1
  }

  /// Adds an entry as the oldest.
  package func addOldest(_ ref: Ref) {
    let oldest = state.pointee.oldest
    entry(ref).previous.relaxed = oldest
    entry(ref).next.relaxed = 0
    if oldest != 0 { entry(oldest).next.relaxed = ref } else { state.pointee.newest = ref }
    state.pointee.oldest = ref
    state.pointee.count += 1
  }

  @inline(__always)
  package func remove(_ ref: Ref) {
    let (newer, older) = (entry(ref).previous.relaxed, entry(ref).next.relaxed)
    if newer != 0 { entry(newer).next.relaxed = older } else { state.pointee.newest = older }
    if older != 0 { entry(older).previous.relaxed = newer } else { state.pointee.oldest = newer }
    state.pointee.count -= 1
  }

  /// Makes an entry of the list the newest.
  @inline(__always)
  package func renew(_ ref: Ref) {
    if state.pointee.newest == ref { return }
    remove(ref)
    add(ref)
  }

  /// Puts `ref` where `old` is.
  package func relink(_ old: Ref, as ref: Ref) {
    let (newer, older) = (entry(old).previous.relaxed, entry(old).next.relaxed)
    entry(ref).previous.relaxed = newer
    entry(ref).next.relaxed = older
    if newer != 0 { entry(newer).next.relaxed = ref } else { state.pointee.newest = ref }
    if older != 0 { entry(older).previous.relaxed = ref } else { state.pointee.oldest = ref }
  }

  /// Checks the links both ways, and that every one leads to an entry. The number
  /// of entries.
  func audit(isEntry: (Ref) -> Bool) throws(Unsound) -> UInt64 {
    // No entry is met twice: it would be preceded by two.
    var (ref, newer, count) = (state.pointee.newest, Ref(0), UInt64(0))
    while ref != 0 {
      try require(isEntry(ref), "a place in the order of use")
      try require(entry(ref).previous.relaxed == newer, "a link in the order of use")
      newer = ref
      ref = entry(ref).next.relaxed
      count += 1
    }
    try require(newer == state.pointee.oldest, "the oldest entry")
    try require(count == state.pointee.count, "entries in order of use")
    return count
  }
}
