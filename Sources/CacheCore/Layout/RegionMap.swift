import Synchronization

/// Where a process has a region: what a region refers to by offsets, here are the
/// addresses. A process's own, from `open` or `attach` until the cache is freed. The
/// maps of the shards follow.
package enum RegionMap {
  package static let words = Part<RegionMapWords>(at: 0)
  package static let mappings: Part<InlineArray<24, Mapping>> = words.next()

  package static let mappingsMax = 24
  /// Where the map of the first shard is.
  private static let shardsOffset = (mappings.end + 63) / 64 * 64

  package static func size(shards count: UInt32) -> Int {
    shardsOffset + Int(count) * ShardMap.stride
  }

  @inline(__always)
  package static func shard(
    _ number: UInt32, in map: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    map + shardsOffset + Int(truncatingIfNeeded: number) &* ShardMap.stride
  }
}

/// Guarded by the lock of the region's space, but for what belongs to a shared region.
package struct RegionMapWords: ~Copyable {
  /// What the map lies in, as it was allocated.
  package var memory: UnsafeMutableRawPointer
  /// Where the region would begin if all of it lay as its last mapping does.
  package var base: UnsafeMutableRawPointer
  package var mappingCount: UInt32
  /// Who the process is to locks (OwnedLock).
  package var owner: UInt32
  /// The file that a shared region lies in.
  package var file: UnsafeMutablePointer<SharedFileWords>?
  /// When somebody last asked whether another process is dead (Region+Sharing).
  package let deathAskedNs: Atomic<UInt64>
}

/// Memory that the system has mapped for the region.
package struct Mapping {
  package var address: UnsafeMutableRawPointer
  package var size: UInt64
}

/// Where a process has the parts of a shard. A part that grows lies in runs of
/// doubling size, and has an address here for each doubling (Places.swift).
package enum ShardMap {
  package static let words = Part<ShardMapWords>(at: 0)
  package static let arena: Part<InlineArray<32, UnsafeMutableRawPointer>> = words.next()
  /// Where each of them ends, in bytes from the arena's start.
  package static let arenaEnds: Part<InlineArray<32, UInt64>> = arena.next()
  package static let buckets: Part<InlineArray<32, UnsafeMutableRawPointer>> = arenaEnds.next()
  package static let overflow: Part<InlineArray<32, UnsafeMutableRawPointer>> = buckets.next()
  package static let pages: Part<InlineArray<32, UnsafeMutableRawPointer>> = overflow.next()
  package static let sketch: Part<InlineArray<32, UnsafeMutableRawPointer>> = pages.next()
  package static let ghosts: Part<InlineArray<32, UnsafeMutableRawPointer>> = sketch.next()
  package static let shadows: Part<InlineArray<32, UnsafeMutableRawPointer>> = ghosts.next()

  package static let stride = (shadows.end + 63) / 64 * 64

  /// The most bytes an arena can have: what 32 bits of reference reach.
  package static let arenaMax: UInt64 = 1 << 35
}

/// The same for whatever the shard does.
package struct ShardMapWords {
  /// The map of the region.
  package var region: UnsafeMutableRawPointer
  package var number: UInt32
  /// Who the process is to locks (OwnedLock).
  package var owner: UInt32
  /// Not 0 in the child of a fork, which some of the parent's threads may have left
  /// something to.
  package var isForked: UInt32

  package init(region: UnsafeMutableRawPointer, number: UInt32, owner: UInt32) {
    self.region = region
    self.number = number
    self.owner = owner
    isForked = 0
  }
}
