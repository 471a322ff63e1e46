import Synchronization

/// Keeps what is likely to be used again, by recency or by frequency, whichever
/// serves the present load.
///
///      window            main
///      young │ old       probation young │ old     protected
///      ──────────────    ─────────────────────────────────────
///      new entries;      entries that won a place;  entries used again
///      LRU               FIFO                       while in probation; LRU
///
/// The shape is that of W-TinyLFU (Einziger, Eytan, Friedman and Manes, "Adaptive
/// Software Cache Management", 2018): an entry that falls out of the window gets
/// into main only if it was used more often lately (FrequencySketch) than the one
/// it would displace. Three things are ours.
///
/// 1. *A margin.* It must have been used more often by two: counts are halved now
///    and then, and keys of a loop differ by one depending on when.
/// 2. *Promotion by ghosts.* An entry that comes back after it fell out of the
///    window, and fell out after the oldest entry in probation came in, goes straight
///    to protected: it is used more closely than what main keeps (the rule of LIRS,
///    Jiang and Zhang 2002). Ghosts and checkpoints tell.
/// 3. *The window follows its margins.* Four signals say whether the border between
///    window and main is where it should be: a ghost that fell out of the window
///    just now (a larger window would have kept it), a hit in the window's old part
///    (a smaller one would not), and the same two for main. Each moves the border by
///    an entry or a little more. A load that wants recency drives the window
///    to 99 %, where this is LRU; a loop drives it to 1 %.
///
/// Every operation is O(1). Sizes are entries if the cache is bounded by
/// entries, else units of the arena; distances are counted in entries. The
/// tables take 12 bytes for each entry and double when there are more entries
/// than they are meant for.
struct AdaptivePolicy {
  struct State {
    /// Units in the three parts.
    var windowUnits: UInt64
    var probationUnits: UInt64
    var protectedUnits: UInt64
    /// What window and main may hold together, as far as is known.
    var capacity: UInt64
    /// The share of the bound that `capacity` was derived from.
    var share: UInt64
    /// The window's part of the capacity.
    var windowTarget: Double
    /// Running average of the signals: 1 if all say larger, -1 if smaller.
    var direction: Double
    /// Entries the tables are meant for.
    var entriesMeant: UInt32
    /// Whether anything was ever evicted.
    var isFull: UInt32
    /// Entries that came into probation since the last checkpoint.
    var sinceCheckpoint: UInt32
    var random: UInt32
    /// Whether the entry that is about to be added goes to protected.
    var isPromotion: UInt32
    var reserved: UInt32
  }

  // What the policy is made of. Each number is where the published policies have
  // it, or was found not to matter within a factor of two.
  private static let initialWindow = 0.05
  private static let windowMin = 0.01
  private static let windowMax = 0.99
  private static let protectedShare = 0.8
  private static let admissionMargin: UInt64 = 1
  /// An entry used at least so often gets in once in 128 times all the same, so
  /// that collisions in the sketch cannot be used to keep it out.
  private static let warmCount: UInt64 = 6
  private static let jitterMask: UInt32 = 127
  private static let directionWeight = 1.0 / 64
  private static let stepBoost = 2.0
  /// No signal moves the border by more than one part in so many.
  private static let stepParts = 256.0
  private static let checkpointParts: UInt32 = 64
  static let ticksInTable: UInt32 = 256

  let state: UnsafeMutablePointer<State>
  let lists: UnsafeMutableRawPointer
  let arenaBase: UnsafeMutableRawPointer
  let sketch: FrequencySketch
  let ghosts: GhostTable
  let checkpoints: Checkpoints
  private let region: Region
  /// What the cache is bounded by, if not by memory.
  let isByEntries: Bool

  // Where its parts are in the control area: the lists, then these.
  private static let sketchOffset = 80
  private static let ghostsOffset = 112
  private static let checkpointsOffset = 144
  private static let stateOffset = 288

  @inline(__always)
  init(control: UnsafeMutableRawPointer, shardBase: UnsafeMutableRawPointer, region: Region) {
    func span(_ state: Int, from: UInt64, to: UInt64) -> Span {
      Span(
        state: (control + state).assumingMemoryBound(to: Span.State.self),
        base: shardBase + Int(truncatingIfNeeded: from), sizeMax: to - from,
        budget: region.pageBudget)
    }
    let geometry = region.header.pointee.geometry
    state = (control + AdaptivePolicy.stateOffset).assumingMemoryBound(to: State.self)
    lists = control
    checkpoints = Checkpoints(control + AdaptivePolicy.checkpointsOffset)
    sketch = FrequencySketch(
      state: (control + AdaptivePolicy.sketchOffset)
        .assumingMemoryBound(to: FrequencySketch.State.self),
      base: shardBase + Int(truncatingIfNeeded: geometry.sketchOffset),
      span: span(
        AdaptivePolicy.sketchOffset, from: geometry.sketchOffset, to: geometry.ghostsOffset))
    ghosts = GhostTable(
      state: (control + AdaptivePolicy.ghostsOffset)
        .assumingMemoryBound(to: GhostTable.State.self),
      base: shardBase + Int(truncatingIfNeeded: geometry.ghostsOffset),
      span: span(
        AdaptivePolicy.ghostsOffset, from: geometry.ghostsOffset, to: geometry.arenaOffset))
    arenaBase = shardBase + Int(truncatingIfNeeded: geometry.arenaOffset)
    self.region = region
    isByEntries = region.entriesLimit.relaxed != UInt64.max
  }

  // MARK: Tables

  static let entriesMeantMin: UInt32 = 256

  /// Makes tables for the first entries. Without memory for them the policy
  /// does without, and tries again as entries come.
  private func begin() {
    let meant = AdaptivePolicy.entriesMeantMin
    let (lines, buckets) = (meant / FrequencySketch.entriesPerLine, meant / UInt32(GhostTable.ways))
    guard sketch.cover(lines: lines) == .done, ghosts.cover(buckets: buckets) == .done else {
      return
    }
    sketch.state.pointee.lines = lines
    ghosts.state.pointee.buckets = buckets
    ghosts.state.pointee.tick = max(1, meant / AdaptivePolicy.ticksInTable)
    ghosts.state.pointee.clock = max(ghosts.state.pointee.clock, ghosts.state.pointee.tick)
    state.pointee.entriesMeant = meant
    state.pointee.random = 12345
  }

  /// Doubles the tables, if there is memory for that.
  private func grow() {
    let (lines, buckets) = (sketch.state.pointee.lines, ghosts.state.pointee.buckets)
    guard lines < 1 << 28, sketch.cover(lines: 2 * lines) == .done,
      ghosts.cover(buckets: 2 * buckets) == .done
    else { return }
    sketch.double()
    let meant = 2 * state.pointee.entriesMeant
    ghosts.double(
      tickDoubles: meant / AdaptivePolicy.ticksInTable >= 2 * ghosts.state.pointee.tick)
    state.pointee.entriesMeant = meant
  }

  /// Tables for so many times the entries there are can be given up.
  private static let excess: UInt64 = 8

  /// Gives the tables' memory back if they are far too large, and with it what
  /// was learned. False if the system refused.
  func dropTables() -> Bool {
    let meant = state.pointee.entriesMeant
    let isFarTooLarge =
      meant > AdaptivePolicy.entriesMeantMin && UInt64(meant) > AdaptivePolicy.excess * count
    guard count == 0 || isFarTooLarge else { return true }
    state.pointee.entriesMeant = 0
    let isSketchDone = sketch.drop()
    return ghosts.drop() && isSketchDone
  }

  var chargedPages: UInt64 { sketch.chargedPages + ghosts.chargedPages }

  private var hasTables: Bool { state.pointee.entriesMeant != 0 }

  // MARK: What the shard tells

  /// A key will be used, or, `orGone`, come or go: asks for the memory of what is
  /// known of it.
  @inline(__always)
  func expect(_ hash: UInt64, orGone: Bool) {
    guard hasTables else { return }
    sketch.expect(hash)
    if orGone { ghosts.expect(hash) }
  }

  /// A key is about to be stored that was not there. Before room is made for it:
  /// where it will go decides who must leave.
  func prepare(_ hash: UInt64) {
    if !hasTables { begin() }
    state.pointee.isPromotion = 0
    guard hasTables else { return }
    sketch.record(hash, entries: state.pointee.entriesMeant)
    guard let ghost = ghosts.take(hash) else { return }
    let isNear = UInt64(ghost.age) <= list(.probationOld).count
    if ghost.isFromMain {
      if isNear { signal(-1) }
      return
    }
    if isNear { signal(1) }
    if let oldest = checkpoints.oldestClock, ghost.age < ghosts.clock &- oldest {
      state.pointee.isPromotion = 1
    }
  }

  /// The entry that was prepared is there.
  func add(_ ref: Ref) {
    if state.pointee.isPromotion != 0 {
      state.pointee.isPromotion = 0
      enterProtected(ref)
    } else {
      link(ref, .windowYoung)
    }
    updateCapacity()
    fillMain()
    balanceWindow()
    if hasTables, count > UInt64(state.pointee.entriesMeant) { grow() }
  }

  /// An entry was used.
  func use(_ ref: Ref, _ hash: UInt64) {
    if hasTables { sketch.record(hash, entries: state.pointee.entriesMeant) }
    switch segment(ref).plain {
    case .windowYoung:
      list(.windowYoung).renew(ref)
    case .windowOld:
      unlink(ref)
      link(ref, .windowYoung)
      signal(1)
      balanceWindow()
    case .probationYoung:
      leaveProbation(ref)
      enterProtected(ref)
    case .probationOld:
      leaveProbation(ref)
      signal(-1)
      enterProtected(ref)
    default:
      list(.protected).renew(ref)
    }
  }

  /// An entry is gone, for whatever reason.
  func remove(_ ref: Ref) {
    switch segment(ref).plain {
    case .probationYoung, .probationOld: leaveProbation(ref)
    default:
      unlink(ref)
      balanceWindow()
    }
  }

  /// `ref` takes the place of `old` in everything.
  func relink(_ old: Ref, as ref: Ref) {
    let place = segment(old)
    setSegment(ref, place)
    list(place.plain).relink(old, as: ref)
    if place.isCheckpoint { checkpoints.replace(old, by: ref) }
    addUnits(of: old, to: place, sign: false)
    addUnits(of: ref, to: place, sign: true)
  }

  // MARK: Whom to forget

  /// The entry to forget next. Moves the winner of a contest to main.
  func victim(hashOf: (Ref) -> UInt64) -> Ref? {
    state.pointee.isFull = 1
    if total > 0 { state.pointee.capacity = total }
    let window = oldestOfWindow
    let main = oldestOfMain
    let incoming = state.pointee.isPromotion == 0 ? averageSize : 0
    guard let candidate = window,
      main == nil
        || Double(windowSize) + incoming
          > wholeTarget
    else {
      if let main, hasTables { ghosts.add(hashOf(main), isFromMain: true) }
      return main ?? window
    }
    guard hasTables else { return candidate }
    let hash = hashOf(candidate)
    guard let main else {
      ghosts.add(hash, isFromMain: false)
      return candidate
    }
    if isAdmitted(hash, over: hashOf(main)) {
      ghosts.add(hashOf(main), isFromMain: true)
      unlink(candidate)
      enterProbation(candidate)
      return main
    }
    ghosts.add(hash, isFromMain: false)
    return candidate
  }

  private func isAdmitted(_ candidate: UInt64, over victim: UInt64) -> Bool {
    let count = sketch.count(candidate)
    if count > sketch.count(victim) + AdaptivePolicy.admissionMargin { return true }
    guard count >= AdaptivePolicy.warmCount else { return false }
    var random = state.pointee.random
    random ^= random << 13
    random ^= random >> 17
    random ^= random << 5
    state.pointee.random = random
    return random & AdaptivePolicy.jitterMask == 0
  }

  private var oldestOfWindow: Ref? { list(.windowOld).oldest ?? list(.windowYoung).oldest }

  private var oldestOfMain: Ref? {
    list(.probationOld).oldest ?? list(.probationYoung).oldest ?? list(.protected).oldest
  }

  // MARK: Moves

  /// While main has room, what falls out of the window goes there without a
  /// contest: when the cache fills, and after deletes.
  private func fillMain() {
    for _ in 0..<2 {
      guard let ref = oldestOfWindow,
        Double(windowSize) > state.pointee.windowTarget,
        Double(mainSize) + wholeTarget + Double(size(ref))
          <= Double(state.pointee.capacity)
      else { return }
      unlink(ref)
      enterProbation(ref)
    }
  }

  private func enterProtected(_ ref: Ref) {
    link(ref, .protected)
    let limit =
      AdaptivePolicy.protectedShare
      * (Double(state.pointee.capacity) - state.pointee.windowTarget)
    for _ in 0..<2 where Double(protectedSize) > limit {
      guard let oldest = list(.protected).oldest else { return }
      unlink(oldest)
      enterProbation(oldest)
    }
  }

  private func enterProbation(_ ref: Ref) {
    link(ref, .probationYoung)
    state.pointee.sinceCheckpoint &+= 1
    if state.pointee.sinceCheckpoint
      > state.pointee.entriesMeant / AdaptivePolicy.checkpointParts,
      !checkpoints.isFull
    {
      state.pointee.sinceCheckpoint = 0
      checkpoints.append(ref, clock: ghosts.clock)
      setSegment(ref, .probationYoungCheckpoint)
    }
    balanceProbation()
  }

  private func leaveProbation(_ ref: Ref) {
    let place = segment(ref)
    if place.isCheckpoint {
      // The next younger one stands for the time from now on.
      let list = list(place.plain)
      var neighbour = list.newer(than: ref)
      if neighbour == nil, place.plain == .probationOld {
        neighbour = self.list(.probationYoung).oldest
      }
      if let neighbour, !segment(neighbour).isCheckpoint {
        checkpoints.replace(ref, by: neighbour)
        setSegment(neighbour, segment(neighbour).withCheckpoint)
      } else {
        checkpoints.remove(ref)
      }
    }
    unlink(ref)
    balanceProbation()
  }

  /// Keeps the younger half of probation no longer than the older.
  private func balanceProbation() {
    let (young, old) = (list(.probationYoung), list(.probationOld))
    while young.count > (young.count + old.count) / 2 + 1, let ref = young.oldest {
      let isCheckpoint = segment(ref).isCheckpoint
      unlink(ref)
      link(ref, isCheckpoint ? .probationOldCheckpoint : .probationOld)
    }
  }

  /// Keeps the old part of the window as long as that of probation, so that the
  /// border's two sides are measured alike; at most half of the window.
  private func balanceWindow() {
    let (young, old) = (list(.windowYoung), list(.windowOld))
    let wanted = min(list(.probationOld).count, (young.count + old.count) / 2)
    for _ in 0..<2 {
      if old.count < wanted, let ref = young.oldest {
        unlink(ref)
        link(ref, .windowOld)
      } else if old.count > wanted + 1, let ref = old.newest {
        unlink(ref)
        link(ref, .windowYoung, asOldest: true)
      } else {
        return
      }
    }
  }

  // MARK: The border

  /// Moves the border: 1 for a larger window, -1 for a smaller one.
  private func signal(_ sign: Double) {
    guard state.pointee.isFull != 0, count > 0 else { return }
    state.pointee.direction +=
      (sign - state.pointee.direction) * AdaptivePolicy.directionWeight
    let boost = AdaptivePolicy.stepBoost * max(0, state.pointee.direction * sign)
    let step = min(1 + boost, max(1, Double(count) / AdaptivePolicy.stepParts))
    let capacity = Double(state.pointee.capacity)
    let least = max(AdaptivePolicy.windowMin * capacity, averageSize)
    let target = state.pointee.windowTarget + sign * step * averageSize
    state.pointee.windowTarget = min(max(target, least), AdaptivePolicy.windowMax * capacity)
  }

  /// The shard's share of the bound, in entries or units.
  private var share: UInt64 {
    let entries = region.entriesLimit.relaxed
    let bound =
      entries != UInt64.max
      ? entries : region.pagesLimit.relaxed &* UInt64(PageTable.unitsPerPage)
    return max(1, bound >> UInt64(region.header.pointee.shardCount.trailingZeroBitCount))
  }

  /// Follows the bound, and what the shard turns out to hold within it.
  private func updateCapacity() {
    let share = share
    if share != state.pointee.share {
      let before = state.pointee.share
      state.pointee.share = share
      state.pointee.capacity = share
      let part =
        before == 0
        ? AdaptivePolicy.initialWindow : state.pointee.windowTarget / Double(before)
      state.pointee.windowTarget = min(
        max(part * Double(share), 1), AdaptivePolicy.windowMax * Double(share))
    }
    if total > state.pointee.capacity { state.pointee.capacity = total }
  }
}
