/// When entries came into probation: up to 16 of them, spread over its length,
/// with the eviction clock at the time. From the oldest one follows how many
/// evictions ago the present content of probation began to come in.
///
/// 128 bytes for the whole list, where a time in each entry would be four in
/// each.
package struct Checkpoints {
  package static let countMax = 16

  private let count: UnsafeMutablePointer<UInt32>
  /// Oldest first.
  private let pairs: UnsafeMutablePointer<Checkpoint>

  /// `control`: the shard's control area.
  init(control: UnsafeMutableRawPointer) {
    count = ShardControl.checkpointCount(in: control)
    pairs = ShardControl.checkpoints.elements(in: control)
  }

  var isFull: Bool { count.pointee == UInt32(Checkpoints.countMax) }
  var oldestClock: UInt32? { count.pointee == 0 ? nil : pairs[0].clock }

  func clear() { count.pointee = 0 }

  func append(_ ref: Ref, clock: UInt32) {
    pairs[Int(count.pointee)] = Checkpoint(ref: ref, clock: clock)
    count.pointee += 1
  }

  var total: Int { Int(count.pointee) }

  func contains(_ ref: Ref) -> Bool { position(ref) != nil }

  private func position(_ ref: Ref) -> Int? {
    for i in 0..<Int(count.pointee) where pairs[i].ref == ref { return i }
    return nil
  }

  /// The entry is `other` now.
  func replace(_ ref: Ref, by other: Ref) {
    if let position = position(ref) { pairs[position].ref = other }
  }

  /// The entry left, and its neighbour stands for it now, which came later: part of
  /// the way to the next checkpoint, or to `clock`, of the `spacing` entries between.
  func pass(_ ref: Ref, to neighbour: Ref, spacing: UInt32, clock: UInt32) {
    guard let position = position(ref) else { return }
    let next = position + 1 < total ? pairs[position + 1].clock : clock
    let between = next &- pairs[position].clock
    pairs[position] = Checkpoint(
      ref: neighbour, clock: pairs[position].clock &+ between / max(1, spacing / 2))
  }

  func remove(_ ref: Ref) {
    guard let position = position(ref) else { return }
    for i in position..<Int(count.pointee) - 1 { pairs[i] = pairs[i + 1] }
    count.pointee -= 1
  }
}
