/// Entries in the order in which they were last used: a doubly linked list
/// through their headers, by references, 8 bytes an entry.
package struct RecencyList {
  private let state: UnsafeMutablePointer<RecencyState>
  private let places: BlockPlaces

  @inline(__always)
  package init(state: UnsafeMutablePointer<RecencyState>, places: BlockPlaces) {
    self.state = state
    self.places = places
  }

  @inline(__always)
  private func entry(_ ref: Ref) -> Entry { places.entry(ref) }

  package var oldest: Ref? { state.pointee.oldest == 0 ? nil : state.pointee.oldest }
  package var newest: Ref? { state.pointee.newest == 0 ? nil : state.pointee.newest }
  package var count: UInt64 { state.pointee.count }

  /// The entry used next after `ref`; nil after the newest.
  @inline(__always)
  package func newer(than ref: Ref) -> Ref? {
    let previous = entry(ref).previous.relaxed
    return previous == 0 ? nil : previous
  }

  /// The entry used last before `ref`; nil before the oldest.
  @inline(__always)
  package func older(than ref: Ref) -> Ref? {
    let next = entry(ref).next.relaxed
    return next == 0 ? nil : next
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

  @inline(__always)
  package func remove(_ ref: Ref) {
    let (newer, older) = (entry(ref).previous.relaxed, entry(ref).next.relaxed)
    if newer != 0 { entry(newer).next.relaxed = older } else { state.pointee.newest = older }
    if older != 0 { entry(older).previous.relaxed = newer } else { state.pointee.oldest = newer }
    state.pointee.count -= 1
  }

  /// Makes an entry of the list the newest.
  @inline(__always)
  package func moveToNewest(_ ref: Ref) {
    let newest = state.pointee.newest
    if newest == ref { return }
    // So there is a newer one.
    let moved = entry(ref)
    let (newer, older) = (moved.previous.relaxed, moved.next.relaxed)
    entry(newer).next.relaxed = older
    if older != 0 { entry(older).previous.relaxed = newer } else { state.pointee.oldest = newer }
    moved.previous.relaxed = 0
    moved.next.relaxed = newest
    entry(newest).previous.relaxed = ref
    state.pointee.newest = ref
  }

  /// The same for all that `forEach` calls its body with, one after another, and their
  /// hashes.
  @inline(__always)
  package func moveToNewest(each forEach: (_ body: (Ref, UInt32) -> Void) -> Void) {
    var newest = state.pointee.newest
    if newest == 0 { return }
    var front = entry(newest)
    forEach { ref, _ in
      if ref == newest { return }
      let moved = entry(ref)
      let (newer, older) = (moved.previous.relaxed, moved.next.relaxed)
      entry(newer).next.relaxed = older
      if older != 0 { entry(older).previous.relaxed = newer } else { state.pointee.oldest = newer }
      moved.previous.relaxed = 0
      moved.next.relaxed = newest
      front.previous.relaxed = ref
      (newest, front) = (ref, moved)
    }
    state.pointee.newest = newest
  }

  /// Takes `old` out and adds `ref` as the newest.
  @inline(__always)
  package func replace(_ old: Ref, byNewest ref: Ref) {
    let newest = state.pointee.newest
    let (moved, left) = (entry(ref), entry(old))
    let (newer, older) = (left.previous.relaxed, left.next.relaxed)
    moved.previous.relaxed = 0
    state.pointee.newest = ref
    if older != 0 {
      entry(older).previous.relaxed = newest == old ? ref : newer
    } else {
      state.pointee.oldest = newest == old ? ref : newer
    }
    if newest == old {
      moved.next.relaxed = older
    } else {
      entry(newer).next.relaxed = older
      moved.next.relaxed = newest
      entry(newest).previous.relaxed = ref
    }
  }

  /// Puts `ref` where `old` is.
  package func relink(_ old: Ref, as ref: Ref) {
    let (newer, older) = (entry(old).previous.relaxed, entry(old).next.relaxed)
    entry(ref).previous.relaxed = newer
    entry(ref).next.relaxed = older
    if newer != 0 { entry(newer).next.relaxed = ref } else { state.pointee.newest = ref }
    if older != 0 { entry(older).previous.relaxed = ref } else { state.pointee.oldest = ref }
  }

  /// Makes the list one of these, the newest first.
  func recover(_ order: BlockOrder) {
    let count = order.count
    for position in 0..<count {
      places.prefetch(order.ahead(of: position))
      let entry = entry(order[position])
      entry.previous.relaxed = position == 0 ? 0 : order[position - 1]
      entry.next.relaxed = position == count - 1 ? 0 : order[position + 1]
    }
    state.pointee = RecencyState(
      newest: count == 0 ? 0 : order[0], oldest: count == 0 ? 0 : order[count - 1],
      count: UInt64(count))
  }

  /// Checks the links both ways, and that every one leads to an entry. The number
  /// of entries.
  func checkInvariants(isEntry: (Ref) -> Bool) throws(CorruptRegion) -> UInt64 {
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
