/// Where a shard's parts keep their state, in bytes from its start. What
/// readers load lies apart from what writers store.
package enum ShardLayout {
  /// Read by every look-up, written when the table or the arena grows, or seldom.
  package static let table = 0
  /// Not 0 in the child of a fork.
  package static let isForked = 8
  package static let markMs = 12
  package static let arenaSpan = 16

  package static let lock = 128
  package static let counters = 192

  package static let arena = 320
  package static let pagesSpan = 384
  package static let index = 448
  package static let wheel = 512
  package static let removals = 552
  package static let policy = 576
  package static let wheelSlots = policy + EvictionPolicy.controlSize
  package static let bins = wheelSlots + ExpiryWheel.slotsSize
  package static let stripes = (bins + Arena.binsSize + 127) / 128 * 128
}

/// What a shard counts. Guarded by its lock.
package struct ShardCounters {
  package var inserts: UInt64
  package var updates: UInt64
  package var deletes: UInt64
  package var evictions: UInt64
  package var expirations: UInt64
  package var refused: UInt64
  /// Entries in the index, expired ones included.
  package var entries: UInt64
  /// A version no entry of this shard has had.
  package var versionFloor: UInt64
  /// Running average of the lifetimes stored, in milliseconds.
  package var typicalTtlMs: UInt64
  /// Longest that an entry outlived its end before it was removed for that,
  /// since this was last reset.
  package var longestLagMs: UInt64
  /// Writes since other threads' read stripes were last drained.
  package var writesSinceDrain: UInt32
  /// The thread that last found its ring full, and when.
  package var lastReader: UInt32
  package var lastReadMs: UInt64
  /// When readers last overwrote notes of LRU; 0: never.
  package var lostMs: UInt64
  /// When the entry that was forgotten last was last used.
  package var forgottenMs: UInt64
  /// `entries` at the last reset of statistics.
  package var entriesBefore: UInt64
}
