import Synchronization

/// What the counters of hits and misses were at points of the past: from that,
/// how the cache did in the last minutes or hours.
///
/// Once a minute whoever passes by with a shard's lock in hand takes a reading of
/// the sums, so that no thread is needed for it and a read costs nothing more. The
/// first of an hour is kept for longer. While nobody uses the cache nothing is
/// recorded, and need not be: the counters stand still.
///
/// A reading is the tick, hits and misses, and is written by whoever moved `next`
/// on, without a lock: the tick is 0 meanwhile and set last, and who reads it looks
/// at it before and after.
package struct HitHistory {
  private static let minute: UInt64 = 60_000
  private static let hour: UInt64 = 3_600_000

  private let region: Region
  private var words: UnsafeMutablePointer<HitHistoryWords> {
    RegionTail.history(in: region.tail)
  }

  @inline(__always)
  package init(_ region: Region) { self.region = region }

  /// Hits and misses up to some tick, or since.
  package struct Reading {
    package var hits: UInt64 = 0
    package var misses: UInt64 = 0
    /// Up to when, or for how long, in milliseconds.
    package var ms: UInt64 = 0
  }

  // MARK: Recording

  private var next: UnsafeMutablePointer<Atomic<UInt64>> { words.pointee.next.word }

  /// Records where the counters are, once a minute.
  @inline(__always)
  package func record(at now: UInt64) {
    if now >= next.relaxed { recordSlow(at: now) }
  }

  @inline(never)
  private func recordSlow(at now: UInt64) {
    let due = next.relaxed
    guard now >= due else { return }
    let later = (now / HitHistory.minute + 1) * HitHistory.minute
    let (isMine, _) = next.pointee.compareExchange(
      expected: due, desired: later, ordering: .relaxed)
    guard isMine else { return }
    let reading = ever(at: now)
    write(reading, to: words.pointee.minutes[slot(now / HitHistory.minute, of: 64)])
    let hour = slot(now / HitHistory.hour, of: 32)
    let recorded = read(words.pointee.hours[hour]).map { $0.ms / HitHistory.hour }
    if recorded != now / HitHistory.hour { write(reading, to: words.pointee.hours[hour]) }
  }

  /// What has been counted since the cache was opened, resets or not.
  private func ever(at now: UInt64) -> Reading {
    var sum = Reading(ms: now)
    for number in 0..<region.header.pointee.shardCount {
      let buffers = ShardControl.readBuffers(in: ShardMemory(region, number).control)
      for stripe in 0..<Int(region.header.pointee.geometry.stripeCount) {
        sum.hits &+= ReadStripe(buffers + stripe).hitsEver
        sum.misses &+= ReadStripe(buffers + stripe).missesEver
      }
    }
    return sum
  }

  // MARK: Looking back

  /// What was counted in the last `windowMs` and a little more, back to the
  /// latest reading before that, or the opening: `ms` says how long it really is.
  package func last(_ windowMs: UInt64, at now: UInt64) -> Reading {
    let start = now - min(now, windowMs)
    var then = Reading(ms: 1)
    func consider(_ reading: Reading?) {
      if let reading, reading.ms <= start, reading.ms > then.ms { then = reading }
    }
    for minute in words.pointee.minutes.indices { consider(read(words.pointee.minutes[minute])) }
    for hour in words.pointee.hours.indices { consider(read(words.pointee.hours[hour])) }
    let ever = ever(at: now)
    return Reading(
      // What is served past its deadline is a hit for a moment.
      hits: ever.hits - min(ever.hits, then.hits), misses: ever.misses &- then.misses,
      ms: now - min(now, then.ms))
  }

  // MARK: Readings

  private func slot(_ number: UInt64, of count: UInt64) -> Int { Int(number % count) }

  private func write(_ reading: Reading, to place: borrowing HitReading) {
    place.tick.word.relaxed = 0
    atomicMemoryFence(ordering: .releasing)  // pairs with the fence in `read`
    place.hits.word.relaxed = reading.hits
    place.misses.word.relaxed = reading.misses
    place.tick.word.pointee.store(reading.ms, ordering: .releasing)
  }

  /// nil if there is none, or it is just being written.
  private func read(_ place: borrowing HitReading) -> Reading? {
    let tick = place.tick.word.pointee.load(ordering: .acquiring)
    let reading = Reading(
      hits: place.hits.word.relaxed, misses: place.misses.word.relaxed, ms: tick)
    atomicMemoryFence(ordering: .acquiring)
    return tick != 0 && place.tick.word.relaxed == tick ? reading : nil
  }
}
