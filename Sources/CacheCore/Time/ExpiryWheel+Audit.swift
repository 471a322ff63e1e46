extension ExpiryWheel {
  /// Checks that pages are filed where time will find them, each once, and that
  /// those with expired entries are listed, for a table of `pageCount` records.
  package func audit(pageCount: UInt64) throws(Unsound) {
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
    let listed = try auditDue(pageCount: pageCount)
    var (withDue, withExpired): (UInt64, UInt64) = (0, 0)
    for page in 0..<PageTable.Index(truncatingIfNeeded: pageCount) {
      let record = pages[page]
      if record.due != 0 { withDue += 1 }
      if record.isDueListed != 0 { withExpired += 1 }
      try require((record.expiredCount != 0) == (record.isDueListed != 0), "expired in a page")
    }
    try require(withDue == filed && withExpired == listed, "pages filed and listed")
  }

  /// The number of pages listed as having expired entries.
  private func auditDue(pageCount: UInt64) throws(Unsound) -> UInt64 {
    var (page, previous) = (state.pointee.dueHead, UInt32(0))
    var (listed, expired): (UInt64, UInt64) = (0, 0)
    while page != 0 {
      try require(UInt64(page) <= pageCount, "a page with expired entries")
      let record = pages[page - 1]
      try require(record.isDueListed == 1 && record.previousDue == previous, "a listed page")
      expired += UInt64(record.expiredCount)
      listed += 1
      (previous, page) = (page, record.nextDue)
    }
    try require(expired == state.pointee.expiredCount, "expired entries")
    return listed
  }
}
