import Synchronization

/// Keeps what is likely to be used again, by recency or by frequency, whichever
/// serves the present load.
///
///      window            main
///      ──────────────    ─────────────────────────────────────
///      new entries;      probation: entries     protected: entries
///      LRU               that won a place;      used again while in
///                        FIFO                   probation; LRU
///
/// The shape is that of W-TinyLFU (Einziger, Eytan, Friedman and Manes, "Adaptive
/// Software Cache Management", 2018): an entry that falls out of the window gets
/// into main only if it was used more often lately (FrequencySketch) than the one it
/// would displace. An entry counts its uses itself, and passes them on by fours. Three
/// things are ours.
///
/// 1. *A margin.* It must have been used more often by two: counts are halved now
///    and then, and keys of a loop differ by one depending on when.
/// 2. *Promotion by ghosts.* An entry that comes back after it fell out of the
///    window, and fell out after the oldest entry in probation came in, goes straight
///    to protected: it is used more closely than what main keeps (the rule of LIRS,
///    Jiang and Zhang 2002). GhostTable and Checkpoints tell.
/// 3. *Three sizes of the window, raced.* With a thirtieth of the cache as its window
///    this resists scans and loops; with all of it, it is LRU. Which of three sizes is in
///    force, ShadowRace decides, by what each of them would have hit.
///
/// It cannot get stuck. What is compared does not depend on what is in force: every
/// shadow goes on under its own size, on the same keys, whatever the cache does, so
/// one that would be better now gains a lead now, however long another was better, and
/// the lead that changes the window is a fixed one. While a larger window would be
/// better by a part d of all uses, the change comes after about 0.4 to 0.6 / d uses for
/// each entry that fits (1 / d for a smaller one): it costs as many hits for each, and as
/// much again until the entries are those of the new size. That is what a change of
/// load costs, once; a load that changes more often than that is served by
/// whichever size is best on the whole. A shadow that is wrong about the cache is found
/// out by the cache's own hits as soon as its size is in force.
///
/// Where the bound is in bytes, uses are weighed by size: what two small entries are used
/// for, taken together, is worth more than what a large one is in their place. This
/// serves the hits of objects, since a miss costs a computation or a round trip more often
/// than it costs by the byte.
///
/// Every operation is O(1). Sizes and distances are counted in entries, whatever the
/// cache is bounded by. The tables take 12 bytes for each entry, and the shadows 4 to
/// 16 KiB of each shard.
package struct AdaptivePolicy {
  // What the policy is made of. Each number is where the published policies have
  // it, or was found not to matter within a factor of two.
  private static let admissionMargin: UInt64 = 1
  /// An entry used at least so often gets in once in 128 times all the same, so
  /// that collisions in the sketch cannot be used to keep it out.
  private static let warmCount: UInt64 = 6
  private static let jitterMask: UInt32 = 127
  private static let checkpointParts: UInt32 = 64

  let memory: ShardMemory

  @inline(__always)
  init(_ memory: ShardMemory) { self.memory = memory }

  var region: Region {
    @inline(__always) get { memory.region }
  }
  var places: BlockPlaces {
    @inline(__always) get { memory.blocks }
  }
  var state: UnsafeMutablePointer<AdaptiveState> {
    @inline(__always) get { ShardControl.adaptive(in: memory.control) }
  }
  var checkpoints: Checkpoints { Checkpoints(control: memory.control) }

  /// The size of the window that is in force.
  private var window: WindowSize {
    @inline(__always) get {
      ShadowRace.window(race.state.pointee.window)
    }
  }

  // MARK: What the shard tells

  /// A key will come or go: asks for the memory of what is known of it.
  @inline(__always)
  func prefetch(_ hash: UInt64) {
    guard hasTables else { return }
    sketch.prefetch(hash)
    ghosts.prefetch(hash)
  }

  /// A key is about to be stored that was not there. Before room is made for it:
  /// where it will go decides who must leave.
  func prepare(_ hash: UInt64) {
    if !hasTables { beginTables() }
    state.pointee.isPromotion = 0
    guard hasTables else { return }
    sketch.add(hash, uses: 1)
    passTime(uses: 1)
    race(hash, isHit: false)
    guard window.parts < WindowSize.whole, let age = ghosts.take(hash),
      let oldest = checkpoints.oldestClock, age < ghosts.clock &- oldest
    else { return }
    state.pointee.isPromotion = 1
  }

  /// The entry that was prepared is there.
  func add(_ ref: Ref) {
    if state.pointee.isPromotion != 0 {
      state.pointee.isPromotion = 0
      enterProtected(ref)
    } else {
      setSegment(ref, .window)
      segmentList(.window).add(ref)
    }
    let count = count
    follow(count)
    fillMain(count)
    if hasTables, count > UInt64(state.pointee.entriesMeant) { growTables() }
  }

  /// An entry was used. Whoever says so passes time as well.
  @inline(__always)
  func use(_ ref: Ref, _ hash: UInt64) {
    race(hash, isHit: true)
    countUse(ref, hash)
    let place = segment(ref)
    switch place {
    case .window: segmentList(.window).moveToNewest(ref)
    case .protected: segmentList(.protected).moveToNewest(ref)
    default:
      leaveProbation(ref, place)
      enterProtected(ref)
    }
  }

  /// So many keys were used.
  @inline(__always)
  func passTime(uses: UInt64) {
    guard hasTables else { return }
    sketch.passTime(
      uses: uses, period: FrequencySketch.samplePeriod &* UInt64(state.pointee.entriesMeant))
  }

  /// A key was used, for the shadows.
  @inline(__always)
  private func race(_ hash: UInt64, isHit: Bool) {
    let race = race
    if race.samples(hash) {
      race.use(
        hash, isHit: isHit, entries: state.pointee.capacity,
        isFull: state.pointee.isFull != 0)
    }
  }

  /// An entry is gone, for whatever reason.
  func remove(_ ref: Ref) {
    let place = segment(ref)
    switch place {
    case .window: segmentList(.window).remove(ref)
    case .protected: segmentList(.protected).remove(ref)
    default: leaveProbation(ref, place)
    }
  }

  // MARK: Whom to forget

  /// Whether something used `count` times lately is to be kept rather than something
  /// used `other` times.
  @inline(__always)
  static func isPreferred(_ count: UInt64, over other: UInt64) -> Bool {
    count > other &+ admissionMargin
  }

  /// The entry to forget next. Moves the winner of a contest to main.
  func victim(hashOf: (Ref) -> UInt64) -> Ref? {
    state.pointee.isFull = 1
    state.pointee.capacity = count
    let main = segmentList(.probation).oldest ?? segmentList(.protected).oldest
    let incoming: UInt64 = state.pointee.isPromotion == 0 ? 1 : 0
    let target = window.target(of: state.pointee.capacity)
    let newcomers = segmentList(.window)
    guard let candidate = newcomers.oldest, main == nil || newcomers.count &+ incoming > target
    else {
      if let main { remember(main, hashOf(main)) }
      return main ?? newcomers.oldest
    }
    guard hasTables else { return candidate }
    let hash = hashOf(candidate)
    let count = remember(candidate, hash)
    if let main, isAdmitted(candidate, count, over: main, hashOf) {
      enterMain(candidate)
      return main
    }
    ghosts.add(hash)
    return candidate
  }

  /// Whether memory is what is short.
  private var isBySize: Bool {
    @inline(__always) get { region.bytesLimit.relaxed != UInt64.max }
  }

  /// Where memory is what is short, uses are weighed by size.
  private func isAdmitted(
    _ candidate: Ref, _ count: UInt64, over victim: Ref, _ hashOf: (Ref) -> UInt64
  ) -> Bool {
    var (size, otherSize): (UInt64, UInt64) = (1, 1)
    if isBySize {
      (size, otherSize) = (UInt64(entry(candidate).units), UInt64(entry(victim).units))
    }
    // Seldom is there a need to look at the victim's uses.
    if count &* otherSize <= size &* AdaptivePolicy.admissionMargin { return false }
    let other = remember(victim, hashOf(victim))
    return count &* otherSize > (other &+ AdaptivePolicy.admissionMargin) &* size
      || count >= AdaptivePolicy.warmCount && isLucky
  }

  private var isLucky: Bool {
    var random = state.pointee.random
    random ^= random << 13
    random ^= random >> 17
    random ^= random << 5
    state.pointee.random = random
    return random & AdaptivePolicy.jitterMask == 0
  }

  /// Adds the uses that an entry has counted to what the sketch knows; how many it
  /// knows then.
  @inline(__always)
  @discardableResult
  private func remember(_ ref: Ref, _ hash: UInt64) -> UInt64 {
    guard hasTables else { return 0 }
    let word = entry(ref).expiryWord
    let marks = word.relaxed
    word.relaxed = marks & ~Entry.Mark.uses
    return sketch.add(hash, uses: (marks & Entry.Mark.uses) >> Entry.Mark.usesShift)
  }

  // MARK: Moves

  /// While main has room, what falls out of the window goes there without a
  /// contest: when the cache fills, and after deletes.
  @inline(__always)
  private func fillMain(_ count: UInt64) {
    let target = window.target(of: state.pointee.capacity)
    for _ in 0..<2 {
      let windowCount = segmentList(.window).count
      guard windowCount > target, hasRoom(in: count &- windowCount, beside: target),
        let ref = segmentList(.window).oldest
      else { return }
      enterMain(ref)
    }
  }

  /// Whether main holds less than its part. Where memory is what is short, the number
  /// of entries changes with their sizes, and an eighth less is no reason.
  @inline(__always)
  private func hasRoom(in mainCount: UInt64, beside target: UInt64) -> Bool {
    let part = state.pointee.capacity &- min(target, state.pointee.capacity)
    return isBySize && state.pointee.isFull != 0
      ? mainCount < part &- part / 8 : mainCount < part
  }

  /// The oldest of the window gets a place in main.
  private func enterMain(_ ref: Ref) {
    segmentList(.window).remove(ref)
    enterProbation(ref)
  }

  @inline(__always)
  private func enterProtected(_ ref: Ref) {
    setSegment(ref, .protected)
    let protected = segmentList(.protected)
    protected.add(ref)
    let limit = window.protectedLimit(of: state.pointee.capacity)
    for _ in 0..<2 where protected.count > limit {
      guard let oldest = protected.oldest else { return }
      protected.remove(oldest)
      enterProbation(oldest)
    }
  }

  @inline(__always)
  private func enterProbation(_ ref: Ref) {
    setSegment(ref, .probation)
    segmentList(.probation).add(ref)
    state.pointee.sinceCheckpoint &+= 1
    if state.pointee.sinceCheckpoint >= checkpointSpacing, !checkpoints.isFull {
      state.pointee.sinceCheckpoint = 0
      checkpoints.append(ref, clock: ghosts.clock)
      setSegment(ref, .probationCheckpoint)
    }
  }

  /// Entries from one checkpoint to the next.
  private var checkpointSpacing: UInt32 {
    max(1, UInt32(truncatingIfNeeded: count) / AdaptivePolicy.checkpointParts)
  }

  @inline(__always)
  private func leaveProbation(_ ref: Ref, _ place: Segment) {
    if place.isCheckpoint { passCheckpoint(ref) }
    segmentList(.probation).remove(ref)
  }

  @inline(never)
  private func passCheckpoint(_ ref: Ref) {
    // The next younger one stands for the time from now on.
    if let neighbour = segmentList(.probation).newer(than: ref), !segment(neighbour).isCheckpoint {
      checkpoints.pass(ref, to: neighbour, spacing: checkpointSpacing, clock: ghosts.clock)
      setSegment(neighbour, .probationCheckpoint)
    } else {
      checkpoints.remove(ref)
    }
  }

  // MARK: Capacity

  /// The shard's share of the bound in entries; 0: it may be full before that, for want
  /// of memory.
  private var share: UInt64 {
    let entries = region.entriesLimit.relaxed
    if entries == UInt64.max || region.bytesLimit.relaxed != UInt64.max { return 0 }
    return max(1, entries >> UInt64(region.header.pointee.shardCount.trailingZeroBitCount))
  }

  /// Follows the bound, and what the shard turns out to hold within it.
  @inline(__always)
  private func follow(_ count: UInt64) {
    let share = share
    if share != state.pointee.share { begin(share: share) }
    if count > state.pointee.capacity { state.pointee.capacity = count }
  }

  @inline(never)
  private func begin(share: UInt64) {
    state.pointee.share = share
    state.pointee.capacity = share
    if hasTables { fitRace() }
  }
}
