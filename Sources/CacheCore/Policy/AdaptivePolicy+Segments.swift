import Synchronization

// The lists of the adaptive policy, and which entry is in which.

extension AdaptivePolicy {
  /// An entry's place, in three bits of its `expiry`.
  struct Segment: Equatable {
    let rawValue: UInt64

    static let window = Segment(rawValue: 1)
    static let probation = Segment(rawValue: 2)
    static let protected = Segment(rawValue: 3)
    static let probationCheckpoint = Segment(rawValue: 4)

    var isCheckpoint: Bool { self == .probationCheckpoint }
    /// The place without the flag.
    var plain: Segment { isCheckpoint ? .probation : self }
    /// Whether an entry can have it.
    var isValid: Bool { (1...4).contains(rawValue) }
  }

  package static let listCount = 3

  var count: UInt64 {
    listState(0).pointee.count + listState(1).pointee.count + listState(2).pointee.count
  }

  @inline(__always)
  func listState(_ number: Int) -> UnsafeMutablePointer<RecencyState> {
    ShardControl.recency.elements(in: memory.control) + number
  }

  @inline(__always)
  func segmentList(_ place: Segment) -> RecencyList {
    RecencyList(
      state: listState(Int(truncatingIfNeeded: place.plain.rawValue) &- 1), places: places)
  }

  @inline(__always)
  func entry(_ ref: Ref) -> Entry { places.entry(ref) }

  @inline(__always)
  func segment(_ ref: Ref) -> Segment {
    Segment(
      rawValue: (entry(ref).expiryWord.relaxed & Entry.Mark.segment) >> Entry.Mark.segmentShift)
  }

  func setSegment(_ ref: Ref, _ place: Segment) {
    let word = entry(ref).expiryWord
    word.relaxed = word.relaxed & ~Entry.Mark.segment | place.rawValue << Entry.Mark.segmentShift
  }

  /// Counts a use in the entry; every fourth goes to the sketch, with those before it.
  @inline(__always)
  func countUse(_ ref: Ref, _ hash: UInt64) {
    let word = entry(ref).expiryWord
    let marks = word.relaxed
    if marks & Entry.Mark.uses != Entry.Mark.uses {
      word.relaxed = marks &+ Entry.Mark.use
    } else if hasTables {
      word.relaxed = marks & ~Entry.Mark.uses
      sketch.add(hash, uses: AdaptivePolicy.usesAtOnce)
    }
  }

  private static let usesAtOnce: UInt64 = 4

  /// `ref` takes the place of `old` in everything.
  func relink(_ old: Ref, as ref: Ref) {
    let place = segment(old)
    let mask = Entry.Mark.segment | Entry.Mark.uses
    let word = entry(ref).expiryWord
    word.relaxed = word.relaxed & ~mask | entry(old).expiryWord.relaxed & mask
    segmentList(place).relink(old, as: ref)
    if place.isCheckpoint { checkpoints.replace(old, by: ref) }
  }
}
