import CPlatform
import Synchronization

/// The engine seen from outside: shards behind one door. It finds the shard for
/// a key, and helps one shard to what another can spare.
package struct Cache {
  package let handle: CacheHandle

  @inline(__always)
  package init(_ handle: CacheHandle) { self.handle = handle }

  package var region: Region { @inline(__always) get { handle.region } }
  package var clock: Clock { @inline(__always) get { region.clock } }
  package var sweeper: Sweeper { Sweeper(handle) }
  package var shardCount: UInt32 { handle.shardMask + 1 }

  @inline(__always)
  package func shard(_ number: UInt32) -> Shard { Shard(region: region, number: number) }

  @inline(__always)
  package func forEachShard(_ body: (Shard) -> Void) {
    for number in 0..<shardCount { body(shard(number)) }
  }

  @inline(__always)
  package func route(_ key: UnsafeRawBufferPointer) -> (Shard, HashParts) {
    let region = region
    let header = region.header
    let hash = KeyHash(key0: header.pointee.hashKey0, key1: header.pointee.hashKey1)(key)
    let parts = HashParts(hash)
    return (Shard(region: region, number: parts.forShard & handle.shardMask), parts)
  }

  // MARK: Reading

  /// Copies a value out. `size` is its size if there is one.
  @inline(__always)
  package func get(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    let (shard, parts) = route(key)
    return get(key, shard, parts, at: clock.coarse, into: buffer, size: &size)
  }

  /// The same for a key that has been routed.
  @inline(__always)
  package func get(
    _ key: UnsafeRawBufferPointer, _ shard: Shard, _ parts: HashParts, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    guard let seen = copy(key, shard, parts, at: now, into: buffer, size: &size) else {
      shard.noteMiss(at: now)
      return .miss
    }
    shard.noteUse(seen, parts, key, at: now)
    return size <= buffer.count ? .ok : .tooSmall
  }

  /// As `get`, touching nothing.
  package func peek(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    let (shard, parts) = route(key)
    let seen = copy(key, shard, parts, at: clock.coarse, into: buffer, size: &size)
    guard seen != nil else { return .miss }
    return size <= buffer.count ? .ok : .tooSmall
  }

  /// Finds the live entry, and copies its value out if there is room. `size` is
  /// the value's, 0 if there is none.
  @inline(__always)
  private func copy(
    _ key: UnsafeRawBufferPointer, _ shard: Shard, _ parts: HashParts, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Shard.Sighting? {
    var valueSize: UInt64 = 0
    let seen = shard.read(parts, key, at: now) { found in
      valueSize = found.valueSize
      if valueSize <= UInt64(truncatingIfNeeded: buffer.count), valueSize > 0 {
        platform_copy(buffer.baseAddress!, found.value, Int(truncatingIfNeeded: valueSize))
      }
      return found.sighting
    }
    size = seen == nil ? 0 : Int(truncatingIfNeeded: valueSize)
    return seen
  }

  /// Where a leased value is, and the number to release it by.
  package struct Lease {
    package let value: UnsafeRawBufferPointer
    package let ticket: UInt64
  }

  package func acquire(_ key: UnsafeRawBufferPointer, _ lease: inout Lease?) -> Outcome {
    let (shard, parts) = route(key)
    let now = clock.coarse
    switch shard.lease(parts, key, at: now) {
    case .miss:
      shard.noteMiss(at: now)
      return .miss
    case .tooMany:
      return .state
    case .leased(let found):
      handle.countLease(1)
      shard.noteUse(found.sighting, parts, key, at: now)
      lease = Lease(
        value: UnsafeRawBufferPointer(start: found.value, count: Int(found.valueSize)),
        ticket: UInt64(shard.number) << 32 | UInt64(found.ref))
      return .ok
    }
  }

  /// Ends a lease, also of a cache that was closed meanwhile.
  package func release(ticket: UInt64) {
    shard(UInt32(truncatingIfNeeded: ticket >> 32)).release(Ref(truncatingIfNeeded: ticket))
    handle.countLease(UInt64(bitPattern: -1))
    handle.freeIfOrphaned()
  }

  package struct Info {
    package let valueSize: UInt64
    package let ttlMs: Int64
    package let ageMs: Int64
    package let idleMs: Int64
    package let version: UInt64
  }

  /// What there is to know of a live entry, touching nothing.
  package func inspect(_ key: UnsafeRawBufferPointer) -> Info? {
    let (shard, parts) = route(key)
    let now = clock.coarse
    let exactNow = clock.exact
    return shard.read(parts, key, at: now) { found in
      let stored = found.entry.storedMs
      return Info(
        valueSize: found.valueSize,
        ttlMs: Shard.remaining(until: shard.end(found.use, found.term), at: exactNow),
        ageMs: Int64(now > stored ? now - stored : 0),
        idleMs: Int64(now > found.use.lastUsed ? now - found.use.lastUsed : 0),
        version: found.entry.version)
    }
  }

  /// The time left; nil if there is no live entry.
  package func remaining(_ key: UnsafeRawBufferPointer) -> Int64? {
    let (shard, parts) = route(key)
    let end = shard.read(parts, key, at: clock.coarse) { shard.end($0.use, $0.term) }
    return end.map { Shard.remaining(until: $0, at: clock.exact) }
  }

  package func contains(_ key: UnsafeRawBufferPointer) -> Bool {
    let (shard, parts) = route(key)
    return shard.read(parts, key, at: clock.coarse) { _ in true } ?? false
  }

  // MARK: Writing

  /// The deadline for a lifetime as callers give it.
  package func deadline(ttlMs: UInt64) -> UInt64 {
    let ttl = ttlMs == 0 ? region.header.pointee.defaultTtlMs : ttlMs
    return ttl == 0 || ttl == UInt64.max ? Clock.never : clock.deadline(in: ttl)
  }

  package func set(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: UInt64,
    if condition: Shard.Condition = .always
  ) -> Outcome {
    let (shard, parts) = route(key)
    let outcome = storing(in: shard) { now, mayAskOthers in
      shard.noteLifetime(until: deadline, from: now)
      return shard.store(
        parts, key, value, deadline: deadline, if: condition, at: now,
        mayAskOthers: mayAskOthers)
    }
    expect(deadline)
    return outcome
  }

  /// Wakes an automatic sweeper that would sleep past a deadline.
  @inline(__always)
  private func expect(_ deadline: UInt64) {
    if deadline < region.plannedSweep.relaxed { sweeper.wake(by: deadline) }
  }

  /// As `set` by a point of the wall clock.
  package func set(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, untilUnixMs: Int64
  ) -> Outcome {
    let now = platform_wall_ms()
    if untilUnixMs <= now {
      _ = delete(key)
      return .ok
    }
    // Both are after 1970 or the difference is less than Int64.max.
    let (left, isOverflow) = untilUnixMs.subtractingReportingOverflow(now)
    return set(
      key, value, deadline: clock.deadline(in: isOverflow ? UInt64(Int64.max) : UInt64(left)))
  }

  package func increment(
    _ key: UnsafeRawBufferPointer, by delta: Int64, initial: Int64, deadline: UInt64,
    sum: inout Int64
  ) -> Outcome {
    let (shard, parts) = route(key)
    let outcome = storing(in: shard) { now, mayAskOthers in
      shard.increment(
        parts, key, by: delta, initial: initial, deadline: deadline, at: now,
        mayAskOthers: mayAskOthers, sum: &sum)
    }
    expect(deadline)
    return outcome
  }

  package func delete(_ key: UnsafeRawBufferPointer) -> Outcome {
    let (shard, parts) = route(key)
    return shard.lock.withLock { shard.delete(parts, key, at: clock.coarse) }
  }

  package func touch(_ key: UnsafeRawBufferPointer, deadline: UInt64) -> Outcome {
    let (shard, parts) = route(key)
    let outcome = shard.lock.withLock {
      shard.touch(parts, key, deadline: deadline, at: clock.coarse)
    }
    expect(deadline)
    return outcome
  }

  // MARK: Shards helping each other

  /// How often others are asked before a write is given up: others may take what
  /// was given up for this one.
  private static let requestsMax = 100

  /// Runs a write under the shard's lock, and again after other shards have
  /// given up what it lacked.
  @inline(__always)
  private func storing(
    in shard: Shard, _ write: (_ now: UInt64, _ mayAskOthers: Bool) -> Shard.Stored
  ) -> Outcome {
    let stored = shard.lock.withLock { write(clock.coarse, true) }
    if case .done(let outcome) = stored { return outcome }
    return storingSlow(in: shard, stored, write)
  }

  @inline(never)
  private func storingSlow(
    in shard: Shard, _ first: Shard.Stored,
    _ write: (_ now: UInt64, _ mayAskOthers: Bool) -> Shard.Stored
  ) -> Outcome {
    var stored = first
    var requests = 0
    while true {
      var isGiven = true
      switch stored {
      case .done(let outcome): return outcome
      case .needsMemory(let bytes):
        let pages = bytes / UInt64(Geometry.page) + 2
        if bytes > 0 { isGiven = collectPages(pages, for: shard) }
      case .needsEntry: isGiven = collectEntry(for: shard)
      }
      requests += 1
      let mayAskAgain = isGiven && requests < Cache.requestsMax
      stored = shard.lock.withLock { write(clock.coarse, mayAskAgain) }
    }
  }

  /// The other shards, from the one that has most of something on.
  private func donors(
    for poor: Shard, by amount: (Shard) -> UInt64, _ body: (Shard) -> Bool
  ) {
    var (richest, most) = (poor.number, UInt64(0))
    forEachShard { shard in
      let has = shard.lock.withLock { amount(shard) }
      if shard.number != poor.number, has > most { (richest, most) = (shard.number, has) }
    }
    for offset in 0..<shardCount {
      let donor = shard((richest + offset) & handle.shardMask)
      if donor.number != poor.number, !body(donor) { return }
    }
  }

  /// Has other shards give up pages. False if there was nothing to be had.
  private func collectPages(_ wanted: UInt64, for poor: Shard) -> Bool {
    var collected: UInt64 = 0
    donors(for: poor, by: { $0.arena.span.chargedPages }) { donor in
      collected += donor.lock.withLock {
        donor.drainAllReads()
        return donor.surrender(pageCount: wanted - collected, at: clock.coarse)
      }
      return collected < wanted
    }
    return collected > 0
  }

  /// Has another shard give up an entry: one that has expired, or else, if it may
  /// evict, one it forgets.
  private func collectEntry(for poor: Shard) -> Bool {
    var isGiven = false
    donors(for: poor, by: { $0.counters.pointee.entries }) { donor in
      isGiven = donor.lock.withLock {
        donor.drainAllReads()
        if donor.removeSomeExpired(at: clock.coarse) > 0 { return true }
        guard !donor.header.pointee.isNoEvict, let victim = donor.victim() else { return false }
        donor.evict(victim)
        region.entryBudget.give(1)
        return true
      }
      return !isGiven
    }
    return isGiven
  }
}
