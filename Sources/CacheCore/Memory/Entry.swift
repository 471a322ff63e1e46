import CPlatform
import Synchronization

/// A place in a shard's arena, in units of 8 bytes from its start. 0 is no
/// place. 32 bits of it reach 32 GiB, at half the size of a pointer, and stay
/// true wherever the region is mapped.
package typealias Ref = UInt32

/// One block of the arena: an entry, or a hole between entries.
///
///     0  previous   u32   in the recency list; in a hole: in its bin
///     4  next       u32
///     8  identity   u64   version 48 | spare 3 | dead 1 | leases 12
///    16  use        u64   last used 40 | key size 16 | flags 8
///    24  term       u64   deadline 40 | segment 3 | marks 2 | value size 19
///    32  key bytes, then value bytes
///
/// 32 bytes beyond key and value, and everything `inspect` reports is exact.
/// A value of 512 KiB or more does not fit the 19 bits: its size follows the
/// header as a u64, before the key, and the flag `isLong` says so.
///
/// A hole keeps its size in units in `identity` and, for its right neighbour,
/// in its last four bytes; `use` holds the flags alone, and `term`, in place of a
/// deadline, how many of its inner bytes are back with the system.
///
/// Readers look at `use`, `term` and the bytes without a lock, and may look at
/// a block that is no longer what they took it for; they find out before they
/// use anything (Shard+Lookup.swift). Two words they also change, under a guard
/// that keeps the block from becoming something else meanwhile: `use`, to set
/// the time of last use, and `identity`, to count a lease. So whoever holds the
/// lock changes these two atomically as well, which costs; what it changes often,
/// segment and marks, is in `term`, which nobody else writes.
package struct Entry {
  package static let headerSize = 32
  package static let unit = 8
  /// The smallest block: a header and room for a hole's trailing size.
  package static let unitsMin: UInt32 = 5
  package static let leasesMax: UInt64 = 4095
  package static let shortValueSizeMax: UInt64 = (1 << 19) - 1

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  // MARK: Links

  package var previous: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { base.atomic32(0) }
  }
  package var next: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { base.atomic32(4) }
  }

  // MARK: The three words

  package var identity: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { base.atomic64(8) }
  }
  package var use: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { base.atomic64(16) }
  }
  package var term: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { base.atomic64(24) }
  }

  /// `use`, taken apart.
  package struct Use {
    package let word: UInt64
    @inline(__always) package init(_ word: UInt64) { self.word = word }
    @inline(__always)
    package init(lastUsed: UInt64, keySize: Int, flags: UInt64) {
      word = lastUsed << 24 | UInt64(keySize) << 8 | flags
    }
    @inline(__always) package var lastUsed: UInt64 { word >> 24 }
    @inline(__always) package var keySize: Int { Int(word >> 8 & 0xFFFF) }
    @inline(__always) package var isHole: Bool { word & Flag.hole != 0 }
    @inline(__always) package var isLong: Bool { word & Flag.long != 0 }
    @inline(__always) package var keyOffset: Int { headerSize + (isLong ? 8 : 0) }
    @inline(__always)
    package func used(at now: UInt64) -> UInt64 { word & 0xFF_FFFF | now << 24 }
  }

  /// The low eight bits of `use`. Only the holder of the shard's lock changes
  /// them.
  package enum Flag {
    package static let hole: UInt64 = 1
    package static let long: UInt64 = 2
    /// The inner pages of this hole are back with the system.
    package static let discarded: UInt64 = 4
    /// Units the block has beyond what its contents need: 3 bits.
    package static let slackShift: UInt64 = 4
  }

  /// Bits 19 to 23 of `term`. A hole has none of them.
  package enum Mark {
    /// The block to the left is a hole.
    package static let afterHole: UInt64 = 1 << 19
    /// Counted as expired and waiting to be removed.
    package static let expired: UInt64 = 1 << 20
    /// Where the policy has it.
    package static let segmentShift: UInt64 = 21
    package static let segment: UInt64 = 7 << segmentShift
    package static let all: UInt64 = afterHole | expired | segment
  }

  /// `identity`, taken apart.
  package enum Identity {
    package static let leaseMask: UInt64 = 0xFFF
    package static let dead: UInt64 = 1 << 12
    package static let versionShift: UInt64 = 16
    /// Bits of a version below the millisecond: a key can change a thousand
    /// times within one before its age is understated.
    package static let versionFractionBits: UInt64 = 10
  }

  /// `term`, taken apart.
  package struct Term {
    package let word: UInt64
    @inline(__always) package init(_ word: UInt64) { self.word = word }
    @inline(__always)
    package init(deadline: UInt64, shortValueSize: UInt64, marks: UInt64) {
      word = deadline << 24 | marks | shortValueSize
    }
    @inline(__always) package var deadline: UInt64 { word >> 24 }
    @inline(__always) package var marks: UInt64 { word & Mark.all }
    @inline(__always) package var shortValueSize: UInt64 { word & shortValueSizeMax }
  }

  // MARK: What follows from them

  @inline(__always) package var useNow: Use { Use(use.relaxed) }
  @inline(__always) package var termNow: Term { Term(term.relaxed) }
  @inline(__always) package var version: UInt64 { identity.relaxed >> Identity.versionShift }
  /// When its value was stored, in milliseconds.
  @inline(__always)
  package var storedMs: UInt64 { version >> Identity.versionFractionBits }
  @inline(__always) package var isDead: Bool { identity.relaxed & Identity.dead != 0 }
  @inline(__always) package var leases: UInt64 { identity.relaxed & Identity.leaseMask }

  /// Whether somebody has leased the value; what was read under a lease that has
  /// ended comes before this.
  @inline(__always)
  package var isLeased: Bool {
    identity.pointee.load(ordering: .acquiring) & Identity.leaseMask != 0
  }

  /// Marks an entry that nothing refers to any more. Whoever comes last, this or
  /// the end of a lease, frees the block: true if it is the caller.
  package func markDead() -> Bool {
    identity.pointee.bitwiseOr(Identity.dead, ordering: .acquiringAndReleasing).oldValue
      & Identity.leaseMask == 0
  }

  /// Of a hole.
  package var discardedBytes: UInt64 {
    get { termNow.deadline }
    nonmutating set { term.relaxed = Term(deadline: newValue, shortValueSize: 0, marks: 0).word }
  }

  @inline(__always)
  package func valueSize(_ use: Use, _ term: Term) -> UInt64 {
    use.isLong ? base.atomic64(Entry.headerSize).relaxed : term.shortValueSize
  }

  @inline(__always)
  package func key(_ use: Use) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + use.keyOffset, count: use.keySize)
  }

  /// The block's size. For the holder of the lock.
  package var units: UInt32 {
    let use = useNow
    if use.isHole { return UInt32(truncatingIfNeeded: identity.relaxed) }
    let bytes = UInt64(use.keyOffset + use.keySize) + valueSize(use, termNow)
    let slack = UInt32(use.word >> Flag.slackShift & 7)
    return max(UInt32(truncatingIfNeeded: (bytes + 7) / 8), Entry.unitsMin) + slack
  }

  /// The units an entry takes, or nil if no arena could hold it.
  @inline(__always)
  package static func unitsNeeded(keySize: Int, valueSize: UInt64) -> UInt32? {
    // 2^36 is more than an arena's 32 GiB; below it nothing here overflows.
    guard valueSize < 1 << 36 else { return nil }
    let isLong = valueSize > shortValueSizeMax
    let bytes = UInt64(headerSize) + (isLong ? 8 : 0) + UInt64(keySize) + valueSize
    let units = (bytes + 7) / 8
    guard units < UInt64(UInt32.max) else { return nil }
    return max(UInt32(units), unitsMin)
  }

  @inline(__always)
  package func setFlag(_ flag: UInt64) { use.pointee.bitwiseOr(flag, ordering: .relaxed) }

  @inline(__always)
  package func hasFlag(_ flag: UInt64) -> Bool { use.relaxed & flag != 0 }

  @inline(__always)
  package func setMark(_ mark: UInt64) { term.relaxed |= mark }

  @inline(__always)
  package func clearMark(_ mark: UInt64) { term.relaxed &= ~mark }

  @inline(__always)
  package func hasMark(_ mark: UInt64) -> Bool { term.relaxed & mark != 0 }

  /// Fills a block that no reader can know of yet, or must not believe.
  @inline(__always)
  package func write(
    key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, version: UInt64,
    deadline: UInt64, now: UInt64, blockFlags: UInt64, marks: UInt64 = 0
  ) {
    let valueSize = UInt64(value.count)
    let isLong = valueSize > Entry.shortValueSizeMax
    let newUse = Use(
      lastUsed: now, keySize: key.count, flags: blockFlags | (isLong ? Flag.long : 0))
    platform_copy(base + newUse.keyOffset, key.baseAddress!, key.count)
    if isLong { base.atomic64(Entry.headerSize).relaxed = valueSize }
    term.relaxed =
      Term(deadline: deadline, shortValueSize: isLong ? 0 : valueSize, marks: marks).word
    identity.relaxed = version << Identity.versionShift
    if !value.isEmpty {
      platform_copy(base + newUse.keyOffset + key.count, value.baseAddress!, value.count)
    }
    use.relaxed = newUse.word
  }
}
