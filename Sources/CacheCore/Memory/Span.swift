import CPlatform
import Synchronization

/// One part of the region that is filled from the left: it knows how many of
/// its bytes are usable and how many of its pages are charged to the budget.
///
/// Committing (making reserved addresses usable) is a system call and is done
/// in large steps; it costs no memory. Charging is exact: a page is charged
/// before it is first touched, and given back when it has been discarded.
package struct Span {
  package struct State {
    /// Bytes from the start that are usable. Never shrinks. Readers check what
    /// they are about to look at against it, so it is only accessed atomically.
    package var committed: UInt64
    /// Pages from the start that count against the budget.
    package var chargedPages: UInt64
  }

  private static let commitStep: UInt64 = 1 << 20

  private let state: UnsafeMutablePointer<State>
  private let base: UnsafeMutableRawPointer
  private let sizeMax: UInt64
  private let budget: Budget

  package init(
    state: UnsafeMutablePointer<State>, base: UnsafeMutableRawPointer, sizeMax: UInt64,
    budget: Budget
  ) {
    self.state = state
    self.base = base
    self.sizeMax = sizeMax
    self.budget = budget
  }

  package enum Growth { case done, overBudget, noMemory }

  /// The word behind `State.chargedPages`; guarded by the shard's lock.
  private var charged: UnsafeMutablePointer<Atomic<UInt64>> {
    UnsafeMutableRawPointer(state).atomic64(8)
  }
  package var chargedPages: UInt64 { charged.relaxed }
  /// The word behind `State.committed`.
  package var committed: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { UnsafeMutableRawPointer(state).atomic64(0) }
  }

  /// Makes the first `size` bytes usable and charged.
  package func cover(_ size: UInt64) -> Growth {
    let pages = (size + UInt64(Geometry.page) - 1) / UInt64(Geometry.page)
    if pages <= chargedPages { return .done }
    guard pages * UInt64(Geometry.page) <= sizeMax else { return .overBudget }
    let extra = pages - chargedPages
    guard budget.take(extra) else { return .overBudget }
    guard commit(upTo: pages * UInt64(Geometry.page)) else {
      budget.give(extra)
      return .noMemory
    }
    charged.relaxed = pages
    return .done
  }

  private func commit(upTo end: UInt64) -> Bool {
    let committed = self.committed.relaxed
    if end <= committed { return true }
    // Steps grow with the span: at most an eighth of it is ahead of its use.
    let step = max(Span.commitStep, committed / 8 / Span.commitStep * Span.commitStep)
    let generous = min(max(end, committed + step), sizeMax)
    return commit(from: committed, to: generous) || commit(from: committed, to: end)
  }

  private func commit(from committed: UInt64, to target: UInt64) -> Bool {
    guard platform_commit(base + Int(committed), Int(target - committed)) == 0 else {
      return false
    }
    self.committed.pointee.store(target, ordering: .releasing)
    return true
  }

  /// Memory is returned in steps, so that the lock can be let go in between.
  package static let discardStep: UInt64 = 1 << 20

  /// Returns memory beyond the first `size` bytes to the system, and its
  /// charge: all of it, or as much from the end as one step is.
  package func shrink(to size: UInt64, inOneStep: Bool = false) -> Discard {
    let pages = (size + UInt64(Geometry.page) - 1) / UInt64(Geometry.page)
    let before = chargedPages
    guard pages < before else { return .done }
    let step = Span.discardStep / UInt64(Geometry.page)
    let kept = inOneStep && before - pages > step ? before - step : pages
    let bytes = (before - kept) * UInt64(Geometry.page)
    guard platform_discard(base + Int(kept) * Geometry.page, Int(bytes)) == 0 else {
      return .failed
    }
    charged.relaxed = kept
    budget.give(before - kept)
    return kept == pages ? .done : .more
  }

  // MARK: A region that was filled before

  /// Makes usable what is said to be usable, if it can be.
  func restore() throws(Unsound) {
    let committed = committed.relaxed
    try require(
      committed <= sizeMax && committed % UInt64(Geometry.page) == 0
        && chargedPages <= committed / UInt64(Geometry.page), "the extent of a part")
    if committed > 0 {
      try require(platform_commit(base, Int(committed)) == 0, "memory for a part")
    }
  }

  /// Fills what is usable beyond the first `size` bytes with zeros, as it is when
  /// it has never been used.
  func clear(beyond size: UInt64) throws(Unsound) {
    let (committed, pageEnd) = (committed.relaxed, Geometry.roundedToPages(size))
    guard size < committed else { return }
    memset(base + Int(size), 0, Int(pageEnd - size))
    if pageEnd < committed {
      try require(
        platform_discard(base + Int(pageEnd), Int(committed - pageEnd)) == 0, "memory of a part")
    }
  }
}

/// How far memory has been returned to the system.
package enum Discard {
  case done
  /// There is more to return.
  case more
  /// The system refused.
  case failed
}
