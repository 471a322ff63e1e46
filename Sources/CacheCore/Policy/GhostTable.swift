import CPlatform

/// Keys that were evicted lately, and when: four bytes for each entry, without
/// the keys.
///
/// Buckets of 16 ghosts, a cache line each. A ghost is a fingerprint of 15 bits,
/// a bit that says which part of the cache it left, and the time of its eviction
/// on a clock that counts evictions, in ticks so that 16 bits reach far enough. A
/// new ghost takes the place of its bucket's oldest.
struct GhostTable {
  struct State {
    var span: Span.State
    var buckets: UInt32
    /// Evictions counted.
    var clock: UInt32
    /// Evictions to a tick of the ghosts' times.
    var tick: UInt32
    var reserved: UInt32
  }

  /// A ghost that was found, and forgotten by that.
  struct Found {
    let isFromMain: Bool
    /// Evictions since its own.
    let age: UInt32
  }

  static let ways = 16
  private static let bucketSize = 64
  private static let fromMain: UInt16 = 1 << 15

  let state: UnsafeMutablePointer<State>
  private let base: UnsafeMutableRawPointer
  let span: Span

  init(state: UnsafeMutablePointer<State>, base: UnsafeMutableRawPointer, span: Span) {
    self.state = state
    self.base = base
    self.span = span
  }

  func cover(buckets: UInt32) -> Span.Growth {
    span.cover(UInt64(buckets) * UInt64(GhostTable.bucketSize))
  }

  var clock: UInt32 { state.pointee.clock }

  private func bucket(_ hash: UInt64) -> UnsafeMutablePointer<UInt16> {
    // Other bits than those that choose the line of the sketch.
    let spread = (hash &* 0x9E37_79B9_7F4A_7C15) >> 32
    let number = (spread * UInt64(state.pointee.buckets)) >> 32
    return (base + Int(number) * GhostTable.bucketSize).assumingMemoryBound(to: UInt16.self)
  }

  /// Asks for the memory that `add` or `take` will touch.
  func expect(_ hash: UInt64) { platform_prefetch(bucket(hash)) }

  /// Never 0, which marks an empty place.
  private func fingerprint(_ hash: UInt64) -> UInt16 {
    let bits = UInt16(truncatingIfNeeded: hash >> 20) & 0x7FFF
    return bits == 0 ? 1 : bits
  }

  private var now: UInt16 {
    UInt16(truncatingIfNeeded: state.pointee.clock / state.pointee.tick)
  }

  func add(_ hash: UInt64, isFromMain: Bool) {
    state.pointee.clock &+= 1
    let ghosts = bucket(hash)
    let print = fingerprint(hash)
    let now = now
    // The key's own ghost, an empty place, or the oldest; without a branch, which
    // chance would decide.
    var best = 0
    for way in 0..<GhostTable.ways {
      let other = ghosts[2 &* way]
      var rank = Int(now &- ghosts[2 &* way &+ 1])
      rank = other == 0 ? 1 << 16 : rank
      rank = other & 0x7FFF == print ? 1 << 17 : rank
      best = max(best, rank << 4 | way)
    }
    let place = best & 15
    ghosts[2 * place] = print | (isFromMain ? GhostTable.fromMain : 0)
    ghosts[2 * place + 1] = now
  }

  /// Finds the ghost of a key and forgets it.
  func take(_ hash: UInt64) -> Found? {
    let ghosts = bucket(hash)
    let print = fingerprint(hash)
    for way in 0..<GhostTable.ways where ghosts[2 * way] & 0x7FFF == print {
      let isFromMain = ghosts[2 * way] & GhostTable.fromMain != 0
      ghosts[2 * way] = 0
      return Found(
        isFromMain: isFromMain,
        age: UInt32(now &- ghosts[2 * way + 1]) &* state.pointee.tick)
    }
    return nil
  }

  /// Doubles the table; each bucket's ghosts go to both buckets that their keys
  /// now choose from. Ticks double if they are to.
  func double(tickDoubles: Bool) {
    var number = Int(state.pointee.buckets)
    while number > 0 {
      number -= 1
      let from = base + number * GhostTable.bucketSize
      if tickDoubles {
        let ghosts = from.assumingMemoryBound(to: UInt16.self)
        for way in 0..<GhostTable.ways { ghosts[2 * way + 1] >>= 1 }
      }
      let to = base + 2 * number * GhostTable.bucketSize
      (to + GhostTable.bucketSize).copyMemory(from: from, byteCount: GhostTable.bucketSize)
      if number > 0 { to.copyMemory(from: from, byteCount: GhostTable.bucketSize) }
    }
    state.pointee.buckets *= 2
    if tickDoubles { state.pointee.tick *= 2 }
  }

  var chargedPages: UInt64 { span.chargedPages }

  /// Gives the memory back. False if the system refused.
  func drop() -> Bool {
    state.pointee.buckets = 0
    return span.shrink(to: 0) == .done
  }
}
