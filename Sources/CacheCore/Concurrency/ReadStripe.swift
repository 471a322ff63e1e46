import CPlatform
import Synchronization

/// What readers leave behind: how often they hit and missed, and which entries
/// they used last.
///
/// A reader takes no lock, so it cannot move the entry it found to the front of
/// the recency list. It notes the entry in a ring instead, and whoever next
/// holds the shard's lock moves the noted entries in order ("draining"). Each
/// shard has a few stripes, and a thread uses the one that its number says, so that
/// readers on different cores write different cache lines (ThreadNumber).
///
///     0   hits        u64   also the ring's write position, modulo its size
///     8   misses      u64
///    16   drained     u64   hits already applied to the recency list
///    24   hitsBase    u64   value of `hits` at the last reset of statistics
///    32   missesBase  u64
///    40   lazyUntil   u64   until then a full ring is left as it is, and entries'
///                            times of last use are seldom set (Shard.isDue)
///    48   lastReader  u64   a thread's number, and the time in ms, the low half
///    64   ring        32 notes of u64: hash of the key, reference to the entry
///
/// With one thread nothing is lost: the reader that fills the ring drains it. When
/// several threads read, they do not: moving entries about would have them write
/// each other's cache lines all the time. Then notes are overwritten, and an entry's
/// time of last use speaks for it when its turn comes to be forgotten
/// (Shard+Victim.swift). A note may be stale by the time it is applied, so the drain looks
/// the entry up by its hash and applies the note only if the index still refers to it.
package struct ReadStripe {
  package static let ringCount: UInt64 = 32
  package static let size = 64 + 8 * Int(ringCount)

  private let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  /// The stripe for the calling thread among `count` (a power of two).
  @inline(__always)
  package static func indexForThisThread(count: UInt32) -> Int {
    Int(ThreadNumber.own & (count &- 1))
  }

  private var hitsWord: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(0) }
  private var missesWord: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(8) }
  private var drainedWord: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(16) }
  private var hitsBase: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(24) }
  private var missesBase: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(32) }

  /// How long a reader who was not alone leaves its ring alone.
  package static let lazyMs: UInt64 = 50

  package var lazyUntil: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(40) }
  private var lastReader: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(48) }

  /// Counts a hit and notes its entry. True when the ring is full and the
  /// caller had better drain it.
  @inline(__always)
  package func noteHit(hash: UInt32, ref: Ref, at now: UInt64) -> Bool {
    let position = hitsWord.pointee.wrappingAdd(1, ordering: .relaxed).oldValue
    let slot = 64 &+ 8 &* Int(truncatingIfNeeded: position & (ReadStripe.ringCount - 1))
    base.atomic64(slot).relaxed = UInt64(hash) << 32 | UInt64(ref)
    return position &+ 1 &- drainedWord.relaxed >= ReadStripe.ringCount && now >= lazyUntil.relaxed
  }

  /// Counts a miss. True now and then: when the caller had better look whether
  /// it is alone here.
  @inline(__always)
  package func noteMiss() -> Bool {
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
  package var hasNotes: Bool { hitsWord.relaxed != drainedWord.relaxed }

  /// Calls `body` with each note that is still in the ring, oldest first: all
  /// that were there when the drain began. The caller holds the shard's lock.
  @inline(__always)
  package func forEachNote(
    from start: UInt64, to end: UInt64, _ body: (_ hash: UInt32, _ ref: Ref) -> Void
  ) {
    var position = start
    while position != end {
      let note = base.atomic64(
        64 &+ 8 &* Int(truncatingIfNeeded: position & (ReadStripe.ringCount - 1))
      ).relaxed
      let ref = Ref(truncatingIfNeeded: note)
      if ref != 0 { body(UInt32(truncatingIfNeeded: note >> 32), ref) }
      position &+= 1
    }
  }

  /// The notes to drain now, by their numbers, and whether older ones are lost.
  @inline(__always)
  package var pending: (start: UInt64, end: UInt64, areSomeLost: Bool) {
    let end = hitsWord.relaxed
    let start = drainedWord.relaxed
    let areSomeLost = end &- start > ReadStripe.ringCount
    return (areSomeLost ? end &- ReadStripe.ringCount : start, end, areSomeLost)
  }

  /// Notes up to `end` have been applied.
  @inline(__always)
  package func finishDrain(_ end: UInt64) { drainedWord.relaxed = end }

  package var hitsEver: UInt64 { hitsWord.relaxed }
  package var missesEver: UInt64 { missesWord.relaxed }
  package var hits: UInt64 { hitsEver &- hitsBase.relaxed }
  package var misses: UInt64 { missesEver &- missesBase.relaxed }

  /// Forgets notes that lead nowhere, and how busy other threads were. For a
  /// stripe that nobody uses.
  func disown(where isPlace: (Ref) -> Bool) {
    lazyUntil.relaxed = 0
    lastReader.relaxed = 0
    for slot in 0..<Int(ReadStripe.ringCount) {
      let note = base.atomic64(64 + 8 * slot)
      if !isPlace(Ref(truncatingIfNeeded: note.relaxed)) { note.relaxed = 0 }
    }
  }

  package func resetStatistics() {
    hitsBase.relaxed = hitsWord.relaxed
    missesBase.relaxed = missesWord.relaxed
  }
}
