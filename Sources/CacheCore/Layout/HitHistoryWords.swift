import Synchronization

/// What the counters of hits and misses were at points of the past
/// (HitHistory.swift).
package struct HitHistoryWords: ~Copyable {
  /// The tick from which on another reading is due.
  package let next: Atomic<UInt64>
  /// By number of the minute.
  package let minutes: InlineArray<64, HitReading>
  /// By number of the hour.
  package let hours: InlineArray<32, HitReading>
}

/// The sums at one point.
package struct HitReading: ~Copyable {
  /// When; 0: none, or it is just being written.
  package let tick: Atomic<UInt64>
  /// Up to then, resets or not.
  package let hits: Atomic<UInt64>
  package let misses: Atomic<UInt64>
}
