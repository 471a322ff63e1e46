/// What the engine knows about each 4 KiB page of an arena: where the first
/// block in it begins, and when the next of its entries is due.
///
/// Deadlines are kept by page rather than by entry: a page of small entries
/// has some forty of them, and one record of 32 bytes stands for all. That is
/// under one byte an entry where the links of a timer wheel would be eight,
/// and expiring a page walks memory in order. `first` is what makes a page
/// walkable, since blocks do not begin where pages do.
package struct PageTable {
  package typealias Index = UInt32

  package static let unitsPerPage: UInt32 = 512

  private let places: PagePlaces

  @inline(__always)
  package init(places: PagePlaces) { self.places = places }

  @inline(__always)
  private func record(_ page: Index) -> UnsafeMutablePointer<PageRecord> {
    places[page].assumingMemoryBound(to: PageRecord.self)
  }

  @inline(__always)
  package static func page(of ref: Ref) -> Index { ref / unitsPerPage }

  @inline(__always)
  package subscript(page: Index) -> PageRecord {
    get { record(page).pointee }
    nonmutating _modify { yield &record(page).pointee }
  }

  /// The first block that begins in the page, or 0.
  @inline(__always)
  package func firstBlock(in page: Index) -> Ref {
    let first = record(page).pointee.first
    return first == 0 ? 0 : page * PageTable.unitsPerPage + Ref(first) - 1
  }

  /// Nothing is known of the page.
  func reset(_ page: Index) {
    record(page).pointee = PageRecord(
      previous: 0, next: 0, previousListed: 0, nextListed: 0, due: 0, first: 0,
      expiredCount: 0, slot: 0, windowedCount: 0, isListed: 0)
  }

  /// A block begins at `ref` from now on.
  @inline(__always)
  package func addBoundary(_ ref: Ref) {
    let record = record(PageTable.page(of: ref))
    let position = UInt16(ref % PageTable.unitsPerPage) + 1
    if record.pointee.first == 0 || record.pointee.first > position {
      record.pointee.first = position
    }
  }

  /// No block begins at `ref` any more; the next after it begins at `next`, or
  /// nowhere if that is at or beyond `top`.
  @inline(__always)
  package func removeBoundary(_ ref: Ref, next: Ref, top: Ref) {
    let page = PageTable.page(of: ref)
    let position = UInt16(ref % PageTable.unitsPerPage) + 1
    let record = record(page)
    guard record.pointee.first == position else { return }
    let isSamePage = next < top && PageTable.page(of: next) == page
    record.pointee.first = isSamePage ? UInt16(next % PageTable.unitsPerPage) + 1 : 0
  }
}
