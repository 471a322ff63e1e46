import Synchronization

/// A shard's control area: what it knows of its parts, from its first byte on.
/// What readers load lies apart from what writers store. Its arena follows.
package enum ShardControl {
  /// In the first shard: what the region begins with (RegionPage).
  package static let front = Part<InlineArray<112, UInt64>>(at: 0)
  /// Read by every look-up; written when the table grows, or seldom.
  package static let words: Part<ShardWords> = front.next(on: 128)
  /// Taken by every writer.
  package static let lock: Part<Atomic<UInt32>> = words.next(on: 128)
  /// This and what follows is guarded by the lock.
  package static let counters: Part<ShardCounters> = lock.next(on: 64)
  package static let arena: Part<ArenaState> = counters.next(on: 64)
  package static let arenaSpan: Part<SpanState> = arena.next()
  package static let pagesSpan: Part<SpanState> = arenaSpan.next()
  package static let bucketsSpan: Part<SpanState> = pagesSpan.next()
  package static let overflowSpan: Part<SpanState> = bucketsSpan.next()
  package static let index: Part<IndexState> = overflowSpan.next()
  package static let wheel: Part<WheelState> = index.next()
  package static let removals: Part<RemovalState> = wheel.next()
  package static let claims: Part<ClaimState> = removals.next()
  /// LRU's, or those of the adaptive policy's three segments.
  package static let recency: Part<InlineArray<3, RecencyState>> = claims.next(on: 64)
  package static let adaptive: Part<AdaptiveState> = recency.next()
  package static let sketchSpan: Part<SpanState> = adaptive.next()
  package static let sketch: Part<SketchState> = sketchSpan.next()
  package static let ghostsSpan: Part<SpanState> = sketch.next()
  package static let ghosts: Part<GhostState> = ghostsSpan.next()
  package static let checkpointCount: Part<UInt32> = ghosts.next()
  package static let checkpoints: Part<InlineArray<16, Checkpoint>> = checkpointCount.next()
  package static let shadowsSpan: Part<SpanState> = checkpoints.next()
  package static let race: Part<RaceState> = shadowsSpan.next()
  package static let shadowSketch: Part<SketchState> = race.next()
  package static let shadows: Part<InlineArray<3, ShadowState>> = shadowSketch.next()
  /// By the doubling of the arena that the next run begins with.
  package static let fences: Part<InlineArray<20, Fence>> = shadows.next()
  /// A bit for each slot of a level of the wheel that has pages.
  package static let wheelMaps: Part<InlineArray<7, UInt64>> = fences.next(on: 64)
  /// The first page of each slot, plus one; level by level.
  package static let wheelHeads: Part<InlineArray<448, UInt32>> = wheelMaps.next(on: 64)
  /// A bit for each bin of a row that has holes.
  package static let binRows: Part<InlineArray<29, UInt16>> = wheelHeads.next(on: 64)
  /// The first hole of each bin; row by row.
  package static let binHeads: Part<InlineArray<464, Ref>> = binRows.next(on: 64)
  /// Where the runs of each part are, from the region's start, but for what the shard
  /// begins with; of a run that is several doublings of its part, where each of them is.
  package static let arenaOffsets: Part<InlineArray<20, UInt64>> = binHeads.next(on: 64)
  package static let pagesOffsets: Part<InlineArray<20, UInt64>> = arenaOffsets.next()
  package static let bucketsOffsets: Part<InlineArray<24, UInt64>> = pagesOffsets.next()
  package static let overflowOffsets: Part<InlineArray<22, UInt64>> = bucketsOffsets.next()
  package static let sketchOffsets: Part<InlineArray<22, UInt64>> = overflowOffsets.next()
  package static let ghostsOffsets: Part<InlineArray<22, UInt64>> = sketchOffsets.next()
  package static let shadowsOffsets: Part<InlineArray<1, UInt64>> = ghostsOffsets.next()
  /// The page records and buckets that a shard begins with. On the page that the arena
  /// begins with, if there are few read buffers; what precedes them is seldom used.
  package static let firstPages: Part<InlineArray<16, PageRecord>> = shadowsOffsets.next(on: 4096)
  package static let firstBuckets: Part<InlineArray<16, BucketLine>> = firstPages.next(on: 64)
  /// The first of as many as the geometry says. Not where other words that a hit reads
  /// are in their pages: stores delay loads from such places.
  package static let readBuffers: Part<ReadBuffer> = firstBuckets.next(on: 128)

  package static func size(readBuffers count: UInt32) -> UInt64 {
    UInt64(readBuffers.offset) + UInt64(count) * UInt64(MemoryLayout<ReadBuffer>.stride)
  }
}

/// What every look-up reads.
package struct ShardWords: ~Copyable {
  /// Size of the index's table: buckets in the high half, mask of the last full
  /// doubling in the low.
  package let table: Atomic<UInt64>
  /// How old a time of last use must be for readers who are not alone to set it
  /// again.
  package let accessGranularityMs: Atomic<UInt32>
  /// What the lock's next holder has to do first (Shard+Stall.swift).
  package let stall: Atomic<UInt32>
  /// The owner of the lock who was found stopped, as locks know it; 0: nobody was.
  package let stalledBy: Atomic<UInt32>
}

/// How far a part of a shard reaches (Span.swift). Guarded by the lock.
package struct SpanState {
  /// Bytes that its runs have. Never less than before.
  package var extent: UInt64
  /// A bit for each doubling that a run begins with.
  package var runs: UInt32
  var reserved: UInt32
  /// Pages that count against the budget, beyond those that the shard begins with.
  package var chargedPages: UInt64
  /// Pages among them, by their places, that do not.
  package var skippedPages: UInt64
  /// In a shared region: how far there is memory behind it, in bytes.
  package var committedEnd: UInt64
}

/// What a shard counts. Guarded by its lock.
package struct ShardCounters {
  /// As cachecore_stats_t has them, these six.
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
  /// Sixteen times the running average of the lifetimes stored, in milliseconds, as
  /// `recordLifetime` limits them; 0: none yet.
  package var lifetimesMs: UInt64
  /// Longest that an entry outlived its end before it was removed for that,
  /// since this was last reset.
  package var longestLagMs: UInt64
  /// Writes since other threads' read buffers were last drained.
  package var writesSinceDrain: UInt32
  /// The thread that last found its read buffer full, and when.
  package var lastReader: UInt32
  package var lastReadMs: UInt64
  /// When readers last overwrote access records of LRU; 0: never.
  package var lostMs: UInt64
  /// When the entry that was forgotten last was last used.
  package var forgottenMs: UInt64
  /// `entries` at the last reset of statistics.
  package var entriesBefore: UInt64
  /// The entry that is likely to be forgotten next, and its hash: a hint, that may be of
  /// an entry that was there before; 0: none.
  package var nextVictim: Ref
  package var nextVictimHash: UInt32
}

/// Of the index (Index.swift).
package struct IndexState {
  /// Overflow buckets ever used.
  package var overflowTop: UInt32
  /// The first of those free again, plus one, linked by `next`.
  package var overflowFree: UInt32
  /// Where bucket versions come from; even.
  package var versions: UInt32
  var reserved: UInt32
}

/// Of the expiry wheel (ExpiryWheel.swift).
package struct WheelState {
  /// The tick up to which everything has been looked at.
  package var now: UInt64
  /// The first and the last of the pages with entries that have expired, plus one: first
  /// those with entries to remove, then those that only have entries in their window.
  package var firstListed: UInt32
  package var lastListed: UInt32
  /// Entries marked as expired, in all pages.
  package var expiredCount: UInt64
  /// Entries past their deadline and still in their window; those with a value.
  package var staleCount: UInt64
  /// Those that say that there is none.
  package var absentCount: UInt64
  /// Lower bound of the next tick at which a page is due; never if none is.
  package var nextDue: UInt64
}

/// Of the queue of removals (RemovalQueue.swift).
package struct RemovalState {
  package var first: Ref
  package var last: Ref
  /// Removals dropped before they were taken.
  package var lost: UInt64
}
