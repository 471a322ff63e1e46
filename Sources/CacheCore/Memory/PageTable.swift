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

  /// 32 bytes a page. Links are page indexes plus one; 0 is the end.
  package struct Record {
    /// In the list of the wheel slot this page is filed in.
    package var previous: UInt32
    package var next: UInt32
    /// In the list of pages that hold expired entries.
    package var previousDue: UInt32
    package var nextDue: UInt32
    /// When the page is next to be looked at; 0: not filed in the wheel.
    package var due: UInt64
    /// Where the first block begins, in units from the page's start, plus one;
    /// 0: none begins here.
    package var first: UInt16
    /// Entries in it that are marked as expired.
    package var expiredCount: UInt16
    /// The wheel slot it is filed in.
    package var slot: UInt16
    package var isDueListed: UInt16
  }

  package static let unitsPerPage: UInt32 = 512

  package let records: UnsafeMutablePointer<Record>

  package init(records: UnsafeMutablePointer<Record>) { self.records = records }

  @inline(__always)
  package static func page(of ref: Ref) -> Index { ref / unitsPerPage }

  @inline(__always)
  package subscript(page: Index) -> Record {
    get { records[Int(page)] }
    nonmutating _modify { yield &records[Int(page)] }
  }

  /// The first block that begins in the page, or 0.
  @inline(__always)
  package func firstBlock(in page: Index) -> Ref {
    let first = records[Int(page)].first
    return first == 0 ? 0 : page * PageTable.unitsPerPage + Ref(first) - 1
  }

  /// A block begins at `ref` from now on.
  @inline(__always)
  package func addBoundary(_ ref: Ref) {
    let page = Int(PageTable.page(of: ref))
    let position = UInt16(ref % PageTable.unitsPerPage) + 1
    if records[page].first == 0 || records[page].first > position {
      records[page].first = position
    }
  }

  /// No block begins at `ref` any more; the next after it begins at `next`, or
  /// nowhere if that is at or beyond `top`.
  @inline(__always)
  package func removeBoundary(_ ref: Ref, next: Ref, top: Ref) {
    let page = PageTable.page(of: ref)
    let position = UInt16(ref % PageTable.unitsPerPage) + 1
    guard records[Int(page)].first == position else { return }
    let isSamePage = next < top && PageTable.page(of: next) == page
    records[Int(page)].first = isSamePage ? UInt16(next % PageTable.unitsPerPage) + 1 : 0
  }
}
