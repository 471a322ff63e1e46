import CPlatform
import Synchronization

/// The engine seen from outside: shards behind one door. A call hashes its key, and
/// the hash says which shard has it. Reads are here; Cache+Write.swift has what
/// changes one entry, Cache+Share.swift how one shard gets what another can spare, and
/// the other files what concerns the cache as a whole.
package struct Cache {
  package let handle: CacheHandle

  @inline(__always)
  package init(_ handle: CacheHandle) { self.handle = handle }

  package var region: Region { @inline(__always) get { handle.region } }
  package var clock: Clock { @inline(__always) get { region.clock } }
  package var shardCount: UInt32 { handle.shardMask + 1 }

  @inline(__always)
  package func shard(_ number: UInt32) -> Shard { Shard(region: region, number: number) }

  @inline(__always)
  package func forEachShard(_ body: (Shard) -> Void) {
    for number in 0..<shardCount { body(shard(number)) }
  }

  @inline(__always)
  package func withAllLocks<Result>(_ body: () -> Result) -> Result? {
    Shard.withAllLocks(of: region, body)
  }

  /// Where a key leads: its shard and its hash.
  package typealias Route = (shard: Shard, parts: HashParts)

  @inline(__always)
  package func route(_ key: UnsafeRawBufferPointer) -> Route {
    let header = region.header
    return route(KeyHash(key0: header.pointee.hashKey0, key1: header.pointee.hashKey1)(key))
  }

  @inline(__always)
  package func route(_ hash: UInt64) -> Route {
    let parts = HashParts(hash)
    return (Shard(region: region, number: parts.forShard & handle.shardMask), parts)
  }

  // MARK: Reading

  /// Whether this process has a shared cache that it cannot write to: then reads record
  /// nothing, and whatever takes a lock must not be called.
  package var isReadOnly: Bool { handle.isReadOnly }

  /// Copies a value out. `size` is its size if there is one. Not for a cache that is open
  /// for reading alone, for which `getAnyway` is.
  @inline(__always)
  package func get(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    get(key, route(key), at: clock.coarse, into: buffer, size: &size)
  }

  /// The same for a key that has been routed.
  @inline(__always)
  package func get(
    _ key: UnsafeRawBufferPointer, _ route: Route, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    if let start = key.baseAddress, let to = buffer.baseAddress,
      let got = route.shard.getOrdinary(
        route.parts, start, key.count, at: now, into: to, UInt64(buffer.count))
    {
      switch got {
      case .hit(let valueSize):
        size = valueSize
        return .ok
      case .miss:
        size = 0
        return .miss
      }
    }
    return getAnyway(key, route, at: now, into: buffer, size: &size)
  }

  /// The same in any case, also one that is not ordinary (Shard+Hit.swift).
  @inline(never)
  package func getAnyway(
    _ key: UnsafeRawBufferPointer, _ route: Route, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    let (shard, parts) = route
    guard let found = shard.read(parts, key, at: now, into: buffer) else {
      if !isReadOnly { shard.recordMiss(at: now) }
      size = 0
      return .miss
    }
    if !isReadOnly { shard.recordAccess(found, parts, key, at: now) }
    size = Int(truncatingIfNeeded: found.valueSize)
    return size <= buffer.count ? .ok : .tooSmall
  }

  /// The same in any cache, also one that is open for reading alone.
  @inline(__always)
  package func getAnyhow(
    _ key: UnsafeRawBufferPointer, _ route: Route, at now: UInt64,
    into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    isReadOnly
      ? getAnyway(key, route, at: now, into: buffer, size: &size)
      : get(key, route, at: now, into: buffer, size: &size)
  }

  /// As `get` in the ordinary case; nil: it is another.
  @inline(__always)
  package func getOrdinary(
    _ key: UnsafeRawPointer, _ keySize: Int, _ route: Route,
    into buffer: UnsafeMutableRawPointer, _ capacity: UInt64
  ) -> Shard.Ordinary? {
    let (shard, parts) = route
    return shard.getOrdinary(parts, key, keySize, at: clock.coarse, into: buffer, capacity)
  }

  /// As `get`, with all about the value that is copied as it was before this use.
  package func get(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int,
    info: inout Info?
  ) -> Outcome {
    let (shard, parts) = route(key)
    let now = clock.coarse
    let exactNow = clock.exact
    guard let found = shard.read(parts, key, at: now, into: buffer) else {
      if !isReadOnly { shard.recordMiss(at: now) }
      return .miss
    }
    if !isReadOnly { shard.recordAccess(found, parts, key, at: now) }
    info = describe(found, in: shard, at: now, exactNow: exactNow)
    size = Int(truncatingIfNeeded: found.valueSize)
    return size <= buffer.count ? .ok : .tooSmall
  }

  /// As `get`, touching nothing.
  package func peek(
    _ key: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer, size: inout Int
  ) -> Outcome {
    let (shard, parts) = route(key)
    guard let found = shard.read(parts, key, at: clock.coarse, into: buffer) else {
      size = 0
      return .miss
    }
    size = Int(truncatingIfNeeded: found.valueSize)
    return size <= buffer.count ? .ok : .tooSmall
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
      shard.recordMiss(at: now)
      return .miss
    case .tooMany:
      return .state
    case .leased(let found, let borrow):
      handle.countLease(1)
      shard.recordAccess(found, parts, key, at: now)
      lease = Lease(
        value: UnsafeRawBufferPointer(start: found.value, count: Int(found.valueSize)),
        ticket: ticket(borrow, shard.number, found.ref))
      return .ok
    }
  }

  /// What `release` needs to know.
  package func ticket(_ borrow: BorrowTickets.Number, _ shard: UInt32, _ ref: Ref) -> UInt64 {
    LeaseTicket(borrow: borrow, shard: shard, ref: ref).word
  }

  /// Ends a lease, also of a cache that was closed meanwhile.
  package func release(ticket: UInt64) {
    let lease = LeaseTicket(word: ticket)
    let isEnded = shard(lease.shard).release(lease.ref, ticket: lease.borrow)
    guard isEnded else { return }
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
    guard let found = shard.read(parts, key, at: now) else { return nil }
    return describe(found, in: shard, at: now, exactNow: exactNow)
  }

  @inline(__always)
  private func describe(
    _ found: Shard.Found, in shard: Shard, at now: UInt64, exactNow: UInt64
  ) -> Info {
    let stored = found.version >> Entry.VersionWord.versionFractionBits
    return Info(
      valueSize: found.valueSize,
      ttlMs: Shard.remaining(until: shard.end(found.access, found.expiry), at: exactNow),
      ageMs: Int64(now > stored ? now - stored : 0),
      idleMs: Int64(now > found.access.lastUsed ? now - found.access.lastUsed : 0),
      version: found.version)
  }

  /// The time left; nil if there is no live entry.
  package func remaining(_ key: UnsafeRawBufferPointer) -> Int64? {
    let (shard, parts) = route(key)
    guard let found = shard.read(parts, key, at: clock.coarse) else { return nil }
    return Shard.remaining(until: shard.end(found.access, found.expiry), at: clock.exact)
  }

  package func contains(_ key: UnsafeRawBufferPointer) -> Bool {
    let (shard, parts) = route(key)
    return shard.read(parts, key, at: clock.coarse) != nil
  }
}
