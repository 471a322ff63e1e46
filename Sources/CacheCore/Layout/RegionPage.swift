import Synchronization

/// What a region begins with: what the cache is, then the words that change, each
/// kind on cache lines of its own. The front of the first shard's control area.
package enum RegionPage {
  /// What the region is. Written once.
  package static let header = Part<RegionHeader>(at: 0)
  /// Pages of memory in use. Written by whichever shard grows.
  package static let pagesUsed: Part<Atomic<UInt64>> = header.next(on: 128)
  /// Entries, expired ones included. Likewise.
  package static let entriesUsed: Part<Atomic<UInt64>> = pagesUsed.next(on: 128)
  /// What the cache may hold. Written by a resize, read by whichever shard grows.
  package static let bounds: Part<RegionBounds> = entriesUsed.next(on: 128)
  /// The manual clock's time, in ticks.
  package static let manualMs: Part<Atomic<UInt64>> = bounds.next(on: 128)
  /// A deadline before this tick may be one for which an automatic sweeper's
  /// interval is too long; 0: none is (Sweeper, "Pace").
  package static let hastenBefore: Part<Atomic<UInt64>> = manualMs.next(on: 128)
  /// How much of the region there is. Guarded by its lock.
  package static let space: Part<SpaceState> = hastenBefore.next(on: 64)
}

/// The page after all shards, and after their tables of claims: what is seldom used.
package enum RegionTail {
  /// Hits and misses at points of the past.
  package static let history = Part<HitHistoryWords>(at: 0)
  /// Where threads wait for claims; a key's hash chooses which.
  package static let claimWaits: Part<InlineArray<64, ClaimWait>> = history.next(on: 64)
  /// Where the random parts of lifetimes come from (Cache+Jitter).
  package static let jitterState: Part<Atomic<UInt64>> = claimWaits.next(on: 128)
  /// Of a region that processes share.
  package static let sharing: Part<SharingWords> = jitterState.next(on: 64)
}

/// What processes that share a region know in common.
package struct SharingWords: ~Copyable {
  /// The process whose sweeper keeps the schedule, as locks know it; 0: none does.
  package let leader: Atomic<UInt32>
  /// Held by a resize.
  package let resizeLock: Atomic<UInt32>
  /// Whether there were entries when somebody opened it after all others had gone.
  package let isWarm: Atomic<UInt32>
  let reserved: UInt32
  /// Shards put right after the death of who held them.
  package let recoveries: Atomic<UInt64>
  /// Entries that this cost.
  package let entriesLost: Atomic<UInt64>
  /// Leases of the dead that were ended.
  package let borrowsReclaimed: Atomic<UInt64>
  /// The boot of the machine and the time namespace that the clock is of.
  package var boot: InlineArray<2, UInt64>
  package var timeNamespace: UInt64
  /// The wall clock, since 1970, and the cache's clock, when the last process left; 0: one
  /// has it open, or it ended otherwise.
  package var closedWallMs: UInt64
  package var closedMs: UInt64
}

/// What a region is: written once when it is made, only read afterwards.
package struct RegionHeader {
  package static let magic: UInt64 = 0x6361_6368_6563_6F72  // "cachecor"
  package static let layoutVersion: UInt32 = 11

  /// "cachecor", as a number.
  package var magic: UInt64
  /// Changes with any of what is declared in Layout/ for a region.
  package var layoutVersion: UInt32
  /// A power of two, 256 at most.
  package var shardCount: UInt32
  /// 0: LRU, 1: adaptive.
  package var policy: UInt32
  /// 1: no-evict, 2: manual clock, 4: removals are reported.
  package var flags: UInt32
  /// The monotonic clock when the cache was opened: the beginning of its time. Set back by
  /// what had passed when the cache is opened in another boot.
  package var clockBaseNs: UInt64
  /// The lifetime of what is stored without one; 0: for ever.
  package var defaultTtlMs: UInt64
  /// How long an entry may go unused; 0: for ever.
  package var defaultTtiMs: UInt64
  /// The secrets of the hash.
  package var hashKey0: UInt64
  package var hashKey1: UInt64
  /// Pages in use before the first entry.
  package var fixedPages: UInt64
  /// The largest part of a lifetime, in thousandths, that chance takes off it.
  package var ttlJitterPermille: UInt64
  /// Lifetimes below this are as long as they are said to be; 0: none is.
  package var ordinaryTtlMs: UInt64
  package var geometry: Geometry

  /// What `flags` says.
  package enum Flag {
    package static let noEvict: UInt32 = 1 << 0
    package static let manualClock: UInt32 = 1 << 1
    package static let reportRemovals: UInt32 = 1 << 2
    package static let all = noEvict | manualClock | reportRemovals
  }

  /// What `policy` says.
  package enum Policy {
    package static let lru: UInt32 = 0
    package static let adaptive: UInt32 = 1
  }

  @inline(__always) package var isManualClock: Bool { flags & Flag.manualClock != 0 }
  @inline(__always) package var isNoEvict: Bool { flags & Flag.noEvict != 0 }
  @inline(__always) package var reportsRemovals: Bool { flags & Flag.reportRemovals != 0 }
}

/// How far a region reaches (AddressSpace.swift), in bytes from its start. The lock is
/// not first: to ThreadSanitizer a change of any field is one of the first.
package struct SpaceState: ~Copyable {
  /// What has been mapped.
  package var size: UInt64
  /// What has been given out; the next run begins here, if it fits.
  package var used: UInt64
  /// Taken by a shard that grows, whose own lock it holds.
  package let lock: Atomic<UInt32>
}

/// What the cache may hold.  Each bound is one word, so that a fork in the middle of
/// a resize finds the bound before or the bound after.  UInt64.max: no bound.
package struct RegionBounds: ~Copyable {
  package let entries: Atomic<UInt64>
  package let bytes: Atomic<UInt64>
}
