import CPlatform
import Synchronization

/// Where a region gets more of itself from: runs for the parts that grow, cut from
/// mappings that are each half as large as all before them, so that a cache takes few
/// mappings, however many shards it has.
///
/// In the region's own terms it is one stretch that only gets longer, as a file would
/// be; in a process the mappings lie anywhere. A run lies in one of them. Nothing is
/// given back before the cache is freed: memory is (Span.swift), addresses are not.
package struct AddressSpace {
  private let state: UnsafeMutablePointer<SpaceState>
  private let words: UnsafeMutablePointer<RegionMapWords>
  private let mappings: UnsafeMutablePointer<Mapping>

  package init(region: UnsafeMutableRawPointer, map: UnsafeMutableRawPointer) {
    state = RegionPage.space(in: region)
    words = RegionMap.words(in: map)
    mappings = RegionMap.mappings.elements(in: map)
  }

  private var lock: Lock { Lock(state.pointee.lock.word) }

  package struct Run {
    /// From the region's start.
    let offset: UInt64
    let address: UnsafeMutableRawPointer
  }

  /// Whole pages that are nobody's, all zeros; nil if the system refuses. The caller
  /// holds its shard's lock, or is alone.
  func take(_ bytes: UInt64) -> Run? {
    let size = Geometry.roundedToPages(bytes)
    return lock.withLock {
      if state.pointee.size - state.pointee.used < size, !extend(size) { return nil }
      let offset = state.pointee.used
      state.pointee.used += size
      return Run(offset: offset, address: words.pointee.base + Int(offset))
    }
  }

  /// One mapping more, of `least` bytes or more. What is left of the last one is
  /// never used.
  private func extend(_ least: UInt64) -> Bool {
    // A file is as large as it was made.
    if words.pointee.file != nil { return false }
    var size = max(least, Geometry.roundedToPages(state.pointee.size / 2))
    while true {
      if let address = platform_map(Int(size)) {
        guard add(Mapping(address: address, size: size)) else {
          platform_unmap(address, Int(size))
          return false
        }
        state.pointee.used = state.pointee.size
        words.pointee.base = address - Int(state.pointee.used)
        state.pointee.size += size
        return true
      }
      if size == least { return false }
      size = max(least, Geometry.roundedToPages(size / 2))
    }
  }

  /// The kernel puts a mapping below the one before it, if it can: then the two are
  /// one.
  private func add(_ mapping: Mapping) -> Bool {
    let count = Int(words.pointee.mappingCount)
    if count > 0, mapping.address + Int(mapping.size) == mappings[count - 1].address {
      mappings[count - 1].address = mapping.address
      mappings[count - 1].size += mapping.size
      return true
    }
    guard count < RegionMap.mappingsMax else { return false }
    mappings[count] = mapping
    words.pointee.mappingCount += 1
    return true
  }

  /// The first mapping of a region that is new, or of one that was there.
  package func begin(_ address: UnsafeMutableRawPointer, size: UInt64) {
    _ = add(Mapping(address: address, size: size))
    words.pointee.base = address
  }

  /// Takes all of it away, the region's first words too.
  package func unmap() {
    for number in 0..<Int(words.pointee.mappingCount) {
      platform_unmap(mappings[number].address, Int(mappings[number].size))
    }
  }
}
