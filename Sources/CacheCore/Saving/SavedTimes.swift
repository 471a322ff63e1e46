import CPlatform

// Times between a cache's clock, which counts from its opening, and the wall clock, which
// goes on when nobody runs.
//
// Nothing that is loaded lives longer than it would have. What rounds, rounds down; and if
// the wall clock shows less than when the file was saved, it is as if no time had passed.

/// The times of a cache that is saved, on the wall clock.
struct SavingTimes {
  /// The wall clock minus the cache's own, at the beginning.
  private let offset: Int64
  private let source: Clock

  init(_ clock: Clock) {
    offset = Int64(platform_wall_ns() / 1_000_000) - Int64(clock.exact)
    source = clock
  }

  var now: Int64 { wall(source.exact) }

  @inline(__always)
  private func wall(_ time: UInt64) -> Int64 { offset + Int64(time) }

  /// What is saved of an entry beside its bytes. For the holder of its shard's lock.
  @inline(__always)
  func record(_ entry: Entry, _ access: Entry.Access) -> SavedRecord {
    let expiry = entry.expiry
    let window = entry.window(access)
    let isAbsence = access.hasWindow && expiry.isAbsence
    return SavedRecord(
      valueSize: entry.valueSize(access, expiry),
      deadline: isAbsence
        ? SavedDeadline.absence
        : expiry.deadline == Clock.never ? SavedDeadline.never : wall(expiry.deadline),
      windowEnd: access.hasWindow ? wall(window.end) : 0, lastUsed: wall(access.lastUsed),
      keySize: UInt32(access.keySize),
      computeMs: UInt32(access.hasWindow ? window.computeMs : 0))
  }
}

/// The times of a saved file, on the clock of the cache that loads it.
struct LoadingTimes {
  /// The present, on both clocks.
  private let wallNow: Int64
  private let now: UInt64
  /// What has a deadline up to this has expired.
  private let past: UInt64
  /// Times to idle: of the cache that was saved, and of this one; 0: none.
  private let (savedTti, tti): (UInt64, UInt64)

  /// In a cache with a manual clock, whose time stands still, none has passed since the
  /// file was saved.
  init(_ header: SavedHeader, _ cache: Cache) {
    let clock = cache.clock
    past = clock.exact
    now = clock.isManual ? past : past - 1
    let (wall, isOverflow) = platform_wall_ms().addingReportingOverflow(1)
    let later = isOverflow ? Int64.max : wall
    wallNow = clock.isManual ? header.savedMs : max(later, header.savedMs)
    savedTti = min(header.ttiMs, Clock.farthest)
    tti = cache.region.header.pointee.defaultTtiMs
  }

  /// How long it is to a time on the wall clock; 0: it has passed.
  private func left(_ wall: Int64) -> UInt64 {
    let (difference, isOverflow) = wall.subtractingReportingOverflow(wallNow)
    if isOverflow { return wall > wallNow ? Clock.farthest : 0 }
    return UInt64(max(0, difference))
  }

  private func deadline(in ms: UInt64) -> UInt64 { min(Clock.farthest, now + min(ms, Clock.never)) }

  /// An entry's times here; nil if it has expired.
  func times(of record: SavedRecord) -> RestoredTimes? {
    var end = record.windowEnd == 0 ? 0 : deadline(in: left(record.windowEnd))
    var deadline: UInt64
    switch record.deadline {
    case SavedDeadline.absence: deadline = 0
    case SavedDeadline.never: (deadline, end) = (Clock.never, 0)
    default:
      let left = left(record.deadline)
      // What is stale was due a while ago; how long, does not matter.
      deadline = left == 0 ? 1 : self.deadline(in: left)
    }
    if end != 0 { end = max(end, deadline) }
    var lastUsed = UInt64.max
    if tti != 0 || savedTti != 0 {
      guard let left = leftToIdle(since: record.lastUsed) else { return nil }
      if tti != 0, now + left > tti {
        lastUsed = now + left - tti
      } else {
        // It was used before this cache's time began, or this cache lets entries idle.
        deadline = min(deadline, self.deadline(in: left))
        end = min(end, self.deadline(in: left))
      }
    }
    guard max(deadline, end) > past else { return nil }
    let window =
      end == 0 ? Entry.Window.none : Entry.Window(end: end, computeMs: UInt64(record.computeMs))
    return RestoredTimes(deadline: deadline, window: window, lastUsed: lastUsed)
  }

  /// For how long an entry may still go unused; nil: no longer.
  private func leftToIdle(since lastUsed: Int64) -> UInt64? {
    let (difference, isOverflow) = wallNow.subtractingReportingOverflow(lastUsed)
    let idle = isOverflow ? UInt64(Int64.max) : UInt64(max(0, difference))
    let most = tti == 0 ? savedTti : savedTti == 0 ? tti : min(tti, savedTti)
    return idle < most ? most - idle : nil
  }
}
