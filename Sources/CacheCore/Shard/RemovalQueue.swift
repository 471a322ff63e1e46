import Synchronization

/// Entries that have left the cache and wait to be reported: a queue through
/// the headers of their blocks, which are dead and stay where they are.
///
/// Waiting is a lease like any other: it keeps the block until it ends. The
/// order is that of removal. Guarded by the shard's lock.
package struct RemovalQueue {
  package struct State {
    package var first: Ref
    package var last: Ref
    /// Removals dropped before they were taken.
    package var lost: UInt64
  }

  package let state: UnsafeMutablePointer<State>
  private let arenaBase: UnsafeMutableRawPointer

  @inline(__always)
  package init(state: UnsafeMutablePointer<State>, arenaBase: UnsafeMutableRawPointer) {
    self.state = state
    self.arenaBase = arenaBase
  }

  func entry(_ ref: Ref) -> Entry { Entry(arenaBase + Int(ref) * Entry.unit) }

  /// Adds an entry that nothing else refers to, or, if it has as many leases as
  /// it can, counts it as lost.
  package func add(_ entry: Entry, _ ref: Ref, _ cause: Removal.Cause) {
    if entry.leases == Entry.leasesMax {
      state.pointee.lost += 1
      return
    }
    entry.identity.pointee.wrappingAdd(1, ordering: .relaxed)
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

extension Shard {
  /// Gives the oldest removal up, for its memory. False if there is none.
  package func dropRemoval() -> Bool {
    guard header.pointee.reportsRemovals, let removal = removals.first else { return false }
    removals.removeFirst()
    removals.state.pointee.lost += 1
    endLease(removal.ref)
    return true
  }

  /// Writes removals as cachecore_removal_record_t has them, until the buffer is
  /// full or there are no more.
  package func takeRemovals(into buffer: inout RecordBuffer) {
    while buffer.needed == 0, let removal = removals.first {
      let entry = entry(removal.ref)
      let use = entry.useNow
      let valueSize = entry.valueSize(use, entry.termNow)
      let content = use.keySize + Int(valueSize)
      guard let record = buffer.append(size: 24 + content) else { return }
      record.storeBytes(of: UInt64(RecordBuffer.rounded(24 + content)), as: UInt64.self)
      record.storeBytes(of: valueSize, toByteOffset: 8, as: UInt64.self)
      record.storeBytes(of: UInt32(use.keySize), toByteOffset: 16, as: UInt32.self)
      record.storeBytes(of: removal.cause.rawValue, toByteOffset: 20, as: UInt32.self)
      (record + 24).copyMemory(from: entry.base + use.keyOffset, byteCount: content)
      removals.removeFirst()
      endLease(removal.ref)
    }
  }
}
