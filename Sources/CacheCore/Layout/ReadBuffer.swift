import Synchronization

/// What the readers of a shard who share a number leave behind (ReadStripe): a
/// ring of the entries that they used last, and how often they hit and missed.
/// Read buffers end a shard's control area, one after another, each on cache
/// lines of its own.
package struct ReadBuffer: ~Copyable {
  /// Uses ever: hits, and what was served past its deadline; also where the next record
  /// goes, modulo their number.
  package let uses: Atomic<UInt64>
  /// Misses ever.
  package let misses: Atomic<UInt64>
  /// Uses whose records have been applied to the order of use.
  package let drained: Atomic<UInt64>
  /// `hits` at the last reset of statistics, and `misses`.
  package let hitsBefore: Atomic<UInt64>
  package let missesBefore: Atomic<UInt64>
  /// Until then a full ring is left as it is, and times of last use are seldom set.
  package let lazyUntilMs: Atomic<UInt64>
  /// The thread that was here last, its number in the high half; when, in the low.
  package let lastReader: Atomic<UInt64>
  let reserved: UInt64
  /// Access records: the entry that was used; 0: none.
  package let refs: InlineArray<32, Atomic<UInt32>>
  /// Of each, the hash of its key.
  package let hashes: InlineArray<32, Atomic<UInt32>>
  /// Stale values and absences served ever; and at the last reset of statistics.
  package let staleServed: Atomic<UInt64>
  package let absentServed: Atomic<UInt64>
  package let staleServedBefore: Atomic<UInt64>
  package let absentServedBefore: Atomic<UInt64>
  let padding: InlineArray<4, UInt64>
  /// Of each, the slot of the index where its entry was (Index.SlotPlace).
  package let places: InlineArray<32, Atomic<UInt32>>

  package static let recordCount: UInt64 = 32
}
