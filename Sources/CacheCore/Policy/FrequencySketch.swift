import CPlatform

/// How often a key was used lately, roughly, for keys in and out of the cache:
/// counters of four bits, shared by keys whose hashes meet.
///
/// A count-min sketch with conservative update (Cormode and Muthukrishnan 2005;
/// Estan and Varghese 2002) and periodic halving (Einziger, Friedman and Manes,
/// "TinyLFU", 2017), laid out so that a key's four counters lie in one cache line.
/// A line is 128 nibbles: nibble 0 is the line's epoch; row i is words 2i and
/// 2i+1. Halving bumps the epoch; a line is halved when it is next touched, once
/// for every epoch it missed. So there is never a pause, and what is compared has
/// the same age.
///
/// Eight bytes for each entry it is meant for.
struct FrequencySketch {
  struct State {
    var span: Span.State
    var lines: UInt32
    var epoch: UInt32
    /// Uses recorded since the last halving, or half as many as before it.
    var uses: UInt64
  }

  static let entriesPerLine: UInt32 = 8
  private static let lineSize = 64
  private static let countMax: UInt64 = 15
  /// Uses per entry between halvings.
  private static let samplePeriod: UInt64 = 10

  let state: UnsafeMutablePointer<State>
  private let base: UnsafeMutableRawPointer
  let span: Span

  init(state: UnsafeMutablePointer<State>, base: UnsafeMutableRawPointer, span: Span) {
    self.state = state
    self.base = base
    self.span = span
  }

  /// Makes room for `lines` lines; twice as many as before, or the first.
  func cover(lines: UInt32) -> Span.Growth {
    span.cover(UInt64(lines) * UInt64(FrequencySketch.lineSize))
  }

  /// Doubles the table: what a line has learned goes to both lines that its
  /// keys now choose from. From the end, so that no line is overwritten before
  /// it is copied.
  func double() {
    var line = Int(state.pointee.lines)
    while line > 0 {
      line -= 1
      let from = base + line * FrequencySketch.lineSize
      let to = base + 2 * line * FrequencySketch.lineSize
      (to + FrequencySketch.lineSize).copyMemory(from: from, byteCount: FrequencySketch.lineSize)
      if line > 0 { to.copyMemory(from: from, byteCount: FrequencySketch.lineSize) }
    }
    state.pointee.lines *= 2
  }

  @inline(__always)
  private func address(_ hash: UInt64) -> UnsafeMutableRawPointer {
    let number = ((hash >> 32) &* UInt64(state.pointee.lines)) >> 32
    return base + Int(truncatingIfNeeded: number) &* FrequencySketch.lineSize
  }

  /// Asks for the memory that `record` or `count` will touch.
  @inline(__always)
  func expect(_ hash: UInt64) { platform_prefetch(address(hash)) }

  /// The line of a hash, brought up to the present epoch.
  @inline(__always)
  private func line(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
    let words = address(hash).assumingMemoryBound(to: UInt64.self)
    let missed = (UInt64(state.pointee.epoch) &- words[0]) & 15
    if missed != 0 { halve(words, missed) }
    return words
  }

  private func halve(_ words: UnsafeMutablePointer<UInt64>, _ missed: UInt64) {
    let shift = min(missed, 4)
    let mask: UInt64 = 0x1111_1111_1111_1111 &* (15 >> shift)
    words[0] &= ~15
    for i in 0..<8 { words[i] = words[i] >> shift & mask }
    words[0] = words[0] & ~15 | UInt64(state.pointee.epoch) & 15
  }

  /// Which nibble of row `row` counts for a hash. Nibble 0 of the line is taken.
  @inline(__always)
  private func place(_ hash: UInt64, _ row: Int) -> (word: Int, shift: UInt64) {
    let position = Int(hash >> UInt64(8 * row) & 31)
    let nibble = row == 0 && position == 0 ? 16 : position
    return (2 &* row &+ (nibble >> 4), UInt64(truncatingIfNeeded: nibble & 15) &* 4)
  }

  @inline(__always)
  private func counter(
    _ hash: UInt64, _ row: Int, in words: UnsafeMutablePointer<UInt64>
  ) -> UInt64 {
    let (word, shift) = place(hash, row)
    return words[word] &>> shift & 15
  }

  @inline(__always)
  private func count(_ hash: UInt64, in words: UnsafeMutablePointer<UInt64>) -> UInt64 {
    min(
      min(counter(hash, 0, in: words), counter(hash, 1, in: words)),
      min(counter(hash, 2, in: words), counter(hash, 3, in: words)))
  }

  func count(_ hash: UInt64) -> UInt64 { count(hash, in: line(hash)) }

  /// Counts one use, for a table meant for `entries`.
  func record(_ hash: UInt64, entries: UInt32) {
    let words = line(hash)
    let least = count(hash, in: words)
    if least < FrequencySketch.countMax {
      for row in 0..<4 {
        // Without a branch, which chance would decide.
        let (word, shift) = place(hash, row)
        let isLeast: UInt64 = words[word] &>> shift & 15 == least ? 1 : 0
        words[word] &+= isLeast &<< shift
      }
    }
    state.pointee.uses += 1
    if state.pointee.uses >= FrequencySketch.samplePeriod * UInt64(entries) {
      state.pointee.uses /= 2
      state.pointee.epoch &+= 1
    }
  }

  var chargedPages: UInt64 { span.chargedPages }

  /// Gives the memory back. False if the system refused.
  func drop() -> Bool {
    state.pointee.lines = 0
    return span.shrink(to: 0) == .done
  }
}
