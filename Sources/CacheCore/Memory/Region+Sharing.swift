import CPlatform
import Synchronization

// A region that processes share: its file, who has it, memory behind its pages.

extension Region {
  /// Whether other processes have it too. Then it lies in one piece, with room for all
  /// that its parts may ever be.
  package var isShared: Bool { owner != OwnedLock.privateOwner }

  /// Whether this process cannot write to it.
  package var isReadOnly: Bool { owner == OwnedLock.readOnlyOwner }

  /// Who this process is to locks in the region.
  package var owner: UInt32 { RegionMap.words(in: map).pointee.owner }

  /// Of a shared region.
  package var file: SharedFile { SharedFile(words: RegionMap.words(in: map).pointee.file!) }

  package var processes: ProcessTable {
    let geometry = header.pointee.geometry
    return ProcessTable(
      base + Int(truncatingIfNeeded: geometry.processesOffset), slots: geometry.processCount,
      file: file)
  }

  package var sharing: UnsafeMutablePointer<SharingWords> { RegionTail.sharing(in: tail) }

  /// What a process says that it holds, by its slot.
  package func tickets(of slot: UInt32) -> UnsafeMutableRawPointer {
    base + Int(truncatingIfNeeded: header.pointee.geometry.ticketsOffset(of: slot))
  }

  /// Makes this process known to locks as `owner`, with which it joined.
  package func setOwner(_ owner: UInt32) {
    RegionMap.words(in: map).pointee.owner = owner
    for number in 0..<header.pointee.shardCount {
      ShardMap.words(in: RegionMap.shard(number, in: map)).pointee.owner = owner
    }
  }

  // MARK: The boot

  /// The monotonic clock goes on for as long as the machine runs, and in one namespace.
  package func setBoot() {
    let (high, low) = Proc.bootId ?? (0, 0)
    sharing.pointee.boot = [high, low]
    sharing.pointee.timeNamespace = Proc.timeNamespace
  }

  package var isOfThisBoot: Bool {
    let (high, low) = Proc.bootId ?? (0, 0)
    let sharing = sharing
    return sharing.pointee.boot[0] == high && sharing.pointee.boot[1] == low
      && sharing.pointee.timeNamespace == Proc.timeNamespace
  }

  // MARK: The dead

  /// As `isDead` of an owner, for those who ask again and again: what is not known yet is
  /// found out once in a millisecond, whoever asks.
  package func isDeadByNow(_ owner: UInt32) -> Bool {
    if processes.isKnownDead(owner) { return true }
    let asked = RegionMap.words(in: map).pointee.deathAskedNs.word
    let (before, now) = (asked.relaxed, platform_coarse_now_ns())
    guard now &- before >= 1_000_000 else { return false }
    asked.relaxed = now
    return processes.isDead(owner)
  }

  // MARK: Memory

  /// Has memory behind pages, whole or in part; false if there is none to be had.
  package func commit(_ address: UnsafeMutableRawPointer, _ bytes: UInt64) -> Bool {
    let start = address.alignedDown(toMultipleOf: Geometry.page)
    return file.commit(start, Geometry.roundedToPages(UInt64(address - start) + bytes))
  }

  /// Whether there is memory behind all of these pages, as the file system says.
  func isCommitted(_ address: UnsafeMutableRawPointer, _ bytes: UInt64) -> Bool {
    let start = UInt64(address.alignedDown(toMultipleOf: Geometry.page) - base)
    return file.isBacked(from: start, to: UInt64(address - base) + bytes)
  }

  /// Gives back the memory behind whole pages of a shared region that nobody else has: a
  /// reader that comes late need not be thought of.
  func clearAlone(_ address: UnsafeMutableRawPointer, _ bytes: UInt64) -> Bool {
    platform_remove_pages(address, Int(bytes)) == 0
  }

  /// Gives back the memory behind whole pages of any region, which read as zeros from then
  /// on.
  func discard(_ address: UnsafeMutableRawPointer, _ bytes: Int) -> Bool {
    if !isShared { return platform_discard(address, bytes) == 0 }
    // Where the pages stay, they are cleared: what is used anew begins with zeros.
    if !file.discard(address, UInt64(bytes)) { memset(address, 0, bytes) }
    return true
  }
}
