/// The path of a file in /proc, in place: nothing is allocated where a process may be
/// short of memory, or has just been forked.
struct ShortPath {
  private var bytes = InlineArray<64, UInt8>(repeating: 0)
  private var count = 0

  init(_ text: StaticString) { append(text) }

  mutating func append(_ text: StaticString) {
    for place in 0..<text.utf8CodeUnitCount { append(byte: text.utf8Start[place]) }
  }

  mutating func append(_ number: UInt32) {
    var divisor: UInt32 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(byte: UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// A 0 stays at the end.
  private mutating func append(byte: UInt8) {
    precondition(count < bytes.count - 1)
    bytes[count] = byte
    count += 1
  }

  mutating func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeBytes(of: &bytes) {
      body($0.baseAddress!.assumingMemoryBound(to: CChar.self))
    }
  }
}
