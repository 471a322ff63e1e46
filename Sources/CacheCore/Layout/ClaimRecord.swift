import Synchronization

/// Of a shard's claims (ClaimTable.swift). Changed under the shard's lock. What others read
/// without it comes last, so that it does not lie where the struct begins: to
/// ThreadSanitizer a change of any other field is one of that place.
package struct ClaimState: ~Copyable {
  /// The last token given, without the shard's number; only ever larger.
  package var lastToken: UInt64
  /// Records that were ever in use; those beyond are zeros.
  package var everUsed: UInt32
  /// The first record that is free again, plus one; linked by `next`.
  package var firstFree: UInt32
  /// By age, plus one.
  package var oldest: UInt32
  package var newest: UInt32
  /// Odd while the table changes. What readers without the lock compare.
  package let sequence: Atomic<UInt32>
  /// Records in use.
  package let count: Atomic<UInt32>
}

/// A shard's table of claims, of as many as the geometry says.
package enum ClaimTableLayout {
  package static let records = Part<ClaimRecord>(at: 0)

  /// Behind the records as many words: the first claim of each chain, plus one.
  package static func heads(claims: UInt32) -> Part<Atomic<UInt32>> {
    Part(at: Int(claims) * MemoryLayout<ClaimRecord>.stride)
  }

  /// Whole cache lines.
  package static func size(claims: UInt32) -> UInt64 {
    let end = heads(claims: claims).offset + Int(claims) * MemoryLayout<Atomic<UInt32>>.stride
    return UInt64((end + CacheLine.size - 1) / CacheLine.size * CacheLine.size)
  }
}

/// Who computes the value of a key, or that nobody is to for a while. Links are places
/// plus one; 0 is the end.
package struct ClaimRecord: ~Copyable {
  /// The tick at which it began.
  package var start: UInt64
  /// The process that computes it, as locks know it (OwnedLock).
  package let owner: Atomic<UInt32>
  /// In order of age. There are no more than Geometry.claimCountMax.
  package var older: UInt16
  package var newer: UInt16
  /// The next in its chain, or in the list of free records.
  package let next: Atomic<UInt32>
  /// The whole hash of the key, which stands for it.
  package let hash: Atomic<UInt64>
  /// 0: a pause.
  package let token: Atomic<UInt64>
  /// The tick from which on it is void.
  package let end: Atomic<UInt64>
  package var keySize: UInt16
  /// How the key begins.
  package var keyHead: InlineArray<16, UInt8>
}

/// Where threads sleep until a claim ends (ClaimWaiters.swift).
package struct ClaimWait: ~Copyable {
  /// Changes whenever a claim ends while somebody sleeps here.
  package let changes: Atomic<UInt32>
  /// Threads that sleep here or are about to.
  package let sleepers: Atomic<UInt32>
}
