/// Numbers as the text in which `increment` keeps them: an optional '-', then 1
/// to 19 digits, within Int64.
package enum Decimal {
  package static let sizeMax = 20

  package static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard !text.isEmpty, text.count <= sizeMax else { return nil }
    let isNegative = text[0] == UInt8(ascii: "-")
    let digits = isNegative ? 1..<text.count : 0..<text.count
    guard !digits.isEmpty, digits.count <= 19 else { return nil }
    // Built up on the negative side, which reaches one farther.
    var number: Int64 = 0
    for position in digits {
      let digit = text[position] &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (tenfold, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (next, isBeyond) = tenfold.subtractingReportingOverflow(Int64(digit))
      if isTooLarge || isBeyond { return nil }
      number = next
    }
    if isNegative { return number }
    return number == Int64.min ? nil : -number
  }

  /// Writes the number; the size of its text.
  package static func write(_ number: Int64, to text: UnsafeMutableRawBufferPointer) -> Int {
    var rest = number.magnitude
    var position = sizeMax
    repeat {
      position -= 1
      text[position] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    } while rest != 0
    if number < 0 {
      position -= 1
      text[position] = UInt8(ascii: "-")
    }
    let size = sizeMax - position
    for i in 0..<size { text[i] = text[position + i] }
    return size
  }
}
