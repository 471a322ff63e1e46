import CPlatform
import Synchronization

/// One block of the arena: an entry, or a hole between entries.
///
///     previous, next   in the recency list; in a hole: in its bin
///     version          version 48 | spare 2 | unfinished 1 | dead 1 | leases 12
///     access           last used 40 | key size 16 | flags 8
///     expiry           deadline 40 | segment 3 | uses 2 | marks 2 | value size 17
///     key bytes, then value bytes
///
/// 32 bytes beyond key and value, and everything `inspect` reports is exact.
/// A value of 128 KiB or more does not fit the 17 bits: its size follows the
/// header as a u64, before the key, and the flag `isLong` says so.
///
/// An entry may have a *window*: a time after its deadline, in which nobody finds it but
/// who asks for a stale value or whether there is none. Then a word with the window's end
/// precedes the key, and the flag `hasWindow` says so. One whose deadline is 0 was never
/// live: an *absence*, which says that there is no value under this key.
///
/// A hole keeps its size in units in the low half of `version` and, for its right
/// neighbour, in its last four bytes; `access` holds the flags alone. Which of its pages
/// are back with the system is in the high half of `version`, the first, and in
/// `expiry`, in place of a deadline, how many (Arena+Trim.swift).
///
/// Readers look at `access`, `expiry` and the bytes without a lock, and may look at
/// a block that is no longer what they took it for; they find out before they
/// use anything (Shard+Lookup.swift). Two words they also change, under a pin
/// that keeps the block from becoming something else meanwhile: `access`, to set
/// the time of last use, and `version`, to count a lease. So whoever holds the
/// lock changes these two atomically as well, which costs; what it changes often,
/// segment, uses and marks, is in `expiry`, which nobody else writes.
package struct Entry {
  package static let headerSize = MemoryLayout<EntryHeader>.size
  package static let longHeaderSize = headerSize + MemoryLayout<LongValueSize>.size
  package static let windowSize = MemoryLayout<EntryWindow>.size
  package static let holeEndSize = MemoryLayout<HoleEnd>.size
  package static let unit = 8
  /// The smallest block: a header and room for a hole's trailing size.
  package static let unitsMin: UInt32 = 5
  package static let leasesMax: UInt64 = 4095
  package static let shortValueSizeMax: UInt64 = (1 << 17) - 1

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  private var header: UnsafeMutablePointer<EntryHeader> {
    @inline(__always) get { base.assumingMemoryBound(to: EntryHeader.self) }
  }

  // MARK: Links

  package var previous: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { header.pointee.previous.word }
  }
  package var next: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { header.pointee.next.word }
  }

  // MARK: The three words

  package var versionWord: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { header.pointee.version.word }
  }
  package var accessWord: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { header.pointee.access.word }
  }
  package var expiryWord: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { header.pointee.expiry.word }
  }

  /// Of an entry that is flagged as long.
  package var longValueSize: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get {
      (base + Entry.headerSize).assumingMemoryBound(to: LongValueSize.self).pointee.bytes.word
    }
  }

  /// Of the hole that ends at `end`.
  @inline(__always)
  static func holeUnits(
    before end: UnsafeMutableRawPointer
  ) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (end - holeEndSize).assumingMemoryBound(to: HoleEnd.self).pointee.units.word
  }

  /// `access`, taken apart.
  package struct Access {
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
    /// Whether it is an entry with a key of this size that follows the header.
    @inline(__always) package func isPlain(keySize: Int) -> Bool {
      word & (0xFFFF << 8 | Flag.hole | Flag.contents)
        == UInt64(truncatingIfNeeded: keySize) << 8
    }
    package var isFence: Bool { word & Flag.contents == Flag.fence }
    @inline(__always) package var hasWindow: Bool { word & Flag.window != 0 }
    @inline(__always) package var keyOffset: Int {
      headerSize &+ Int(truncatingIfNeeded: word & Flag.extraBytes)
    }
    @inline(__always)
    package func used(at now: UInt64) -> UInt64 { word & 0xFF_FFFF | now << 24 }
  }

  /// The low eight bits of `access`. Only the holder of the shard's lock changes
  /// them.
  package enum Flag {
    package static let hole: UInt64 = 1
    /// This hole waits for its pages to be returned to the system.
    package static let waiting: UInt64 = 1 << 1
    /// Of an entry: the size of its value follows the header.
    package static let long: UInt64 = 1 << 1
    /// A window's end follows the header.
    package static let window: UInt64 = 1 << 2
    /// How many bytes of these follow it: 0, 8 or 16.
    package static let extraBytes: UInt64 = 3 << 3
    /// What a block's flags say of its contents.
    package static let contents = long | window | extraBytes
    /// Takes what is left of a run, and is dead from the beginning. No entry has these
    /// flags: one that is long and has a window has two words more, not one.
    package static let fence = long | window | 1 << 3
    /// Units the block has beyond what its contents need: 3 bits.
    package static let slackShift: UInt64 = 5
    package static let slackMax: UInt64 = 7
    package static let all: UInt64 = 0xFF

    /// The flags of what an entry contains.
    @inline(__always)
    package static func contents(isLong: Bool, hasWindow: Bool) -> UInt64 {
      (isLong ? long + 8 : 0) &+ (hasWindow ? window + 8 : 0)
    }
  }

  /// Bits 17 to 23 of `expiry`. A hole has none of them.
  package enum Mark {
    /// The block to the left is a hole.
    package static let afterHole: UInt64 = 1 << 17
    /// Counted as expired and waiting to be removed.
    package static let expired: UInt64 = 1 << 18
    /// Uses that the policy has not written down elsewhere yet.
    package static let usesShift: UInt64 = 19
    package static let use: UInt64 = 1 << usesShift
    package static let uses: UInt64 = 3 << usesShift
    /// Where the policy has it.
    package static let segmentShift: UInt64 = 21
    package static let segment: UInt64 = 7 << segmentShift
    package static let all: UInt64 = afterHole | expired | uses | segment
  }

  /// `version`, taken apart.
  package enum VersionWord {
    package static let leaseMask: UInt64 = 0xFFF
    package static let dead: UInt64 = 1 << 12
    /// A value is being written over the present one, in place.
    package static let unfinished: UInt64 = 1 << 13
    package static let versionShift: UInt64 = 16
    /// Bits of a version below the millisecond: a key can change a thousand
    /// times within one before its age is understated.
    package static let versionFractionBits: UInt64 = 10
  }

  /// The time after its deadline in which an entry is still of use to some, and what it
  /// took to compute.
  package struct Window {
    package var word: UInt64
    /// No window.
    package static let none = Window(word: 0)
    /// Longer computations count as so long.
    package static let computeMsMax: UInt64 = (1 << 23) - 1
    private static let counted: UInt64 = 1 << 23

    @inline(__always) package init(word: UInt64) { self.word = word }
    @inline(__always)
    package init(end: UInt64, computeMs: UInt64) {
      word = end << 24 | min(computeMs, Window.computeMsMax)
    }
    @inline(__always) package var isNone: Bool { word == 0 }
    @inline(__always) package var end: UInt64 { word >> 24 }
    @inline(__always) package var computeMs: UInt64 { word & Window.computeMsMax }
    /// Whether the entry is counted as stale or absent. For the holder of the lock.
    @inline(__always) package var isCounted: Bool {
      get { word & Window.counted != 0 }
      set { word = newValue ? word | Window.counted : word & ~Window.counted }
    }
  }

  /// `expiry`, taken apart.
  package struct Expiry {
    package let word: UInt64
    @inline(__always) package init(_ word: UInt64) { self.word = word }
    @inline(__always)
    package init(deadline: UInt64, shortValueSize: UInt64, marks: UInt64) {
      word = deadline << 24 | marks | shortValueSize
    }
    @inline(__always) package var deadline: UInt64 { word >> 24 }
    /// Of an entry with a window.
    @inline(__always) package var isAbsence: Bool { deadline == 0 }
    @inline(__always) package var marks: UInt64 { word & Mark.all }
    @inline(__always) package var shortValueSize: UInt64 { word & shortValueSizeMax }
  }

  // MARK: What follows from them

  @inline(__always) package var access: Access { Access(accessWord.relaxed) }
  @inline(__always) package var expiry: Expiry { Expiry(expiryWord.relaxed) }
  @inline(__always) package var version: UInt64 { versionWord.relaxed >> VersionWord.versionShift }
  /// When its value was stored, in milliseconds.
  @inline(__always)
  package var storedMs: UInt64 { version >> VersionWord.versionFractionBits }
  @inline(__always) package var isDead: Bool { versionWord.relaxed & VersionWord.dead != 0 }
  @inline(__always) package var leases: UInt64 { versionWord.relaxed & VersionWord.leaseMask }

  package var isUnfinished: Bool { versionWord.relaxed & VersionWord.unfinished != 0 }

  /// What is written from here on replaces the present value, byte by byte: should its
  /// writer die, the entry is neither. Readers are kept away, and nobody has leased it.
  package func beginOverwriting() -> Bool {
    var word = versionWord.relaxed
    while word & VersionWord.leaseMask == 0 {
      let (exchanged, original) = versionWord.pointee.compareExchange(
        expected: word, desired: word | VersionWord.unfinished, ordering: .acquiringAndReleasing)
      if exchanged {
        atomicMemoryFence(ordering: .releasing)
        return true
      }
      word = original
    }
    return false
  }

  package func finishOverwriting() {
    let word = versionWord.relaxed & ~VersionWord.unfinished
    versionWord.pointee.store(word, ordering: .releasing)
  }

  /// Whether somebody has leased the value; what was read under a lease that has
  /// ended comes before this.
  @inline(__always)
  package var isLeased: Bool {
    versionWord.pointee.load(ordering: .acquiring) & VersionWord.leaseMask != 0
  }

  /// Marks an entry that nothing refers to any more. Whoever comes last, this or
  /// the end of a lease, frees the block: true if it is the caller.
  package func markDead() -> Bool {
    versionWord.pointee.bitwiseOr(VersionWord.dead, ordering: .acquiringAndReleasing).oldValue
      & VersionWord.leaseMask == 0
  }

  /// Of a hole: the pages in it that are back with the system, by their numbers in
  /// the arena.
  package var returnedPages: Range<UInt32> {
    @inline(__always) get {
      let first = UInt32(truncatingIfNeeded: versionWord.relaxed >> 32)
      let count = UInt32(truncatingIfNeeded: expiry.deadline)
      return Range(uncheckedBounds: (first, first &+ count))
    }
    nonmutating set {
      versionWord.relaxed = UInt64(newValue.lowerBound) << 32 | UInt64(units)
      expiryWord.relaxed =
        Expiry(deadline: UInt64(newValue.count), shortValueSize: 0, marks: 0).word
    }
  }

  @inline(__always)
  package func valueSize(_ access: Access, _ expiry: Expiry) -> UInt64 {
    access.isLong ? longValueSize.relaxed : expiry.shortValueSize
  }

  @inline(__always)
  package func key(_ access: Access) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + access.keyOffset, count: access.keySize)
  }

  /// Units of the block beyond what its contents need.
  package var slack: UInt32 { UInt32(access.word >> Flag.slackShift & Flag.slackMax) }

  /// There are some more, and room for their number.
  func addSlack(_ units: UInt32) {
    accessWord.pointee.wrappingAdd(UInt64(units) << Flag.slackShift, ordering: .relaxed)
  }

  /// The block's size. For the holder of the lock.
  package var units: UInt32 {
    let access = self.access
    if access.isHole { return UInt32(truncatingIfNeeded: versionWord.relaxed) }
    let bytes = UInt64(access.keyOffset + access.keySize) + valueSize(access, expiry)
    let slack = UInt32(access.word >> Flag.slackShift & Flag.slackMax)
    return max(UInt32(truncatingIfNeeded: (bytes + 7) / 8), Entry.unitsMin) + slack
  }

  /// Whether the header, which may hold anything, can be that of an entry of at most so many
  /// bytes: its flags say what an entry with these sizes contains.
  @inline(__always)
  package func canBeEntry(within room: UInt64) -> Bool {
    let access = self.access
    return access.keySize > 0 && !access.isHole
      && access.word & Flag.contents
        == Flag.contents(isLong: access.isLong, hasWindow: access.hasWindow)
      && access.isLong == (valueSize(access, expiry) > Entry.shortValueSizeMax)
      && fits(within: room)
  }

  /// Whether what the header says that follows it is at most so many bytes with it.
  @inline(__always)
  package func fits(within room: UInt64) -> Bool {
    let access = self.access
    let valueSize = valueSize(access, expiry)
    return valueSize <= room && UInt64(access.keyOffset + access.keySize) + valueSize <= room
  }

  /// The word of an entry with a window.
  private func windowWord(_ access: Access) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (base + access.keyOffset - Entry.windowSize).assumingMemoryBound(to: EntryWindow.self)
      .pointee.word.word
  }

  @inline(__always)
  package func window(_ access: Access) -> Window {
    access.hasWindow ? Window(word: windowWord(access).relaxed) : Window.none
  }

  /// For the holder of the lock, of an entry with a window.
  package func setWindow(_ window: Window, _ access: Access) {
    windowWord(access).relaxed = window.word
  }

  /// The units an entry takes, or nil if no arena could hold it.
  @inline(__always)
  package static func unitsNeeded(
    keySize: Int, valueSize: UInt64, hasWindow: Bool = false
  ) -> UInt32? {
    // 2^36 is more than an arena's 32 GiB; below it nothing here overflows.
    guard valueSize < 1 << 36 else { return nil }
    let isLong = valueSize > shortValueSizeMax
    let header = (isLong ? longHeaderSize : headerSize) + (hasWindow ? windowSize : 0)
    let bytes = UInt64(header) + UInt64(keySize) + valueSize
    let units = (bytes + 7) / 8
    guard units < UInt64(UInt32.max) else { return nil }
    return max(UInt32(units), unitsMin)
  }

  @inline(__always)
  package func setFlag(_ flag: UInt64) { accessWord.pointee.bitwiseOr(flag, ordering: .relaxed) }

  package func clearFlag(_ flag: UInt64) {
    accessWord.pointee.bitwiseAnd(~flag, ordering: .relaxed)
  }

  @inline(__always)
  package func hasFlag(_ flag: UInt64) -> Bool { accessWord.relaxed & flag != 0 }

  @inline(__always)
  package func setMark(_ mark: UInt64) { expiryWord.relaxed |= mark }

  @inline(__always)
  package func clearMark(_ mark: UInt64) { expiryWord.relaxed &= ~mark }

  @inline(__always)
  package func hasMark(_ mark: UInt64) -> Bool { expiryWord.relaxed & mark != 0 }

  /// Fills a block that no reader can know of yet, or must not believe. `blockFlags`: what
  /// the arena says of the block.
  @inline(__always)
  package func write(
    key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, version: UInt64,
    deadline: UInt64, window: Window, now: UInt64, blockFlags: UInt64, marks: UInt64 = 0,
    versionFlags: UInt64 = 0
  ) {
    let valueSize = UInt64(value.count)
    let isLong = valueSize > Entry.shortValueSizeMax
    let newAccess = Access(
      lastUsed: now, keySize: key.count,
      flags: blockFlags & Flag.all | Flag.contents(isLong: isLong, hasWindow: !window.isNone))
    platform_copy(base + newAccess.keyOffset, key.baseAddress!, key.count)
    if isLong { longValueSize.relaxed = valueSize }
    if !window.isNone { windowWord(newAccess).relaxed = window.word }
    expiryWord.relaxed =
      Expiry(
        deadline: deadline, shortValueSize: isLong ? 0 : valueSize,
        marks: marks | blockFlags & Mark.afterHole
      ).word
    versionWord.relaxed = version << VersionWord.versionShift | versionFlags
    if !value.isEmpty {
      platform_copy(base + newAccess.keyOffset + key.count, value.baseAddress!, value.count)
    }
    accessWord.relaxed = newAccess.word
  }
}
