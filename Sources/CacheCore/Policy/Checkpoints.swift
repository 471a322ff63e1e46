/// When entries came into probation: up to 16 of them, spread over its length,
/// with the eviction clock at the time. From the oldest one follows how many
/// evictions ago the present content of probation began to come in.
///
/// 128 bytes for the whole list, where a time in each entry would be four in
/// each.
struct Checkpoints {
  static let countMax = 16
  static let size = 8 + countMax * 8

  private let count: UnsafeMutablePointer<UInt32>
  /// Pairs of a reference and a time, oldest first.
  private let pairs: UnsafeMutablePointer<(ref: Ref, clock: UInt32)>

  init(_ base: UnsafeMutableRawPointer) {
    count = base.assumingMemoryBound(to: UInt32.self)
    pairs = (base + 8).assumingMemoryBound(to: (ref: Ref, clock: UInt32).self)
  }

  var isFull: Bool { count.pointee == UInt32(Checkpoints.countMax) }
  var oldestClock: UInt32? { count.pointee == 0 ? nil : pairs[0].clock }

  func append(_ ref: Ref, clock: UInt32) {
    pairs[Int(count.pointee)] = (ref, clock)
    count.pointee += 1
  }

  var total: Int { Int(count.pointee) }

  func contains(_ ref: Ref) -> Bool { position(ref) != nil }

  private func position(_ ref: Ref) -> Int? {
    for i in 0..<Int(count.pointee) where pairs[i].ref == ref { return i }
    return nil
  }

  /// The entry moved, or left and its neighbour stands for it now.
  func replace(_ ref: Ref, by other: Ref) {
    if let position = position(ref) { pairs[position].ref = other }
  }

  func remove(_ ref: Ref) {
    guard let position = position(ref) else { return }
    for i in position..<Int(count.pointee) - 1 { pairs[i] = pairs[i + 1] }
    count.pointee -= 1
  }
}
