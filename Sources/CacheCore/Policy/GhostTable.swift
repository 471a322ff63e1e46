import CPlatform

/// Keys that fell out of the window lately, and when: two for each entry, four
/// bytes each, without the keys.
///
/// Buckets of 15 ghosts, a cache line each. A ghost is a fingerprint of 16 bits
/// and the time of its eviction on a clock that counts them, in ticks so that 16
/// bits reach far enough. The places of a bucket are taken in turn; whose turn it is
/// lies where the sixteenth fingerprint would.
struct GhostTable {
  static let ways = 15

  let state: UnsafeMutablePointer<GhostState>
  private let places: LinePlaces

  @inline(__always)
  init(_ memory: ShardMemory) {
    state = ShardControl.ghosts(in: memory.control)
    places = memory.ghosts
  }

  var clock: UInt32 { state.pointee.clock }

  @inline(__always)
  private func bucket(of hash: UInt64) -> UnsafeMutablePointer<GhostBucket> {
    // Other bits than those that choose the word of the sketch.
    let spread = (hash &* 0x9E37_79B9_7F4A_7C15) >> 32
    let number = (spread &* UInt64(state.pointee.buckets)) >> 32
    return bucket(UInt32(truncatingIfNeeded: number))
  }

  @inline(__always)
  private func bucket(_ number: UInt32) -> UnsafeMutablePointer<GhostBucket> {
    places[number].assumingMemoryBound(to: GhostBucket.self)
  }

  @inline(__always)
  private func fingerprints(
    _ bucket: UnsafeMutablePointer<GhostBucket>
  ) -> UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(bucket).assumingMemoryBound(to: UInt16.self)
  }

  @inline(__always)
  private func times(
    _ bucket: UnsafeMutablePointer<GhostBucket>
  ) -> UnsafeMutablePointer<UInt16> {
    fingerprints(bucket) + GhostTable.ways + 1
  }

  /// Asks for the memory that `add` or `take` will touch.
  @inline(__always)
  func prefetch(_ hash: UInt64) { platform_prefetch(bucket(of: hash)) }

  /// Never 0, which marks an empty place.
  @inline(__always)
  private func fingerprint(_ hash: UInt64) -> UInt16 {
    max(1, UInt16(truncatingIfNeeded: hash >> 16))
  }

  private var now: UInt16 {
    UInt16(truncatingIfNeeded: state.pointee.clock &>> state.pointee.tickShift)
  }

  func add(_ hash: UInt64) {
    state.pointee.clock &+= 1
    let bucket = bucket(of: hash)
    let prints = fingerprints(bucket)
    let turn = Int(prints[GhostTable.ways]) % GhostTable.ways
    prints[GhostTable.ways] = UInt16(truncatingIfNeeded: turn &+ 1)
    prints[turn] = fingerprint(hash)
    times(bucket)[turn] = now
  }

  /// Finds the ghost of a key and forgets it: how many evictions ago its own was.
  func take(_ hash: UInt64) -> UInt32? {
    let bucket = bucket(of: hash)
    let prints = fingerprints(bucket)
    let place = Int(
      platform_find16(prints, UInt32(GhostTable.ways), fingerprint(hash)))
    guard place < GhostTable.ways else { return nil }
    prints[place] = 0
    return UInt32(now &- times(bucket)[place]) &<< state.pointee.tickShift
  }

  /// Doubles the table; each bucket's ghosts go to both buckets that their keys
  /// now choose from. Ticks double if they are to.
  func double(tickDoubles: Bool) {
    var number = state.pointee.buckets
    while number > 0 {
      number -= 1
      if tickDoubles {
        let times = times(bucket(number))
        for way in 0..<GhostTable.ways { times[way] >>= 1 }
      }
      bucket(2 * number + 1).pointee = bucket(number).pointee
      bucket(2 * number).pointee = bucket(number).pointee
    }
    state.pointee.buckets *= 2
    if tickDoubles { state.pointee.tickShift += 1 }
  }
}
