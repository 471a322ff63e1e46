import CPlatform
import Synchronization

/// Where a shared cache lies, and what may be there already.
package struct SharingOptions {
  package var path: UnsafePointer<CChar>?
  /// -1: none. With neither there is a new file in memory.
  package var descriptor: Int32 = -1
  /// SharedFile.Flag.
  package var flags: UInt32 = 0
  /// Processes that can share it; 0: 64.
  package var maxProcesses: UInt32 = 0
  package init() {}

  /// What cannot be so, with the options of the cache.
  func mistake(with options: Options) -> Refusal? {
    if flags & ~SharedFile.Flag.all != 0 { return .sharingArguments }
    if maxProcesses > ProcessTable.slotCountMax { return .maxProcesses }
    // The queue of removals is one process's.
    if options.flags & Options.reportRemovals != 0 { return .removals }
    return nil
  }
}

// A cache that processes share. The region is a file's, mapped whole: it has room for all
// that its parts may grow to, and memory only where they have (Span). So a process that
// attaches knows once and for all where everything is.
//
// Everything here happens under the lock of opening (SharedFile), which others who open
// wait for, but not those who have the cache open.

extension Cache {
  /// Makes a shared cache, or attaches to one. nil with the reason in `refusal`.
  package static func openShared(
    _ options: Options, _ sharing: SharingOptions, refusal: inout Refusal
  ) -> Cache? {
    if let mistake = options.mistake ?? sharing.mistake(with: options) {
      refusal = mistake
      return nil
    }
    // Locks on files are taken under this lock (FileLock).
    let region = OpenCaches.lock.withLock { obtain(options, sharing, &refusal) }
    guard let region else { return nil }
    guard let handle = CacheHandle.allocate() else {
      region.free()
      refusal = .memory
      return nil
    }
    ThreadNumber.scatter()
    if let cache = adopt(region, handle) {
      if region.isReadOnly { return cache }
      cache.endInheritedLeases()
      cache.reapDead()
      return cache
    }
    region.free()
    refusal = .forkHandlers
    return nil
  }

  private static func obtain(
    _ options: Options, _ sharing: SharingOptions, _ refusal: inout Refusal
  ) -> Region? {
    var fileRefusal = FileRefusal.noMemory
    guard
      let file = SharedFile.open(
        path: sharing.path, descriptor: sharing.descriptor, flags: sharing.flags,
        refusal: &fileRefusal)
    else {
      refusal = Refusal(fileRefusal)
      return nil
    }
    var region: Region?
    if !file.isEmpty {
      region = find(file, options, &refusal)
      if region == nil, refusal == .anotherBoot, !file.isReadOnly,
        FileLock.isTaken(FileLock.Byte.looking, of: file) == false
      {
        // Of a boot that is over, and perhaps half written back.
        file.unmap()
        refusal = .fileNoSpace
        if file.begin(refusal: &fileRefusal) { region = make(file, options, sharing, &refusal) }
      }
    } else {
      region = make(file, options, sharing, &refusal)
    }
    if let region {
      if file.finish(refusal: &fileRefusal) { return region }
      region.free()
      refusal = Refusal(fileRefusal)
      return nil
    }
    file.unmap()
    file.close()
    return nil
  }

  // MARK: Making one

  private static func make(
    _ file: SharedFile, _ options: Options, _ sharing: SharingOptions, _ refusal: inout Refusal
  ) -> Region? {
    let (shards, stripes) = proportions(options)
    let space = file.space.bytes
    let arena = options.sharedArenaSize(space: space)
    let processes =
      sharing.maxProcesses == 0
      ? ProcessTable.slotCountDefault : sharing.maxProcesses
    let geometry = Geometry(
      shardCount: shards, arenaSize: arena, baseBuckets: options.baseBuckets(shards: shards),
      stripeCount: stripes, claimCount: options.claimCount(shards: shards),
      processCount: processes)
    guard options.maxBytes <= space,
      geometry.fixedPages(shardCount: shards) * UInt64(Geometry.page) <= space
    else {
      refusal = .fileSystemTooSmall
      return nil
    }
    let size = geometry.fixedSize + UInt64(shards) * ShardMemory.reservedSize(arena: arena)
    var fileRefusal = FileRefusal.noMemory
    guard file.setSize(size, refusal: &fileRefusal) else {
      refusal = Refusal(fileRefusal)
      return nil
    }
    guard let region = map(file, size, shards: shards, &refusal) else { return nil }
    refusal = .fileNoSpace
    if commitFixed(region, geometry, shards: shards) {
      writeHeader(region, options, geometry, shards: shards)
      let space = RegionPage.space(in: region.base)
      space.pointee.used = geometry.fixedSize
      space.pointee.size = size
      region.setBoot()
      if join(region, &refusal), makeShards(region, options) {
        // Last: from now on it is a cache.
        atomicMemoryFence(ordering: .releasing)
        region.header.pointee.magic = RegionHeader.magic
        return region
      }
    }
    processesLeave(region)
    region.freeMap()
    return nil
  }

  /// Has memory behind what a region begins with.
  private static func commitFixed(
    _ region: Region, _ geometry: Geometry, shards: UInt32
  ) -> Bool {
    for number in 0..<shards {
      // And one page for entries.
      let size = geometry.arenaOffset + UInt64(Geometry.page)
      let start = geometry.shardOffset(number)
      guard region.commit(region.base + Int(start), size) else { return false }
    }
    let start = geometry.claimsOffset(of: 0, shardCount: shards)
    return region.commit(region.base + Int(start), geometry.ticketsOffset(of: 0) - start)
  }

  // MARK: Attaching to one

  private static func find(
    _ file: SharedFile, _ options: Options, _ refusal: inout Refusal
  ) -> Region? {
    refusal = .layout
    guard let size = file.size, size >= UInt64(Geometry.page), size % UInt64(Geometry.page) == 0,
      let base = file.map(size)
    else { return nil }
    let header = RegionPage.header(in: base).pointee
    do throws(CorruptRegion) {
      try checkHeader(header, RegionPage.space(in: base), size: size)
      try require(header.geometry.processCount > 0, "processes that can share the region")
    } catch { return nil }
    if !file.isReadOnly, (header.flags ^ options.flags) & RegionHeader.Flag.all != 0 {
      refusal = .otherFlags
      return nil
    }
    guard let region = adopt(file, base, size, shards: header.shardCount, &refusal) else {
      return nil
    }
    if file.isReadOnly ? look(at: region, &refusal) : attach(region, &refusal) { return region }
    processesLeave(region)
    region.freeMap()
    return nil
  }

  private static func attach(_ region: Region, _ refusal: inout Refusal) -> Bool {
    let isAlone = region.processes.count == 0
    let isOfThisBoot = region.isOfThisBoot
    if !isOfThisBoot, !isAlone || !region.isClosed {
      refusal = isAlone ? .anotherBoot : .otherNamespace
      return false
    }
    guard join(region, &refusal) else { return false }
    if !isOfThisBoot { region.beginBoot() }
    region.setOpen()
    do throws(CorruptRegion) {
      let taken = try TakenPages.of(region)
      for number in 0..<region.header.pointee.shardCount {
        ShardMemory.locate(number, of: region)
        try ShardMemory(region, number).restore { taken.take($0) }
      }
      if isAlone { try revive(region) }
      return true
    } catch {
      refusal = .layout
      return false
    }
  }

  /// Attaches without a slot, to read alone. Nothing was checked if nobody has the cache
  /// open, and others change it if somebody has: it is read with care (Shard+Check.swift).
  private static func look(at region: Region, _ refusal: inout Refusal) -> Bool {
    guard region.isOfThisBoot else {
      refusal = region.processes.count == 0 ? .anotherBoot : .otherNamespace
      return false
    }
    region.setOwner(OwnedLock.readOnlyOwner)
    do throws(CorruptRegion) {
      try checkWords(region)
      let taken = try TakenPages.of(region)
      for number in 0..<region.header.pointee.shardCount {
        ShardMemory.locate(number, of: region)
        try ShardMemory(region, number).restore { taken.take($0) }
        let index = Shard(region: region, number: number).index
        // While others change it, it may be that of two moments.
        var looks = 0
        while !index.isTableSane, looks < 1000 {
          platform_yield()
          looks += 1
        }
        try require(index.isTableSane, "the index")
      }
    } catch {
      refusal = .layout
      return false
    }
    var fileRefusal = FileRefusal.noMemory
    if region.file.beginLooking(refusal: &fileRefusal) { return true }
    refusal = Refusal(fileRefusal)
    return false
  }

  /// The first after nobody: whatever ended those before may have been in the middle of
  /// something, and the file may have been damaged since. What all shards have in common is
  /// put right here; each of them is when its lock is first taken (Shard+Check.swift).
  private static func revive(_ region: Region) throws(CorruptRegion) {
    let space = RegionPage.space(in: region.base)
    Lock(space.pointee.lock.word).reset()
    try checkWords(region)
    region.hastenBefore.relaxed = 0
    ClaimWaiters(region).reset()
    var pages: UInt64 = 0
    for number in 0..<region.header.pointee.shardCount {
      pages += Shard(region: region, number: number).chargedPages
    }
    // What is charged was committed, so the file has it.
    try require(
      pages <= region.file.allocated / UInt64(Geometry.page), "what the shards have in all")
    for number in 0..<region.header.pointee.shardCount {
      let shard = Shard(region: region, number: number)
      try require(shard.memory.secure(), "memory behind what a shard has")
      shard.leaveUnchecked()
    }
    Shard.sumBudgets(of: region)
    BorrowTickets(region).forgetAll()
    region.processes.forgetOthers { PinTickets(region).forget(of: $0) }
    region.sharing.pointee.isWarm.word.relaxed = region.entriesUsed.relaxed > 0 ? 1 : 0
  }

  // MARK: Both

  private static func map(
    _ file: SharedFile, _ size: UInt64, shards: UInt32, _ refusal: inout Refusal
  ) -> Region? {
    guard let base = file.map(size) else {
      refusal = .addressSpace
      return nil
    }
    return adopt(file, base, size, shards: shards, &refusal)
  }

  private static func adopt(
    _ file: SharedFile, _ base: UnsafeMutableRawPointer, _ size: UInt64, shards: UInt32,
    _ refusal: inout Refusal
  ) -> Region? {
    guard let region = Region.adopt(base, size: size, shards: shards) else {
      refusal = .memory
      return nil
    }
    RegionMap.words(in: region.map).pointee.file = file.words
    return region
  }

  /// Makes this process one of those that share the region.
  static func join(_ region: Region, _ refusal: inout Refusal) -> Bool {
    var fileRefusal = FileRefusal.noMemory
    // The slot may be that of one who is dead, with what it had on lease: that is ended when
    // the shards can be used (endInheritedLeases).
    let owner = region.processes.join(refusal: &fileRefusal) {
      PinTickets(region).forget(of: ProcessTable.Owner.slot(of: $0))
    }
    guard let owner else {
      refusal = Refusal(fileRefusal)
      return false
    }
    region.setOwner(owner)
    let tickets = region.tickets(of: ProcessTable.Owner.slot(of: owner))
    guard region.commit(tickets, Tickets.size) else {
      refusal = .fileNoSpace
      return false
    }
    return true
  }

  private static func processesLeave(_ region: Region) {
    if region.isShared { region.processes.leave() }
  }
}
