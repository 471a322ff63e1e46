/// Of a shard's arena (Arena.swift). Guarded by the shard's lock.
package struct ArenaState {
  /// Where the unused part begins.
  package var top: Ref
  /// Where the last block can end in the run that `top` is in.
  package var limit: Ref
  /// A bit for each row that has a bin with holes.
  package var rowMap: UInt32
  /// Units of the spare; 0: there is none.
  package var spareUnits: UInt32
  /// Units in holes.
  package var holeUnits: UInt64
  /// Units in blocks of entries, lent-out ones included.
  package var usedUnits: UInt64
  /// The page from which the next evacuation looks for a place.
  package var hand: UInt32
  /// The first of the holes that wait for their pages to be returned.
  package var waiting: Ref
  /// Pages in holes that are back with the system.
  package var returnedPages: UInt64
  /// A free block that is no hole.
  package var spare: Ref
  var reserved: UInt32
}

/// The block that takes what is left of a run (Arena.swift).
package struct Fence {
  /// Where it begins; 0: there is none.
  package var ref: Ref
  /// Pages in it that are not charged.
  package var skippedPages: UInt32

  /// The smallest: a header, with a long size.
  package static let unitsMin: UInt32 = 5
}

/// Of a page of the arena (PageTable.swift). Links are page indexes plus one; 0 is
/// the end. Guarded by the shard's lock.
package struct PageRecord {
  /// In the list of the wheel slot this page is filed in.
  package var previous: UInt32
  package var next: UInt32
  /// In the list of pages with expired entries or entries in their window.
  package var previousListed: UInt32
  package var nextListed: UInt32
  /// When the page is next to be looked at; 0: not filed in the wheel.
  package var due: UInt64
  /// Where the first block begins, in units from the page's start, plus one;
  /// 0: none begins here.
  package var first: UInt16
  /// Entries in it that are marked as expired.
  package var expiredCount: UInt16
  /// The wheel slot it is filed in.
  package var slot: UInt16
  /// Entries in it that are counted as stale or absent.
  package var windowedCount: UInt8
  package var isListed: UInt8
}
