/// A caller's buffer that is filled with records one after another, each a
/// multiple of 8 bytes.
package struct RecordBuffer {
  private let bytes: UnsafeMutableRawBufferPointer
  package private(set) var used = 0
  package private(set) var count = 0
  /// What the first record that did not fit would have taken.
  package private(set) var needed = 0

  /// Whether there was something to write, and room for none of it.
  package var isTooSmall: Bool { count == 0 && needed > 0 }

  package init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

  @inline(__always)
  package static func rounded(_ size: Int) -> Int { (size + 7) / 8 * 8 }

  /// Room for one more record; nil if there is none.
  package mutating func append(size: Int) -> UnsafeMutableRawPointer? {
    let size = RecordBuffer.rounded(size)
    guard size <= bytes.count - used else {
      if needed == 0 { needed = size }
      return nil
    }
    defer {
      used += size
      count += 1
    }
    return bytes.baseAddress! + used
  }

  /// Takes back everything from an earlier state on: records that belong
  /// together and take `size` bytes did not fit.
  package mutating func revert(to earlier: RecordBuffer, needing size: Int) {
    used = earlier.used
    count = earlier.count
    needed = size
  }
}
