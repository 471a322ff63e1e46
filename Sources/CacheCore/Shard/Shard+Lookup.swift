import CPlatform
import Synchronization

// Reading without a lock.
//
// A reader loads the bucket's version, finds the entry, takes what it wants
// from it, and loads the version again. Writers change a bucket's version after
// an entry has left it and before the entry's memory is used again, so an
// unchanged version means that all that was read belonged to that entry. In the
// other case what was read may be anything; nothing of it is used. For that the
// reader must not fault on what it reads: every extent is checked against the end of
// the run it lies in, and runs stay.
//
// To write to an entry (the time of its last use, a lease) a reader pins the
// bucket for a few instructions: a writer who has taken something out of a
// pinned bucket waits before its memory is used again.
//
// Orderings, each with what it pairs with. Tests/Litmus plays them under the C++ memory
// model, in all schedules, and shows that a reader goes wrong where one is weakened.
//
//   - The store of a reference (release) and its load (acquire): the entry that it leads
//     to is whole. So is a chain's next bucket, by `next`; and memory that was mapped just
//     now is found, since its address was written down before.
//   - The store of a version (release) and the first load of it (acquire): what was done
//     before the version is seen, an entry written in place and a cleared slot included.
//   - The fence behind the store of a version (Bucket.setVersion) and the fence before the
//     second load of it (isUnchanged): who saw anything of what was done after the version
//     finds it changed. Tags, keys, values and the words of an entry are stored without
//     ordering, and rest on this pair alone.
//   - The store of the table's size, between two changes of version, and its two loads
//     (acquire). Who finds nothing loads the size again, and then the version. If it saw a
//     slot cleared by a split, the fence behind the version before that shows it the size.
//   - Pins and versions are sequentially consistent (Bucket.tryPin): of a reader who pins
//     and a writer who changes the version, one sees the other. The end of a pin (release)
//     and the writer's load of no pins (acquire): what was written under it comes before
//     what the writer does with the memory.
//   - Pages that go back to the system read as zeros without a store. The system takes
//     them out of every core's tables first, which orders more than a fence does.
//   - Writers among themselves: the shard's lock (OwnedLock.swift).

extension Shard {
  package enum Freshness {
    case live
    /// Past its deadline.
    case stale
    /// There is known to be no value.
    case absent
  }

  /// An entry as a reader found it.
  package struct Found {
    package let entry: Entry
    package let ref: Ref
    package let access: Entry.Access
    package let expiry: Entry.Expiry
    package let version: UInt64
    package let valueSize: UInt64
    package let value: UnsafeMutableRawPointer
    /// The bucket's version when it was found.
    package let bucketVersion: UInt32
    /// Whether it is live, or past its deadline and in its window.
    package var freshness = Freshness.live

    package var key: UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(start: entry.base + access.keyOffset, count: access.keySize)
    }

    /// What it took to compute, as far as that was kept. For one who reads windows.
    package var computeMs: UInt64 = 0

    /// Copies the value, if there is room.
    @inline(__always)
    package func copy(into buffer: UnsafeMutableRawBufferPointer) {
      if valueSize <= UInt64(truncatingIfNeeded: buffer.count), valueSize > 0 {
        platform_copy(buffer.baseAddress!, value, Int(truncatingIfNeeded: valueSize))
      }
    }
  }

  /// Finds the live entry for a key, and copies its value to `buffer` if there is room
  /// for it. nil if there is no live entry; then `buffer` may have changed. `andWindowed`:
  /// or one past its deadline and in its window.
  @inline(__always)
  package func read(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer = UnsafeMutableRawBufferPointer(
      start: nil, count: 0), andWindowed: Bool = false
  ) -> Found? {
    var isSettled = false
    let found = attempt(parts, key, at: now, into: buffer, andWindowed, &isSettled)
    return isSettled ? found : readAgain(parts, key, at: now, into: buffer, andWindowed)
  }

  /// One try. Not settled if an entry in the same bucket changed during it.
  @inline(__always)
  private func attempt(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, _ andWindowed: Bool, _ isSettled: inout Bool
  ) -> Found? {
    let index = index
    let table = index.tableNow
    let readable = readable
    let bucket = index.bucket(for: parts.forIndex, in: table)
    let version = bucket.version.pointee.load(ordering: .acquiring)
    var probe = index.probe(
      bucket, tag: parts.tag, limit: Index.chainMax, overflow: readable.overflow)
    while let ref = probe.next() {
      guard let found = match(ref, key, version, before: readable.blocksEnd) else { continue }
      let served = served(found, at: now, andWindowed)
      if let served { served.copy(into: buffer) }
      isSettled = isUnchanged(bucket, since: version)
      return served
    }
    // The table first: if this is its size once more, what changed version before
    // that is seen in the version.
    atomicMemoryFence(ordering: .acquiring)
    isSettled =
      !probe.isStray && index.tableNow == table && isUnchanged(bucket, since: version)
      && self.readable.blocksEnd == readable.blocksEnd
    return nil
  }

  /// What was found, if it is to be had: live, or, `andWindowed`, in its window.
  @inline(__always)
  private func served(_ found: Found, at now: UInt64, _ andWindowed: Bool) -> Found? {
    if isForgotten { return nil }
    let isLive = !isExpired(found.access, found.expiry, at: now)
    if !andWindowed { return isLive ? found : nil }
    guard isLive || isInWindow(found.entry, found.access, found.expiry, at: now) else {
      return nil
    }
    var served = found
    served.freshness = isLive ? .live : found.expiry.isAbsence ? .absent : .stale
    served.computeMs = found.entry.window(found.access).computeMs
    return served
  }

  /// Whether all that was read since the bucket had this version was in place. It is
  /// read before the version is read again; pairs with the fence in
  /// Bucket.setVersion.
  @inline(__always)
  func isUnchanged(_ bucket: Bucket, since version: UInt32) -> Bool {
    isUnchanged(bucket, sinceEven: version) && version & 1 == 0
  }

  /// The same of a version that is even.
  @inline(__always)
  func isUnchanged(_ bucket: Bucket, sinceEven version: UInt32) -> Bool {
    atomicMemoryFence(ordering: .acquiring)
    return bucket.version.relaxed == version
  }

  /// How often a reader tries before it takes the lock.
  private static let attempts = 64
  /// And how long one waits who cannot: for 10 ms, then it is a miss.
  private static let napNs: UInt64 = 50_000
  private static let napsMax = 200

  @inline(never)
  private func readAgain(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, _ andWindowed: Bool
  ) -> Found? {
    var naps = 0
    while true {
      for _ in 1..<Shard.attempts {
        platform_pause()
        var isSettled = false
        let found = attempt(parts, key, at: now, into: buffer, andWindowed, &isSettled)
        if isSettled { return found }
      }
      if memory.isReadOnly {
        naps += 1
        if naps > Shard.napsMax { return nil }
        platform_nap(Shard.napNs)
        continue
      }
      let read = withLock { readLocked(parts, key, at: now, into: buffer, andWindowed) }
      // Behind one who is stopped it is a miss, unless the cache must not forget: then for
      // as long as that one is stopped in the middle of an entry of this bucket, one waits.
      if let read { return read }
      if !header.pointee.isNoEvict { return nil }
    }
  }

  private func readLocked(
    _ parts: HashParts, _ key: UnsafeRawBufferPointer, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, _ andWindowed: Bool
  ) -> Found? {
    let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    guard let slot = find(parts, key),
      let found = match(slot.ref, key, bucket.version.relaxed, before: UInt64.max),
      let served = served(found, at: now, andWindowed)
    else { return nil }
    served.copy(into: buffer)
    return served
  }

  /// The entry at `ref`, if it is there and has this key.
  @inline(__always)
  private func match(
    _ ref: Ref, _ key: UnsafeRawBufferPointer, _ bucketVersion: UInt32, before blocksEnd: UInt64
  ) -> Found? {
    guard let found = look(at: ref, bucketVersion, before: blocksEnd),
      found.access.keySize == key.count,
      platform_equal(found.key.baseAddress!, key.baseAddress!, key.count)
    else { return nil }
    return found
  }

  /// The entry at `ref`, which may be any number, if there is one and it lies where memory is.
  @inline(__always)
  func look(at ref: Ref, _ bucketVersion: UInt32, before blocksEnd: UInt64) -> Found? {
    let places = memory.blocks
    let position = places.position(of: ref)
    let end = min(ShardMap.arenaEnds.elements(in: memory.map)[position], blocksEnd)
    let start = UInt64(ref) &* UInt64(Entry.unit)
    guard start &+ UInt64(Entry.headerSize) < end else { return nil }
    let entry = Entry(places.bases[position] + Int(truncatingIfNeeded: start))
    // The value is on the next line, usually.
    platform_prefetch(entry.base + CacheLine.size)
    let access = Entry.Access(entry.accessWord.pointee.load(ordering: .acquiring))
    guard access.keySize > 0, !access.isHole else { return nil }
    let bytes = start &+ UInt64(access.keyOffset) &+ UInt64(access.keySize)
    guard bytes <= end else { return nil }
    let expiry = Entry.Expiry(entry.expiryWord.relaxed)
    let valueSize = entry.valueSize(access, expiry)
    guard valueSize <= end &- bytes else { return nil }
    return Found(
      entry: entry, ref: ref, access: access, expiry: expiry, version: entry.version,
      valueSize: valueSize, value: entry.base + access.keyOffset + access.keySize,
      bucketVersion: bucketVersion)
  }

  // MARK: For the holder of the lock

  /// An entry of the shard as a reader would find it.
  package func found(_ ref: Ref) -> Found {
    let entry = entry(ref)
    let (access, expiry) = (entry.access, entry.expiry)
    return Found(
      entry: entry, ref: ref, access: access, expiry: expiry, version: entry.version,
      valueSize: entry.valueSize(access, expiry),
      value: entry.base + access.keyOffset + access.keySize, bucketVersion: 0)
  }

  /// The slot for a key, expired or not.
  @inline(__always)
  package func find(_ parts: HashParts, _ key: UnsafeRawBufferPointer) -> Index.Slot? {
    let index = index
    let bucket = index.bucket(for: parts.forIndex, in: index.table.relaxed)
    var probe = index.probe(bucket, tag: parts.tag)
    while let ref = probe.next() {
      let entry = entry(ref)
      let access = entry.access
      if access.keySize == key.count,
        platform_equal(entry.base + access.keyOffset, key.baseAddress!, key.count)
      {
        return probe.slot(of: ref)
      }
    }
    return nil
  }
}
