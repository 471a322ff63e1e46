extension ExpiryWheel {
  /// Checks that pages are filed where time will find them, each once, and that
  /// those with expired entries are listed, for a table of `pageCount` records.
  package func checkInvariants(pageCount: UInt64) throws(CorruptRegion) {
    let now = state.pointee.now
    try require(now <= Clock.never, "the time of the wheel")
    var filed: UInt64 = 0
    for level in 0..<ExpiryWheel.levels {
      for slot in 0..<ExpiryWheel.slots {
        let place = level * ExpiryWheel.slots + slot
        var (page, previous) = (heads[place], UInt32(0))
        try require(
          (page != 0) == (maps[level] & 1 << UInt64(slot) != 0), "a slot of the wheel")
        while page != 0 {
          try require(UInt64(page) <= pageCount, "a page in the wheel")
          let record = pages[page - 1]
          try require(record.previous == previous && Int(record.slot) == place, "a filed page")
          try require(
            record.due >= now && record.due != 0 && state.pointee.nextDue <= record.due,
            "a page filed in the past")
          let shift = UInt64(6 * level)
          try require(
            record.due >> shift & 63 == UInt64(slot)
              && record.due >> (shift + 6) == now >> (shift + 6), "the slot of a page")
          filed += 1
          (previous, page) = (page, record.next)
        }
      }
    }
    let listed = try checkListed(pageCount: pageCount)
    var (withDue, withExpired): (UInt64, UInt64) = (0, 0)
    for page in 0..<PageTable.Index(truncatingIfNeeded: pageCount) {
      let record = pages[page]
      if record.due != 0 { withDue += 1 }
      if record.isListed != 0 { withExpired += 1 }
      let hasExpired = record.expiredCount != 0 || record.windowedCount != 0
      try require(hasExpired == (record.isListed != 0), "expired in a page")
    }
    try require(withDue == filed && withExpired == listed, "pages filed and listed")
  }

  /// The number of pages listed as having expired entries.
  private func checkListed(pageCount: UInt64) throws(CorruptRegion) -> UInt64 {
    var (page, previous) = (state.pointee.firstListed, UInt32(0))
    var (listed, expired, windowed): (UInt64, UInt64, UInt64) = (0, 0, 0)
    var isPastDue = false
    while page != 0 {
      try require(UInt64(page) <= pageCount && listed < pageCount, "a page with expired entries")
      let record = pages[page - 1]
      try require(record.isListed == 1 && record.previousListed == previous, "a listed page")
      try require(record.expiredCount == 0 || !isPastDue, "the order of listed pages")
      if record.expiredCount == 0 { isPastDue = true }
      expired += UInt64(record.expiredCount)
      windowed += UInt64(record.windowedCount)
      listed += 1
      (previous, page) = (page, record.nextListed)
    }
    try require(state.pointee.lastListed == previous, "the last listed page")
    try require(expired == state.pointee.expiredCount, "expired entries")
    try require(
      max(state.pointee.staleCount, state.pointee.absentCount) <= windowed
        && state.pointee.staleCount + state.pointee.absentCount == windowed,
      "entries in their window")
    return listed
  }
}
