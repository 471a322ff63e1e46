import Synchronization

/// What the counters of hits and misses were at points of the past: from that,
/// how the cache did in the last minutes or hours.
///
/// Once a minute whoever passes by with a shard's lock in hand notes the sums,
/// so that no thread is needed for it and a read costs nothing more. The first
/// note of an hour is kept for longer. While nobody uses the cache nothing is
/// noted, and need not be: the counters stand still.
///
///     0      next     u64   the tick from which on another note is due
///     64     minutes  64 notes, by number of the minute
///     1600   hours    32 notes, by number of the hour
///
/// A note is the tick, hits and misses, a u64 each, and is written by whoever
/// moved `next` on, without a lock: the tick is 0 meanwhile and set last, and
/// who reads a note looks at it before and after.
package struct HitHistory {
  private static let minute: UInt64 = 60_000
  private static let hour: UInt64 = 3_600_000
  private static let minutes: UInt64 = 64
  private static let hours: UInt64 = 32
  private static let noteSize = 24
  private static let minutesOffset = 64
  private static let hoursOffset = minutesOffset + Int(minutes) * noteSize

  private let region: Region
  private var base: UnsafeMutableRawPointer { region.history }

  @inline(__always)
  package init(_ region: Region) { self.region = region }

  /// Hits and misses up to some tick, or since.
  package struct Reading {
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    /// Up to when, or for how long, in milliseconds.
    package var ms: UInt64 = 0
  }

  // MARK: Noting

  private var next: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(0) }

  /// Notes where the counters are, once a minute.
  @inline(__always)
  package func note(at now: UInt64) {
    if now >= next.relaxed { noteSlow(at: now) }
  }

  @inline(never)
  private func noteSlow(at now: UInt64) {
    let due = next.relaxed
    guard now >= due else { return }
    let later = (now / HitHistory.minute + 1) * HitHistory.minute
    let (isMine, _) = next.pointee.compareExchange(
      expected: due, desired: later, ordering: .relaxed)
    guard isMine else { return }
    let reading = ever(at: now)
    write(reading, to: minuteNote(now / HitHistory.minute))
    let hourNote = hourNote(now / HitHistory.hour)
    let isNoted = read(hourNote).map { $0.ms / HitHistory.hour == now / HitHistory.hour }
    if isNoted != true { write(reading, to: hourNote) }
  }

  /// What has been counted since the cache was opened, resets or not.
  private func ever(at now: UInt64) -> Reading {
    var sum = Reading(ms: now)
    for number in 0..<region.header.pointee.shardCount {
      let shard = Shard(region: region, number: number)
      for stripe in 0..<Int(shard.stripeCount) {
        sum.hits &+= shard.stripe(stripe).hitsEver
        sum.misses &+= shard.stripe(stripe).missesEver
      }
    }
    return sum
  }

  // MARK: Looking back

  /// What was counted in the last `windowMs` and a little more, back to the
  /// latest note before that, or the opening: `ms` says how long it really is.
  package func last(_ windowMs: UInt64, at now: UInt64) -> Reading {
    let start = now - min(now, windowMs)
    var then = Reading(ms: 1)
    func consider(_ note: UnsafeMutableRawPointer) {
      if let reading = read(note), reading.ms <= start, reading.ms > then.ms { then = reading }
    }
    for number in 0..<HitHistory.minutes { consider(minuteNote(number)) }
    for number in 0..<HitHistory.hours { consider(hourNote(number)) }
    let ever = ever(at: now)
    return Reading(
      hits: ever.hits &- then.hits, misses: ever.misses &- then.misses,
      ms: now - min(now, then.ms))
  }

  // MARK: Notes

  private func minuteNote(_ minute: UInt64) -> UnsafeMutableRawPointer {
    base + HitHistory.minutesOffset + Int(minute % HitHistory.minutes) * HitHistory.noteSize
  }

  private func hourNote(_ hour: UInt64) -> UnsafeMutableRawPointer {
    base + HitHistory.hoursOffset + Int(hour % HitHistory.hours) * HitHistory.noteSize
  }

  private func write(_ reading: Reading, to note: UnsafeMutableRawPointer) {
    note.atomic64(0).relaxed = 0
    atomicMemoryFence(ordering: .releasing)  // pairs with the fence in `read`
    note.atomic64(8).relaxed = reading.hits
    note.atomic64(16).relaxed = reading.misses
    note.atomic64(0).pointee.store(reading.ms, ordering: .releasing)
  }

  /// nil if there is none, or it is just being written.
  private func read(_ note: UnsafeMutableRawPointer) -> Reading? {
    let tick = note.atomic64(0).pointee.load(ordering: .acquiring)
    let reading = Reading(
      hits: note.atomic64(8).relaxed, misses: note.atomic64(16).relaxed, ms: tick)
    atomicMemoryFence(ordering: .acquiring)
    return tick != 0 && note.atomic64(0).relaxed == tick ? reading : nil
  }
}
