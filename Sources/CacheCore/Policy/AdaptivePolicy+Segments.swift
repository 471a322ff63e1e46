import Synchronization

// The lists of the adaptive policy, which entry is in which, and how much they
// hold.

extension AdaptivePolicy {
  /// An entry's place, in three bits of its `term`.
  enum Segment: UInt64 {
    case none = 0
    case windowYoung = 1
    case windowOld = 2
    case probationYoung = 3
    case probationOld = 4
    case protected = 5
    case probationYoungCheckpoint = 6
    case probationOldCheckpoint = 7

    var isCheckpoint: Bool { rawValue >= 6 }
    /// The place without the flag.
    var plain: Segment {
      switch self {
      case .probationYoungCheckpoint: return .probationYoung
      case .probationOldCheckpoint: return .probationOld
      default: return self
      }
    }
    var withCheckpoint: Segment {
      self == .probationYoung ? .probationYoungCheckpoint : .probationOldCheckpoint
    }
  }

  var count: UInt64 {
    var sum: UInt64 = 0
    for number in 0..<5 { sum += listState(number).pointee.count }
    return sum
  }

  // Sizes are entries or units, as the bound is. Which of them that is can change
  // when the cache is resized, so both are kept.

  var windowSize: UInt64 {
    isByEntries
      ? list(.windowYoung).count + list(.windowOld).count : state.pointee.windowUnits
  }

  private var probationSize: UInt64 {
    isByEntries
      ? list(.probationYoung).count + list(.probationOld).count
      : state.pointee.probationUnits
  }

  var protectedSize: UInt64 {
    isByEntries ? list(.protected).count : state.pointee.protectedUnits
  }

  var mainSize: UInt64 { probationSize + protectedSize }
  var total: UInt64 { windowSize + mainSize }

  /// The window's target without its fraction. It lies between 0 and the
  /// capacity.
  var wholeTarget: Double { Double(UInt64(state.pointee.windowTarget)) }

  var averageSize: Double {
    isByEntries || count == 0 ? 1 : Double(total) / Double(count)
  }

  func size(_ ref: Ref) -> UInt64 { isByEntries ? 1 : UInt64(entry(ref).units) }

  func addUnits(of ref: Ref, to place: Segment, sign isAdded: Bool) {
    let units = UInt64(entry(ref).units)
    addUnits(isAdded ? units : 0 &- units, to: place)
  }

  func shrink(_ ref: Ref, by units: UInt32) { addUnits(0 &- UInt64(units), to: segment(ref)) }

  private func addUnits(_ change: UInt64, to place: Segment) {
    switch place.plain {
    case .windowYoung, .windowOld: state.pointee.windowUnits &+= change
    case .protected: state.pointee.protectedUnits &+= change
    default: state.pointee.probationUnits &+= change
    }
  }

  func listState(_ number: Int) -> UnsafeMutablePointer<RecencyList.State> {
    (lists + number * MemoryLayout<RecencyList.State>.stride)
      .assumingMemoryBound(to: RecencyList.State.self)
  }

  func list(_ place: Segment) -> RecencyList {
    RecencyList(state: listState(Int(place.plain.rawValue) - 1), arenaBase: arenaBase)
  }

  func entry(_ ref: Ref) -> Entry { Entry(arenaBase + Int(ref) * Entry.unit) }

  func segment(_ ref: Ref) -> Segment {
    Segment(
      rawValue: (entry(ref).term.relaxed & Entry.Mark.segment) >> Entry.Mark.segmentShift)!
  }

  func setSegment(_ ref: Ref, _ place: Segment) {
    let term = entry(ref).term
    term.relaxed = term.relaxed & ~Entry.Mark.segment | place.rawValue << Entry.Mark.segmentShift
  }

  func link(_ ref: Ref, _ place: Segment, asOldest: Bool = false) {
    setSegment(ref, place)
    if asOldest { list(place).addOldest(ref) } else { list(place).add(ref) }
    addUnits(of: ref, to: place, sign: true)
  }

  func unlink(_ ref: Ref) {
    let place = segment(ref)
    list(place).remove(ref)
    addUnits(of: ref, to: place, sign: false)
  }
}
