import CPlatform

/// Which size of the window serves the present load: three shadow caches, one for
/// each size, see the same sampled keys (miniature simulation: Waldspurger, Saemundsson,
/// Ahmad and Park, "Cache Modeling and Optimization using Miniature Simulations", 2017).
/// The one whose size is in force is compared with the others.
///
/// *A lead.* When another shadow hits and the one in force does not, the other's lead
/// grows by one; in the opposite case it shrinks, down to 0 (Page's cumulative sum test,
/// 1954). A lead of 0.4 of a shadow's capacity for all of the cache as the window, 0.6 for
/// three tenths, and the whole capacity for a smaller window changes it, and all leads
/// begin anew. Twelve hits are the least: fewer are chance.
///
/// *A correction.* A sample errs most where a loop just fits, or just does not: then a
/// shadow hits always and the cache never. While a size is in force, what its shadow hits
/// more than the cache itself, on the same keys, is averaged, and taken off its hits
/// wherever it is compared. The average of a size that is not in force fades.
///
/// A shadow is one key in a power of two, 64 to 512 of them, so that it costs a few
/// instructions a call; the cache's own size if that is small.
package struct ShadowRace {
  package static let count = 3

  /// A thirtieth of the cache, three tenths, all of it: the last is LRU.
  @inline(__always)
  static func window(_ number: UInt32) -> WindowSize {
    WindowSize(parts: number == 0 ? 34 : number == 1 ? 307 : WindowSize.whole)
  }

  package static let sizeMax: UInt32 = 512
  private static let sizeMin: UInt32 = 128
  /// Entries to a key of a shadow, before the two limits.
  private static let entriesPerKey: UInt32 = 64
  /// The smallest cache that shadows are meant for, a power of two: they see all of its
  /// keys.
  static let entriesMin: UInt32 = 128

  /// Leads that change the window, in capacities of a shadow; and the least, in hits.
  private static let leadForWhole: Float = 0.4
  private static let leadForLarger: Float = 0.6
  private static let leadForSmaller: Float = 1
  private static let leadMin: Float = 12
  /// Sampled uses, in the same measure: until a window that was just changed is judged,
  /// over which the judgement is averaged, and over which it fades.
  private static let settling: Float = 0.5
  private static let learning: Float = 1.5
  private static let fading: Float = 256

  let state: UnsafeMutablePointer<RaceState>
  let shadows: UnsafeMutablePointer<ShadowState>
  let sketch: FrequencySketch
  /// The sketch's words, then the shadows.
  private let places: WordPlaces

  @inline(__always)
  init(_ memory: ShardMemory) {
    state = ShardControl.race(in: memory.control)
    shadows = ShardControl.shadows.elements(in: memory.control)
    places = memory.shadows
    sketch = FrequencySketch(
      state: ShardControl.shadowSketch(in: memory.control), places: places)
  }

  // MARK: Size

  static func size(entries: UInt32) -> UInt32 {
    min(max(entries / entriesPerKey, sizeMin), sizeMax)
  }

  /// Of three shadows and their sketch of a word a key.
  package static func bytes(of size: UInt32) -> UInt64 {
    UInt64(size) * UInt64(count * ShadowCache.bytesPerKey + MemoryLayout<UInt64>.size)
  }

  /// Begins anew, for a cache of up to `entries`, a power of two.
  func begin(entries: UInt32) {
    let size = ShadowRace.size(entries: entries)
    memset(places[0], 0, Int(ShadowRace.bytes(of: size)))
    memset(shadows, 0, ShadowRace.count * MemoryLayout<ShadowState>.stride)
    sketch.state.pointee = SketchState(words: size, epoch: 0, uses: 0)
    state.pointee.leads = InlineArray(repeating: 0)
    state.pointee.corrections = InlineArray(repeating: 0)
    state.pointee.sinceChange = 0
    state.pointee.size = size
    state.pointee.entries = entries
    state.pointee.sampleMask = max(entries / size, 1) - 1
  }

  func end() {
    state.pointee.size = 0
    state.pointee.sampleMask = UInt32.max
  }

  // MARK: Uses

  /// Whether a key is one of those that the shadows see; if there are none, hardly ever.
  @inline(__always)
  func samples(_ hash: UInt64) -> Bool {
    UInt32(truncatingIfNeeded: hash >> 32) & state.pointee.sampleMask == 0
  }

  /// 16 bits of key, spread over 64.
  @inline(__always)
  static func spread(_ key: UInt16) -> UInt64 { UInt64(key) &* 0x9E37_79B9_7F4A_7C15 }

  /// A sampled key was used; `isHit`: the cache had it. `entries`: what the cache can
  /// hold. `isFull`: whether it does; until then nothing is compared.
  @inline(never)
  func use(_ hash: UInt64, isHit: Bool, entries: UInt64, isFull: Bool) {
    guard state.pointee.size != 0 else { return }
    let key = max(1, UInt16(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 48))
    let rate = UInt64(state.pointee.sampleMask) + 1
    let capacity = UInt32(
      truncatingIfNeeded: min(max((entries + rate / 2) / rate, 1), UInt64(state.pointee.size)))
    sketch.add(ShadowRace.spread(key), uses: 1)
    sketch.passTime(
      uses: 1, period: FrequencySketch.samplePeriod * UInt64(capacity))
    let first = places[state.pointee.size]
    let stride = Int(state.pointee.size) * ShadowCache.bytesPerKey
    var hits = InlineArray<3, Float>(repeating: 0)
    for number in 0..<ShadowRace.count {
      let shadow = ShadowCache(
        state: shadows + number, base: first + number * stride, size: state.pointee.size,
        capacity: capacity, window: ShadowRace.window(UInt32(number)), sketch: sketch)
      hits[number] = shadow.use(key) ? 1 : 0
    }
    if isFull { compare(hits, isHit: isHit, capacity: Float(capacity)) }
  }

  private func compare(_ hits: InlineArray<3, Float>, isHit: Bool, capacity: Float) {
    let inForce = Int(state.pointee.window)
    correct(hits[inForce] - (isHit ? 1 : 0), capacity: capacity)
    let corrections = state.pointee.corrections
    let own = hits[inForce] - corrections[inForce]
    var (winner, most) = (inForce, Float(1))
    for number in 0..<ShadowRace.count where number != inForce {
      let lead = max(0, state.pointee.leads[number] + hits[number] - corrections[number] - own)
      state.pointee.leads[number] = lead
      let part =
        lead / max(ShadowRace.lead(from: inForce, to: number) * capacity, ShadowRace.leadMin)
      if part >= most { (winner, most) = (number, part) }
    }
    guard winner != inForce else { return }
    state.pointee.window = UInt32(winner)
    state.pointee.sinceChange = 0
    for number in 0..<ShadowRace.count { state.pointee.leads[number] = 0 }
  }

  /// What changes the window from one size to another, in capacities.
  @inline(__always)
  private static func lead(from inForce: Int, to number: Int) -> Float {
    if number < inForce { return leadForSmaller }
    return number == count - 1 ? leadForWhole : leadForLarger
  }

  /// A shadow of a cache that is no larger is no sample, and needs no correction.
  private func correct(_ error: Float, capacity: Float) {
    guard state.pointee.sampleMask != 0 else { return }
    let inForce = Int(state.pointee.window)
    for number in 0..<ShadowRace.count where number != inForce {
      let correction = state.pointee.corrections[number]
      state.pointee.corrections[number] =
        correction - correction / (ShadowRace.fading * capacity)
    }
    state.pointee.sinceChange &+= 1
    if Float(state.pointee.sinceChange) > ShadowRace.settling * capacity {
      let correction = state.pointee.corrections[inForce]
      state.pointee.corrections[inForce] =
        correction + (error - correction) / (ShadowRace.learning * capacity)
    }
  }
}

/// A window's part of the capacity, in parts of 1024.
struct WindowSize {
  static let whole: UInt64 = 1024
  let parts: UInt64

  @inline(__always)
  func target(of capacity: UInt64) -> UInt64 {
    max(1, (capacity &* parts &+ WindowSize.whole / 2) / WindowSize.whole)
  }

  /// How much of main is protected at most: four fifths.
  @inline(__always)
  func protectedLimit(of capacity: UInt64) -> UInt64 {
    (capacity &- min(target(of: capacity), capacity)) &* 819 / 1024
  }
}
