import CPlatform

/// Which pages of a region that was filled before are somebody's, so that no two parts have
/// the same.
struct TakenPages: ~Copyable {
  private let words: UnsafeMutablePointer<UInt64>
  private let pages: UInt64

  /// Of a region whose header has been checked: what it begins with is taken.
  static func of(_ region: Region) throws(CorruptRegion) -> TakenPages {
    let space = RegionPage.space(in: region.base)
    guard let taken = TakenPages(count: space.pointee.used / UInt64(Geometry.page)) else {
      throw CorruptRegion(what: "memory to check the region with")
    }
    let isTaken = taken.take(0..<region.header.pointee.geometry.fixedSize)
    try require(isTaken, "what the region begins with")
    return taken
  }

  private init?(count: UInt64) {
    guard let memory = calloc(Int(count / 64 + 1), 8) else { return nil }
    words = memory.assumingMemoryBound(to: UInt64.self)
    pages = count
  }

  deinit { free(words) }

  /// Whole pages for a run; false if they are not there, or another's.
  func take(_ run: Range<UInt64>) -> Bool {
    let page = UInt64(Geometry.page)
    let end = (run.upperBound + page - 1) / page
    var number = run.lowerBound / page
    guard run.lowerBound % page == 0, end <= pages else { return false }
    while number < end {
      let (word, bit) = (Int(number / 64), number % 64)
      let count = min(64 - bit, end - number)
      let mask = (UInt64.max >> (64 - count)) << bit
      if words[word] & mask != 0 { return false }
      words[word] |= mask
      number += count
    }
    return true
  }
}
