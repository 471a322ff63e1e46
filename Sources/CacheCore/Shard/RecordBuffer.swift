/// A caller's buffer that is filled with records one after another, each a
/// multiple of 8 bytes.
package struct RecordBuffer {
  private let bytes: UnsafeMutableRawBufferPointer
  package private(set) var used = 0
  package private(set) var count = 0
  /// What the first record that did not fit would have taken.
  package private(set) var needed = 0

  package init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

  /// Room for one more record; nil if there is none.
  package mutating func append(headerSize: Int, contentSize: Int) -> UnsafeMutableRawPointer? {
    let size = (headerSize + contentSize + 7) / 8 * 8
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

  /// Takes back everything from an earlier state on.
  package mutating func revert(to earlier: RecordBuffer) {
    used = earlier.used
    count = earlier.count
  }
}
