import CPlatform
import Synchronization

/// What readers leave behind: how often they hit and missed, and which entries
/// they used last.
///
/// A reader takes no lock, so it cannot move the entry it found to the front of
/// the recency list. It records the access in a ring instead, and whoever next
/// holds the shard's lock moves the recorded entries in order ("draining"). Each
/// shard has a few stripes, and a thread uses the one that its number says, so that
/// readers on different cores write different cache lines (ThreadNumber).
///
/// With one thread nothing is lost: the reader that fills the ring drains it. When
/// several threads read, they do not: moving entries about would have them write
/// each other's cache lines all the time. Then records are overwritten, and an entry's
/// time of last use speaks for it when its turn comes to be forgotten
/// (Shard+Victim.swift). A record may be stale by the time it is applied, so the drain
/// applies it only if the index still refers to the entry: from the slot where the reader
/// found it, which is one comparison, or from another, where it is looked up by its hash.
package struct ReadStripe {
  private let buffer: UnsafeMutablePointer<ReadBuffer>

  @inline(__always)
  package init(_ buffer: UnsafeMutablePointer<ReadBuffer>) { self.buffer = buffer }

  /// The stripe for the calling thread among `count` (a power of two).
  @inline(__always)
  package static func indexForThisThread(count: UInt32) -> Int {
    Int(ThreadNumber.own & (count &- 1))
  }

  private var usesWord: UnsafeMutablePointer<Atomic<UInt64>> { buffer.pointee.uses.word }
  private var missesWord: UnsafeMutablePointer<Atomic<UInt64>> { buffer.pointee.misses.word }
  private var drainedWord: UnsafeMutablePointer<Atomic<UInt64>> { buffer.pointee.drained.word }
  /// Until when a full ring is left as it is.
  package var lazyUntil: UnsafeMutablePointer<Atomic<UInt64>> { buffer.pointee.lazyUntilMs.word }
  private var lastReader: UnsafeMutablePointer<Atomic<UInt64>> { buffer.pointee.lastReader.word }

  /// Where the access record of the hit with this number is: three words. Where two
  /// threads write records they may not belong together; no more than that is lost.
  @inline(__always)
  private func slot(_ position: UInt64) -> Int {
    Int(truncatingIfNeeded: position & (ReadBuffer.recordCount - 1))
  }
  @inline(__always)
  private func ref(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    buffer.pointee.refs[slot].word
  }
  @inline(__always)
  private func hash(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    buffer.pointee.hashes[slot].word
  }
  @inline(__always)
  private func place(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    buffer.pointee.places[slot].word
  }

  /// How long a reader who was not alone leaves its ring alone.
  package static let lazyMs: UInt64 = 50

  /// Counts a hit and records its entry. True when the ring is full and the
  /// caller had better drain it.
  @inline(__always)
  package func recordHit(hash: UInt32, ref: Ref, place: UInt32, at now: UInt64) -> Bool {
    let position = usesWord.pointee.wrappingAdd(1, ordering: .relaxed).oldValue
    let slot = slot(position)
    self.ref(slot).relaxed = ref
    self.hash(slot).relaxed = hash
    self.place(slot).relaxed = place
    return position &- drainedWord.relaxed >= ReadBuffer.recordCount - 1
      && now >= lazyUntil.relaxed
  }

  /// Counts a miss. True now and then: when the caller had better look whether
  /// it is alone here.
  @inline(__always)
  package func recordMiss() -> Bool {
    missesWord.pointee.wrappingAdd(1, ordering: .relaxed).oldValue % 64 == 0
  }

  /// True if another thread was here just now. Otherwise this is where the calling
  /// thread is.
  package func meetsAnother(thread: UInt32, at now: UInt64) -> Bool {
    let last = lastReader.relaxed
    let age = UInt32(truncatingIfNeeded: now) &- UInt32(truncatingIfNeeded: last)
    if last != 0, last >> 32 != thread, age <= 2 * ReadStripe.lazyMs { return true }
    lastReader.relaxed = UInt64(thread) << 32 | now & 0xffff_ffff
    return false
  }

  @inline(__always)
  package var hasRecords: Bool { usesWord.relaxed != drainedWord.relaxed }

  /// Calls `body` with each access record that is still in the ring, oldest first: all
  /// that were there when the drain began. The caller holds the shard's lock.
  @inline(__always)
  package func forEachRecord(
    from start: UInt64, to end: UInt64,
    _ body: (_ hash: UInt32, _ ref: Ref, _ place: UInt32) -> Void
  ) {
    var position = start
    while position != end {
      let slot = slot(position)
      let ref = ref(slot).relaxed
      if ref != 0 { body(hash(slot).relaxed, ref, place(slot).relaxed) }
      position &+= 1
    }
  }

  /// The records to drain now, by their numbers, and whether older ones are lost.
  @inline(__always)
  package var pending: (start: UInt64, end: UInt64, areSomeLost: Bool) {
    let end = usesWord.relaxed
    let start = drainedWord.relaxed
    let areSomeLost = end &- start > ReadBuffer.recordCount
    return (areSomeLost ? end &- ReadBuffer.recordCount : start, end, areSomeLost)
  }

  /// Records up to `end` have been applied.
  @inline(__always)
  package func finishDrain(_ end: UInt64) { drainedWord.relaxed = end }

  /// Counts a use of what is past its deadline; it was recorded as a hit.
  package func countPast(isAbsence: Bool) {
    isAbsence
      ? buffer.pointee.absentServed.word.bump() : buffer.pointee.staleServed.word.bump()
  }

  private var staleServedEver: UInt64 { buffer.pointee.staleServed.word.relaxed }
  private var absentServedEver: UInt64 { buffer.pointee.absentServed.word.relaxed }
  package var staleServed: UInt64 {
    staleServedEver &- buffer.pointee.staleServedBefore.word.relaxed
  }
  package var absentServed: UInt64 {
    absentServedEver &- buffer.pointee.absentServedBefore.word.relaxed
  }
  /// Uses ever: another number for each.
  package var usesEver: UInt64 { usesWord.relaxed }
  package var hitsEver: UInt64 {
    // What is past its deadline is counted as such last.
    let past = staleServedEver &+ absentServedEver
    return usesWord.relaxed &- past
  }
  package var missesEver: UInt64 { missesWord.relaxed }
  package var hits: UInt64 { hitsEver &- buffer.pointee.hitsBefore.word.relaxed }
  package var misses: UInt64 { missesEver &- buffer.pointee.missesBefore.word.relaxed }

  /// Forgets records that lead nowhere, and how busy other threads were. For a
  /// stripe that nobody uses.
  func disown(where isPlace: (Ref) -> Bool) {
    lazyUntil.relaxed = 0
    lastReader.relaxed = 0
    for slot in 0..<Int(ReadBuffer.recordCount) {
      if !isPlace(ref(slot).relaxed) { ref(slot).relaxed = 0 }
      place(slot).relaxed = 0
    }
  }

  /// As if nobody had ever used it. For a stripe that nobody uses.
  func reset() {
    usesWord.relaxed = 0
    missesWord.relaxed = 0
    drainedWord.relaxed = 0
    buffer.pointee.staleServed.word.relaxed = 0
    buffer.pointee.absentServed.word.relaxed = 0
    resetStatistics()
  }

  package func resetStatistics() {
    buffer.pointee.staleServedBefore.word.relaxed = staleServedEver
    buffer.pointee.absentServedBefore.word.relaxed = absentServedEver
    buffer.pointee.hitsBefore.word.relaxed = hitsEver
    buffer.pointee.missesBefore.word.relaxed = missesWord.relaxed
  }
}
