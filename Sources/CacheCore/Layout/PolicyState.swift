// What a policy keeps. Guarded by the shard's lock; LRU has the first of the
// recency lists alone.

/// Of a recency list (RecencyList.swift).
package struct RecencyState {
  /// Used last.
  package var newest: Ref
  /// Used longest ago.
  package var oldest: Ref
  package var count: UInt64
}

/// Of the adaptive policy (AdaptivePolicy.swift).
package struct AdaptiveState {
  /// Entries that window and main may hold together, as far as is known.
  package var capacity: UInt64
  /// The shard's share of the bound in entries, from which that was derived, or 0.
  package var share: UInt64
  /// Entries the tables are meant for.
  package var entriesMeant: UInt32
  /// Whether anything was ever evicted.
  package var isFull: UInt32
  /// Entries that came into probation since the last checkpoint.
  package var sinceCheckpoint: UInt32
  /// State of the generator that lets a warm entry in now and then.
  package var random: UInt32
  /// Whether the entry that is about to be added goes to protected.
  package var isPromotion: UInt32
  var reserved: UInt32
}

/// When an entry came into probation (Checkpoints.swift).
package struct Checkpoint {
  /// The entry, or its neighbour that stands for it.
  package var ref: Ref
  /// What GhostState.clock was.
  package var clock: UInt32
}

/// Of a frequency sketch (FrequencySketch.swift): words of 16 counters of four bits,
/// of which the first is the word's epoch.
package struct SketchState {
  package var words: UInt32
  /// Halvings so far.
  package var epoch: UInt32
  /// Uses recorded since the last halving, or half as many as before it.
  package var uses: UInt64
}

/// Of the ghost table (GhostTable.swift).
package struct GhostState {
  package var buckets: UInt32
  /// Evictions counted.
  package var clock: UInt32
  /// Evictions to a tick of the ghosts' times, as a power of two.
  package var tickShift: UInt32
  var reserved: UInt32
}

/// A cache line of ghosts: keys that fell out of the window.
package struct GhostBucket {
  /// 16 bits of the hash; 0: an empty place. The last is no ghost but the place whose
  /// turn it is.
  package var fingerprints: InlineArray<16, UInt16>
  /// When, in ticks.
  package var times: InlineArray<16, UInt16>
}

/// Of the shadow caches together (ShadowRace.swift).
package struct RaceState {
  /// Keys that there is memory for in each; 0: there are no shadows.
  package var size: UInt32
  /// Entries of a cache that they are meant for.
  package var entries: UInt32
  /// Bits of a hash that are 0 in a sampled key.
  package var sampleMask: UInt32
  /// The size of window that is in force.
  package var window: UInt32
  /// Sampled uses since it was changed.
  package var sinceChange: UInt32
  /// By how many hits each shadow is ahead of the one in force.
  package var leads: InlineArray<3, Float>
  /// By how much of a hit each shadow is better than the cache would be.
  package var corrections: InlineArray<3, Float>
}

/// Of a shadow cache (ShadowCache.swift).
package struct ShadowState {
  /// Residents that are protected; those and the ones in probation; all.
  package var protectedCount: UInt32
  package var mainCount: UInt32
  package var count: UInt32
  /// Ghosts ever.
  package var clock: UInt32
}
