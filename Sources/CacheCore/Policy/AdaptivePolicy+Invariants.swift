import Synchronization

extension AdaptivePolicy {
  /// Checks lists, segments, checkpoints and tables. The number of entries.
  func checkInvariants(isEntry: (Ref) -> Bool) throws(CorruptRegion) -> UInt64 {
    try require(checkpoints.total <= Checkpoints.countMax, "the number of checkpoints")
    var (entries, flagged): (UInt64, Int) = (0, 0)
    for number in 0..<AdaptivePolicy.listCount {
      let list = RecencyList(state: listState(number), places: places)
      entries += try list.checkInvariants(isEntry: isEntry)
      var ref = list.oldest
      while let present = ref {
        let place = segment(present)
        try require(
          place.isValid && Int(place.plain.rawValue) - 1 == number, "an entry's segment")
        if place.isCheckpoint {
          flagged += 1
          try require(checkpoints.contains(present), "an entry's checkpoint")
        }
        ref = list.newer(than: present)
      }
    }
    // As many as are flagged, and each of those is there: each once.
    try require(flagged == checkpoints.total, "checkpoints")
    try checkTables()
    try checkRace()
    return entries
  }

  /// What the tables have learned may be anything; how large they are, not.
  func checkTables() throws(CorruptRegion) {
    let meant = state.pointee.entriesMeant
    try require(sketch.state.pointee.uses <= 1 << 62, "uses of the sketch")
    try require(state.pointee.capacity <= 1 << 53, "the capacity of a shard")
    if meant == 0 {
      try require(areTables(for: 0), "tables that were given up")
      return
    }
    try require(
      meant >= AdaptivePolicy.entriesMeantMin && meant.nonzeroBitCount == 1, "the size of tables")
    try require(areTables(for: meant), "words and buckets")
    let (words, buckets) = (sketch.state.pointee.words, ghosts.state.pointee.buckets)
    try require(
      UInt64(words) * UInt64(MemoryLayout<UInt64>.size) <= memory.sketchSpan.chargedEnd
        && UInt64(buckets) * UInt64(MemoryLayout<GhostBucket>.size)
          <= memory.ghostsSpan.chargedEnd,
      "memory of tables")
    try require(ghosts.state.pointee.tickShift <= 24, "the tick of ghosts")
  }

  func checkRace() throws(CorruptRegion) {
    let state = race.state
    try require(state.pointee.window < UInt32(ShadowRace.count), "the window in force")
    guard state.pointee.size != 0 else { return }
    try require(hasTables, "shadows without tables")
    let (size, entries) = (state.pointee.size, state.pointee.entries)
    try require(
      entries >= ShadowRace.entriesMin && entries.nonzeroBitCount == 1
        && size == ShadowRace.size(entries: entries)
        && state.pointee.sampleMask == max(entries / size, 1) - 1, "the size of shadows")
    try require(
      ShadowRace.bytes(of: size) <= memory.shadowsSpan.chargedEnd,
      "memory of shadows")
    try race.checkInvariants()
  }
}

extension ShadowRace {
  fileprivate func checkInvariants() throws(CorruptRegion) {
    try require(sketch.state.pointee.words == state.pointee.size, "words of the shadows' sketch")
    try require(sketch.state.pointee.uses <= 1 << 62, "uses of the shadows' sketch")
    for number in 0..<ShadowRace.count {
      let shadow = shadows[number]
      try require(
        shadow.protectedCount <= shadow.mainCount && shadow.mainCount <= shadow.count
          && shadow.count <= state.pointee.size, "residents of a shadow")
      // Not a number is neither.
      let (lead, correction) = (state.pointee.leads[number], state.pointee.corrections[number])
      try require(lead >= 0 && lead <= 1e9, "a shadow's lead")
      try require(correction >= -1 && correction <= 1, "a shadow's correction")
    }
  }
}
