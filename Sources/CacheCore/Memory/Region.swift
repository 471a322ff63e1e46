import CPlatform
import Synchronization

/// The one mapping that holds everything a cache remembers between calls, and
/// nothing else: no pointer into it or out of it is stored in it, so that it
/// works wherever it is mapped. What it refers to, it refers to by offsets.
///
///     RegionHeader   one page: what the cache is, and its bounds
///     shard 0        control | buckets | overflow | pages | sketch | ghosts | arena
///     shard 1        ...
///
/// The address space for all of it is reserved at the start, and committed and
/// filled from the left of each part as it grows. A part never moves.
package struct Region {
  package let base: UnsafeMutableRawPointer

  package init(base: UnsafeMutableRawPointer) { self.base = base }

  package var header: UnsafeMutablePointer<RegionHeader> {
    @inline(__always) get { base.assumingMemoryBound(to: RegionHeader.self) }
  }

  // The words of the header page that change, on cache lines of their own.
  package var pagesUsed: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1024) }
  package var pagesLimit: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1280) }
  package var entriesUsed: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1152) }
  package var entriesLimit: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1288) }
  package var manualMs: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1408) }
  /// When an automatic sweeper means to wake, in ticks of the clock; 0: it does
  /// not, and need not be told of earlier deadlines.
  package var plannedSweep: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1536) }
  package var bytesLimit: UnsafeMutablePointer<Atomic<UInt64>> { base.atomic64(1296) }
  /// Of hits and misses (HitHistory.swift); to the end of the page, not quite.
  package var history: UnsafeMutableRawPointer { base + 1664 }

  package var clock: Clock {
    @inline(__always) get {
      Clock(
        baseNs: header.pointee.clockBaseNs, manualMs: manualMs,
        isManual: header.pointee.isManualClock)
    }
  }
}

/// What a region is: written once when it is made, only read afterwards.
package struct RegionHeader {
  package static let magic: UInt64 = 0x6361_6368_6563_6F72  // "cachecor"
  package static let layoutVersion: UInt32 = 2

  package var magic: UInt64
  package var layoutVersion: UInt32
  package var shardCount: UInt32
  package var policy: UInt32
  package var flags: UInt32
  package var clockBaseNs: UInt64
  package var defaultTtlMs: UInt64
  package var defaultTtiMs: UInt64
  package var hashKey0: UInt64
  package var hashKey1: UInt64
  /// Pages in use before the first entry.
  package var fixedPages: UInt64
  package var geometry: Geometry

  @inline(__always) package var isManualClock: Bool { flags & Options.manualClock != 0 }
  @inline(__always) package var isNoEvict: Bool { flags & Options.noEvict != 0 }
  @inline(__always)
  package var reportsRemovals: Bool { flags & Options.reportRemovals != 0 }
}

/// Where things lie in the region, in bytes; the same in every shard.
package struct Geometry {
  package static let page = 4096
  package static let headerSize = 4096

  package var regionSize: UInt64
  /// From one shard to the next.
  package var shardStride: UInt64
  package var bucketsOffset: UInt64
  package var overflowOffset: UInt64
  package var pagesOffset: UInt64
  package var sketchOffset: UInt64
  package var ghostsOffset: UInt64
  package var arenaOffset: UInt64
  package var arenaSize: UInt64
  /// Buckets a shard begins with; it always has this many times a power of two
  /// or is on the way from one to the next.
  package var baseBuckets: UInt32
  package var stripeCount: UInt32

  /// Lays out `shardCount` shards with arenas of `arenaSize` bytes each. The
  /// other parts get what the smallest entries could make them need.
  package init(shardCount: UInt32, arenaSize: UInt64, baseBuckets: UInt32, stripeCount: UInt32) {
    let control = Geometry.roundedToPages(
      UInt64(ShardLayout.stripes) + UInt64(stripeCount) * UInt64(ReadStripe.size))
    self.arenaSize = arenaSize
    self.baseBuckets = baseBuckets
    self.stripeCount = stripeCount
    bucketsOffset = control
    overflowOffset = bucketsOffset + Geometry.roundedToPages(arenaSize / 4)
    pagesOffset = overflowOffset + Geometry.roundedToPages(arenaSize / 8)
    sketchOffset = pagesOffset + Geometry.roundedToPages(arenaSize / 128)
    ghostsOffset = sketchOffset + Geometry.roundedToPages(arenaSize / 4)
    arenaOffset = ghostsOffset + Geometry.roundedToPages(arenaSize / 8)
    shardStride = arenaOffset + arenaSize
    regionSize = UInt64(Geometry.headerSize) + UInt64(shardCount) * shardStride
  }

  package static func roundedToPages(_ bytes: UInt64) -> UInt64 {
    (bytes + UInt64(page) - 1) / UInt64(page) * UInt64(page)
  }

  /// Whether this could have come from `init`. For a header read from outside.
  package func isSane(shardCount: UInt32) -> Bool {
    guard arenaSize >= UInt64(Geometry.page), arenaSize <= 1 << 35,
      arenaSize % UInt64(Geometry.page) == 0,
      baseBuckets >= 1, baseBuckets <= 1 << 20,
      stripeCount.nonzeroBitCount == 1, stripeCount <= 64,
      shardCount.nonzeroBitCount == 1, shardCount <= Options.shardCountMax
    else { return false }
    let expected = Geometry(
      shardCount: shardCount, arenaSize: arenaSize, baseBuckets: baseBuckets,
      stripeCount: stripeCount)
    return regionSize == expected.regionSize && shardStride == expected.shardStride
      && bucketsOffset == expected.bucketsOffset && overflowOffset == expected.overflowOffset
      && pagesOffset == expected.pagesOffset && sketchOffset == expected.sketchOffset
      && ghostsOffset == expected.ghostsOffset && arenaOffset == expected.arenaOffset
  }
}
