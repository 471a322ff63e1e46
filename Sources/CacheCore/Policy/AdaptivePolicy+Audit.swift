import Synchronization

extension AdaptivePolicy {
  func restore() throws(Unsound) {
    try sketch.span.restore()
    try ghosts.span.restore()
  }

  /// Checks lists, segments, sizes, checkpoints and tables. The number of
  /// entries.
  func audit(isEntry: (Ref) -> Bool) throws(Unsound) -> UInt64 {
    try require(checkpoints.total <= Checkpoints.countMax, "the number of checkpoints")
    var units: (window: UInt64, probation: UInt64, protected: UInt64) = (0, 0, 0)
    var (entries, flagged): (UInt64, Int) = (0, 0)
    for number in 0..<5 {
      let list = RecencyList(state: listState(number), arenaBase: arenaBase)
      entries += try list.audit(isEntry: isEntry)
      var ref = list.oldest
      while let present = ref {
        let place = segment(present)
        try require(Int(place.plain.rawValue) - 1 == number, "an entry's segment")
        if place.isCheckpoint {
          flagged += 1
          try require(checkpoints.contains(present), "an entry's checkpoint")
        }
        let size = UInt64(entry(present).units)
        switch number {
        case 0, 1: units.window += size
        case 2, 3: units.probation += size
        default: units.protected += size
        }
        ref = list.newer(than: present)
      }
    }
    // As many as are flagged, and each of those is there: each once.
    try require(flagged == checkpoints.total, "checkpoints")
    try require(
      units.window == state.pointee.windowUnits
        && units.probation == state.pointee.probationUnits
        && units.protected == state.pointee.protectedUnits, "units in segments")
    try auditTables()
    try auditBorder()
    return entries
  }

  /// What the tables have learned may be anything; how large they are, not.
  private func auditTables() throws(Unsound) {
    let meant = state.pointee.entriesMeant
    let (lines, buckets) = (sketch.state.pointee.lines, ghosts.state.pointee.buckets)
    try require(sketch.state.pointee.uses <= 1 << 62, "uses of the sketch")
    if meant == 0 {
      try require(lines == 0 && buckets == 0, "tables that were given up")
      return
    }
    try require(
      meant >= AdaptivePolicy.entriesMeantMin && meant.nonzeroBitCount == 1, "the size of tables")
    try require(
      lines == meant / FrequencySketch.entriesPerLine
        && buckets == meant / UInt32(GhostTable.ways), "lines and buckets")
    func charged(_ span: Span) -> UInt64 { span.chargedPages * UInt64(Geometry.page) }
    try require(
      UInt64(lines) * 64 <= charged(sketch.span) && UInt64(buckets) * 64 <= charged(ghosts.span),
      "memory of tables")
    let tick = ghosts.state.pointee.tick
    try require(tick >= 1 && tick <= meant, "the tick of ghosts")
  }

  /// Fractions are numbers, and whole ones fit an integer.
  private func auditBorder() throws(Unsound) {
    let (target, direction) = (state.pointee.windowTarget, state.pointee.direction)
    try require(target >= 0 && target <= 1.84e19, "the window's target")
    try require(direction >= -1 && direction <= 1, "the direction of the border")
  }
}
