import CPlatform

/// How often a key was used lately, roughly, for keys in and out of the cache:
/// counters of four bits, shared by keys whose hashes meet.
///
/// A count-min sketch with conservative update (Cormode and Muthukrishnan 2005;
/// Estan and Varghese 2002) and periodic halving (Einziger, Friedman and Manes,
/// "TinyLFU", 2017), laid out so that a key's two counters lie in one word. A word
/// is 16 nibbles: nibble 0 is the word's epoch, the others count. Halving bumps the
/// epoch; a word is halved when it is next touched, once for every epoch it missed.
/// So there is never a pause, and what is compared has the same age.
///
/// Four bytes for each entry it is meant for. Four counters in a line of 64 bytes, and
/// twice the memory, gave the same hit ratios to a few hundredths of a point.
struct FrequencySketch {
  private static let countMax: UInt64 = 15
  private static let epochMask: UInt64 = 15
  private static let counters: UInt64 = 15
  /// Uses per entry between halvings.
  static let samplePeriod: UInt64 = 10

  let state: UnsafeMutablePointer<SketchState>
  private let places: WordPlaces

  /// `places` are those of the words that `state` says there are.
  @inline(__always)
  init(state: UnsafeMutablePointer<SketchState>, places: WordPlaces) {
    self.state = state
    self.places = places
  }

  @inline(__always)
  private func word(_ number: UInt32) -> UnsafeMutablePointer<UInt64> {
    places[number].assumingMemoryBound(to: UInt64.self)
  }

  /// Doubles the table: what a word has learned goes to both words that its
  /// keys now choose from. From the end, so that no word is overwritten before
  /// it is copied.
  func double() {
    var number = state.pointee.words
    while number > 0 {
      number -= 1
      word(2 * number + 1).pointee = word(number).pointee
      word(2 * number).pointee = word(number).pointee
    }
    state.pointee.words *= 2
  }

  @inline(__always)
  private func address(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
    word(UInt32(truncatingIfNeeded: ((hash >> 32) &* UInt64(state.pointee.words)) >> 32))
  }

  /// Asks for the memory that `add` or `count` will touch.
  @inline(__always)
  func prefetch(_ hash: UInt64) { platform_prefetch(address(hash)) }

  /// A word, brought up to the present epoch.
  @inline(__always)
  private func current(_ word: UInt64) -> UInt64 {
    let missed = (UInt64(state.pointee.epoch) &- word) & FrequencySketch.epochMask
    return missed == 0 ? word : halved(word, missed)
  }

  private func halved(_ word: UInt64, _ missed: UInt64) -> UInt64 {
    let shift = min(missed, 4)
    let mask: UInt64 = 0x1111_1111_1111_1111 &* (15 >> shift)
    return word >> shift & mask & ~FrequencySketch.epochMask
      | UInt64(state.pointee.epoch) & FrequencySketch.epochMask
  }

  /// Where a key's two counters are in its word, by bytes of its hash.
  @inline(__always)
  private func places(_ hash: UInt64) -> (first: UInt64, second: UInt64) {
    func place(_ byte: UInt64) -> UInt64 {
      4 &+ 4 &* ((byte & 0xFF) &* FrequencySketch.counters >> 8)
    }
    return (place(hash), place(hash >> 8))
  }

  @inline(__always)
  func count(_ hash: UInt64) -> UInt64 {
    let word = current(address(hash).pointee)
    let (first, second) = places(hash)
    return min(word &>> first & 15, word &>> second & 15)
  }

  /// Counts `uses` more of a key; how many there are now. Does not bring the next
  /// halving nearer: `passTime` does.
  @inline(__always)
  @discardableResult
  func add(_ hash: UInt64, uses: UInt64) -> UInt64 {
    let address = address(hash)
    var word = current(address.pointee)
    let (first, second) = places(hash)
    let (one, other) = (word &>> first & 15, word &>> second & 15)
    let count = min(min(one, other) &+ uses, FrequencySketch.countMax)
    // A counter that is at `count` or above belongs to others as well.
    if one < count { word &+= (count &- one) &<< first }
    if other < count, first != second { word &+= (count &- other) &<< second }
    address.pointee = word
    return count
  }

  /// Uses of whatever keys. After `period` of them, counts are halved.
  @inline(__always)
  func passTime(uses: UInt64, period: UInt64) {
    let sum = state.pointee.uses &+ uses
    state.pointee.uses = sum
    if sum >= period { age() }
  }

  private func age() {
    state.pointee.uses /= 2
    state.pointee.epoch &+= 1
  }
}
