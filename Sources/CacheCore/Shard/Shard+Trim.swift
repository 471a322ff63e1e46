// Returning memory that is free to the system. What is free still counts as the
// shard's; Shard+Surrender.swift is what takes that away from it.

extension Shard {
  /// Records of pages that are gone, returned in one step, and not worth returning
  /// unless nothing is left.
  private static let recordsAtOnce: UInt64 = 1024
  private static let recordsKept: UInt64 = 2048

  /// Gives unused memory back to the system, one step at a time. What there is to
  /// return, each part knows without looking for it: a few comparisons if there is
  /// nothing.
  package func trim() -> Discard {
    arena.freeSpare()
    let isEmpty = counters.pointee.entries == 0 && arena.state.pointee.usedUnits == 0
    if isEmpty { index.reset() }
    if !policy.dropTables() { return .failed }
    let isContracting = contractIndex() && index.isSparse(entries: counters.pointee.entries)
    // Every return interrupts the readers on other cores: not for a page at a time.
    if isContracting, index.unusedBytes < Span.discardStep { return .more }
    var result = index.trim()
    if result != .done { return result }
    if isContracting { return .more }
    result = arena.trim()
    if result != .done { return result }
    return trimRecords(isEmpty)
  }

  /// Forgets pages that the arena no longer has, if they are many or all, and returns the
  /// memory of their records.
  private func trimRecords(_ isEmpty: Bool) -> Discard {
    let records = arena.recordCount
    let needed = isEmpty ? 0 : arena.span.chargedEnd / UInt64(Geometry.page)
    guard records > needed + (isEmpty ? 0 : Shard.recordsKept) else { return .done }
    let first = max(needed, records - min(records, Shard.recordsAtOnce))
    wheel.forget(
      PageTable.Index(truncatingIfNeeded: first)..<PageTable.Index(truncatingIfNeeded: records))
    let result = arena.pagesSpan.shrink(
      to: first * UInt64(MemoryLayout<PageRecord>.stride))
    return result == .done && first > needed ? .more : result
  }
}
