extension AdaptivePolicy {
  /// After a death: each entry to the list that its own header names, in order of use. What
  /// was learned is kept, if it is what it can be; checkpoints are made anew in time.
  func recover(_ order: BlockOrder) {
    checkpoints.clear()
    for number in 0..<AdaptivePolicy.listCount {
      listState(number).pointee = RecencyState(newest: 0, oldest: 0, count: 0)
    }
    state.pointee.isPromotion = 0
    state.pointee.sinceCheckpoint = 0
    // A generator that is 0 stays it.
    state.pointee.random |= 1
    recoverTables()
    for position in 0..<order.count {
      // The one that was used last comes first, and is added last.
      let ref = order[order.count - 1 - position]
      let place = segment(ref).plain
      let kept = place.isValid ? place : .window
      setSegment(ref, kept)
      segmentList(kept).add(ref)
    }
    // What it may hold follows from the bound, and from what there is, with the next entry.
    state.pointee.capacity = max(count, state.pointee.share)
  }

  /// Sketch, ghosts and shadows, if they are of the sizes that they should be; else the
  /// policy begins without.
  private func recoverTables() {
    if state.pointee.share > AdaptivePolicy.shareMax { state.pointee.share = 0 }
    state.pointee.capacity = 0
    if isSound(checkTables), isSound(checkRace) { return }
    state.pointee.entriesMeant = 0
    sketch.state.pointee.words = 0
    sketch.state.pointee.uses = 0
    ghosts.state.pointee.buckets = 0
    ghosts.state.pointee.tickShift = 0
    race.state.pointee.window = 0
    race.end()
  }

  private static let shareMax: UInt64 = 1 << 53

  private func isSound(_ check: () throws(CorruptRegion) -> Void) -> Bool {
    do throws(CorruptRegion) { try check() } catch { return false }
    return true
  }
}
