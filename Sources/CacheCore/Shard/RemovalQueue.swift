import Synchronization

/// Entries that have left the cache and wait to be reported: a queue through
/// the headers of their blocks, which are dead and stay where they are.
///
/// Waiting is a lease like any other: it keeps the block until it ends. The
/// order is that of removal. Guarded by the shard's lock.
package struct RemovalQueue {
  package let state: UnsafeMutablePointer<RemovalState>
  private let places: BlockPlaces

  @inline(__always)
  package init(state: UnsafeMutablePointer<RemovalState>, places: BlockPlaces) {
    self.state = state
    self.places = places
  }

  func entry(_ ref: Ref) -> Entry { places.entry(ref) }

  /// Adds an entry that nothing else refers to, or, if it has as many leases as
  /// it can, counts it as lost.
  package func add(_ entry: Entry, _ ref: Ref, _ cause: Removal.Cause) {
    if entry.leases == Entry.leasesMax {
      state.pointee.lost += 1
      return
    }
    entry.versionWord.pointee.wrappingAdd(1, ordering: .relaxed)
    entry.previous.relaxed = cause.rawValue
    entry.next.relaxed = 0
    if state.pointee.last != 0 {
      self.entry(state.pointee.last).next.relaxed = ref
    } else {
      state.pointee.first = ref
    }
    state.pointee.last = ref
  }

  package var first: Removal? {
    let ref = state.pointee.first
    guard ref != 0, let cause = Removal.Cause(rawValue: entry(ref).previous.relaxed) else {
      return nil
    }
    return Removal(ref: ref, cause: cause)
  }

  /// Takes the first out of the queue. Its lease is the caller's to end.
  package func removeFirst() {
    state.pointee.first = entry(state.pointee.first).next.relaxed
    if state.pointee.first == 0 { state.pointee.last = 0 }
  }
}

/// An entry that has left, and why.
package struct Removal {
  package enum Cause: UInt32 {
    case expired = 1
    case evicted = 2
    case replaced = 3
    case deleted = 4
  }

  package let ref: Ref
  package let cause: Cause
}
