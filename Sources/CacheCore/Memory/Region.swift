import CPlatform
import Synchronization

/// What holds everything a cache remembers between calls, and nothing else: no
/// pointer into it or out of it is stored in it, so that it works wherever it is
/// mapped. What it refers to, it refers to by offsets.
///
///     first words    what the cache is, and its bounds
///     shard 0        control | page records | buckets | arena
///     shard 1        ...
///     later          runs of those, and of the others that grow, as they were needed
///
/// What it begins with lies in one mapping, at `base`; where a process has the rest,
/// its map says (RegionMap, AddressSpace.swift).
package struct Region {
  package let base: UnsafeMutableRawPointer
  package let map: UnsafeMutableRawPointer

  @inline(__always)
  package init(base: UnsafeMutableRawPointer, map: UnsafeMutableRawPointer) {
    self.base = base
    self.map = map
  }

  // MARK: Making

  /// What is mapped at `base`, with a map of it for so many shards; nil if there is no
  /// memory for that.
  package static func adopt(
    _ base: UnsafeMutableRawPointer, size: UInt64, shards: UInt32
  ) -> Region? {
    guard let memory = calloc(1, RegionMap.size(shards: shards) + CacheLine.size) else {
      return nil
    }
    let map = memory.alignedUp(toMultipleOf: CacheLine.size)
    RegionMap.words(in: map).pointee.memory = memory
    RegionMap.words(in: map).pointee.owner = OwnedLock.privateOwner
    let region = Region(base: base, map: map)
    region.space.begin(base, size: size)
    return region
  }

  /// Takes all of it away from this process, and the map.
  package func free() {
    if let words = RegionMap.words(in: map).pointee.file {
      let file = SharedFile(words: words)
      if isReadOnly { file.endLooking() } else { processes.leave() }
      file.unmap()
      file.close()
    } else {
      space.unmap()
    }
    freeMap()
  }

  /// The map alone.
  package func freeMap() { CPlatform.free(RegionMap.words(in: map).pointee.memory) }

  // MARK: Its first words

  package var header: UnsafeMutablePointer<RegionHeader> {
    @inline(__always) get { RegionPage.header(in: base) }
  }

  package var space: AddressSpace { AddressSpace(region: base, map: map) }

  package var pagesUsed: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { RegionPage.pagesUsed(in: base).pointee.word }
  }
  package var entriesUsed: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { RegionPage.entriesUsed(in: base).pointee.word }
  }
  package var entriesLimit: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { bounds.pointee.entries.word }
  }
  package var bytesLimit: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { bounds.pointee.bytes.word }
  }
  /// Whole pages within the bound in bytes; nil: no bound.
  package var pagesLimit: UInt64? {
    let bytes = bytesLimit.relaxed
    return bytes == UInt64.max ? nil : bytes / UInt64(Geometry.page)
  }
  /// The bounds as options say them; 0: none.
  package var maxEntries: UInt64 { entriesLimit.relaxed == UInt64.max ? 0 : entriesLimit.relaxed }
  package var maxBytes: UInt64 { bytesLimit.relaxed == UInt64.max ? 0 : bytesLimit.relaxed }
  package var manualMs: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { RegionPage.manualMs(in: base).pointee.word }
  }
  package var hastenBefore: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { RegionPage.hastenBefore(in: base).pointee.word }
  }

  /// The page that is seldom used.
  package var tail: UnsafeMutableRawPointer {
    base + Int(truncatingIfNeeded: header.pointee.geometry.tailOffset)
  }
  package var jitterState: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { RegionTail.jitterState(in: tail).pointee.word }
  }

  private var bounds: UnsafeMutablePointer<RegionBounds> {
    @inline(__always) get { RegionPage.bounds(in: base) }
  }
}
