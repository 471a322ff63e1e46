// Entries past their deadline that are still of use: stale values, which may be served
// while somebody computes a new one, and absences, which say that there is no value
// (Entry.swift, "window"). Nobody finds them but who asks for them. They are counted from
// their deadline on, as long as their window lasts, and then marked as expired and removed
// as any entry is. They leave in the policy's order like others, but before a live entry
// that was used at the same time, and in a no-evict cache whenever room is needed.

extension Shard {
  /// Whether a past entry is in its window.
  @inline(__always)
  package func isInWindow(
    _ entry: Entry, _ access: Entry.Access, _ expiry: Entry.Expiry, at now: UInt64
  ) -> Bool {
    access.hasWindow && lastEnd(entry, access, expiry) > now
  }

  package func isInWindow(_ ref: Ref, at now: UInt64) -> Bool {
    let entry = entry(ref)
    return isInWindow(entry, entry.access, entry.expiry, at: now)
  }

  /// Whether it is counted as stale or absent.
  func isCountedAsWindowed(_ ref: Ref) -> Bool {
    let entry = entry(ref)
    return entry.window(entry.access).isCounted
  }

  // MARK: Counting

  /// Counts an entry that is in its window from now on.
  @inline(never)
  func countWindowed(_ ref: Ref) {
    let entry = entry(ref)
    let access = entry.access
    var window = entry.window(access)
    guard !window.isCounted else { return }
    window.isCounted = true
    entry.setWindow(window, access)
    wheel.addWindowed(in: PageTable.page(of: ref), isAbsence: entry.expiry.isAbsence)
  }

  /// It no longer is, or leaves.
  @inline(never)
  func uncountWindowed(_ ref: Ref) {
    let entry = entry(ref)
    let access = entry.access
    var window = entry.window(access)
    guard window.isCounted else { return }
    window.isCounted = false
    entry.setWindow(window, access)
    wheel.removeWindowed(in: PageTable.page(of: ref), isAbsence: entry.expiry.isAbsence)
  }

  /// When the entry is to be looked at next, for it is then past its deadline or its
  /// window.
  @inline(__always)
  func due(_ ref: Ref) -> UInt64 {
    let entry = entry(ref)
    let (access, expiry) = (entry.access, entry.expiry)
    return access.hasWindow && entry.window(access).isCounted
      ? lastEnd(entry, access, expiry) : end(access, expiry)
  }

  /// Gives a live entry's window a new beginning and the length that it had.
  @inline(never)
  func moveWindow(of entry: Entry, from deadline: UInt64, to newDeadline: UInt64) {
    let access = entry.access
    guard access.hasWindow else { return }
    let window = entry.window(access)
    let length = window.end - min(window.end, deadline)
    let end =
      newDeadline == Clock.never ? Clock.never : min(newDeadline + length, Clock.farthest)
    entry.setWindow(Entry.Window(end: end, computeMs: window.computeMs), access)
  }

  // MARK: Making room

  /// Removes an entry that is in its window, from the page that has had one for longest:
  /// for a no-evict cache, which must not forget what is live. False if there is none.
  @inline(never)
  func evictWindowed(for need: Need) -> Bool {
    guard let page = wheel.firstWindowed else { return false }
    var (oldest, lastUsed): (Ref, UInt64) = (0, UInt64.max)
    forEachEntry(in: page) { ref, entry in
      let access = entry.access
      if entry.window(access).isCounted, access.lastUsed < lastUsed {
        (oldest, lastUsed) = (ref, access.lastUsed)
      }
    }
    evict(oldest, for: need)
    return true
  }

  /// Entries that were used in one millisecond and are looked at to find one that is not
  /// live.
  private static let equalsMax = 16

  /// The entry to forget in place of `victim`: one in its window that was used at the same
  /// time, if one comes right after it in the order of use, or first of all.
  @inline(never)
  func windowedVictim(or victim: Ref) -> Ref {
    let lastUsed = entry(victim).access.lastUsed
    return windowed(from: victim, usedAt: lastUsed)
      ?? windowed(from: policy.first(in: .coldest), usedAt: lastUsed) ?? victim
  }

  private func windowed(from start: Ref?, usedAt lastUsed: UInt64) -> Ref? {
    var next = start
    for _ in 0..<Shard.equalsMax {
      guard let ref = next, entry(ref).access.lastUsed == lastUsed else { return nil }
      if isCountedAsWindowed(ref) { return ref }
      next = policy.next(after: ref, in: .coldest)
    }
    return nil
  }
}
