import Synchronization

/// Who computes which missing value: the claims of a shard.
///
/// A claim is no entry. It stands for a key by its 64-bit hash, has a token that no other
/// claim ever has, and ends when a value is stored, when it is given up, when a write or an
/// invalidation of its key makes it void, or by itself at a point of time. What is left
/// behind may be a *pause*: a record without a token, which says that nobody is to refresh
/// this key for a while.
///
/// The table has a fixed number of records, in chains by hash and in a list by age. One
/// more than there is room for takes the place of the oldest, whose claimant then finds
/// that it no longer stands.
///
/// Whoever only wants to know whether somebody computes a key reads without the shard's
/// lock: `sequence` is odd while the table changes, so what was read between two readings
/// of the same even number was so at one moment.
package struct ClaimTable {
  private let state: UnsafeMutablePointer<ClaimState>
  private let records: UnsafeMutablePointer<ClaimRecord>
  private let heads: UnsafeMutablePointer<Atomic<UInt32>>
  private let capacity: UInt32
  private let shardNumber: UInt32
  /// Who this process is.
  private let owner: UInt32

  /// A record, by its place plus one.
  package typealias Place = UInt32

  @inline(__always)
  package init(_ memory: ShardMemory) {
    state = ShardControl.claims(in: memory.control)
    let (region, number) = (memory.region, memory.number)
    let geometry = region.header.pointee.geometry
    let offset = geometry.claimsOffset(of: number, shardCount: region.header.pointee.shardCount)
    let table = region.base + Int(truncatingIfNeeded: offset)
    records = ClaimTableLayout.records(in: table)
    capacity = geometry.claimCount
    heads = ClaimTableLayout.heads(claims: capacity)(in: table)
    shardNumber = number
    owner = memory.owner
  }

  /// Tokens begin at a time in units of 64 ns, which they never overtake, so that a cache
  /// that is opened later has others.
  package func initialize(wallNs: UInt64) { state.pointee.lastToken = wallNs >> 6 }

  private static let tokenMax: UInt64 = 1 << 56

  @inline(__always)
  package var isEmpty: Bool { count.relaxed == 0 }

  /// Whether a shard's table has any: one comparison for every write, which then need not
  /// know where the table is.
  @inline(__always)
  package static func hasClaims(_ memory: ShardMemory) -> Bool {
    ShardControl.claims(in: memory.control).pointee.count.word.relaxed != 0
  }

  // MARK: Reading without the lock

  package enum Standing {
    case none
    case claimed(token: UInt64, owner: UInt32)
    case paused
    /// The table changed meanwhile.
    case unsettled
  }

  /// Whether somebody computes the key at present.
  package func standing(_ hash: UInt64, at now: UInt64) -> Standing {
    let before = state.pointee.sequence.word.pointee.load(ordering: .acquiring)
    guard before & 1 == 0 else { return .unsettled }
    var standing = Standing.none
    var (place, left) = (head(hash).relaxed, capacity)
    while place != 0, place <= capacity, left > 0 {
      if self[place].pointee.hash.word.relaxed == hash {
        standing = self.standing(at: place, now)
        break
      }
      place = self[place].pointee.next.word.relaxed
      left -= 1
    }
    atomicMemoryFence(ordering: .acquiring)  // pairs with the fence in `change`
    return state.pointee.sequence.word.relaxed == before ? standing : .unsettled
  }

  private func standing(at place: Place, _ now: UInt64) -> Standing {
    let token = self[place].pointee.token.word.relaxed
    guard stands(place, at: now) else { return .none }
    if token == 0 { return .paused }
    return .claimed(token: token, owner: self[place].pointee.owner.word.relaxed)
  }

  // MARK: For the holder of the lock

  /// The record of a key, whether it still stands or not.
  package func find(_ hash: UInt64) -> Place? {
    var place = head(hash).relaxed
    while place != 0 {
      if self[place].pointee.hash.word.relaxed == hash { return place }
      place = self[place].pointee.next.word.relaxed
    }
    return nil
  }

  package func standing(of place: Place, at now: UInt64) -> Standing { standing(at: place, now) }

  /// The record of a key's claim with this token, whether it still stands or not.
  package func find(_ hash: UInt64, token: UInt64) -> Place? {
    guard token != 0, let place = find(hash), self.token(of: place) == token else { return nil }
    return place
  }

  package func stands(_ place: Place, at now: UInt64) -> Bool { now < end(of: place) }

  /// The tick at which a claim began, and the one from which on it is void.
  package func start(of place: Place) -> UInt64 { self[place].pointee.start }
  package func end(of place: Place) -> UInt64 { self[place].pointee.end.word.relaxed }

  package func hash(of place: Place) -> UInt64 { self[place].pointee.hash.word.relaxed }
  package func token(of place: Place) -> UInt64 { self[place].pointee.token.word.relaxed }

  package func isOwn(_ place: Place) -> Bool { self[place].pointee.owner.word.relaxed == owner }

  /// The oldest record, if there is no room for another.
  package var oldestIfFull: Place? {
    count.relaxed == capacity ? state.pointee.oldest : nil
  }

  /// A new claim's token; or, `asPause`, 0. There is no record of this key, and room for one.
  package func add(
    _ hash: UInt64, _ key: UnsafeRawBufferPointer, from now: UInt64, to end: UInt64,
    asPause: Bool = false
  ) -> UInt64 {
    var token: UInt64 = 0
    if !asPause {
      state.pointee.lastToken += 1
      token = state.pointee.lastToken << 8 | UInt64(shardNumber)
    }
    change {
      let place = takeFree()
      let record = self[place]
      record.pointee.hash.word.relaxed = hash
      record.pointee.token.word.relaxed = token
      record.pointee.end.word.relaxed = end
      record.pointee.start = now
      record.pointee.owner.word.relaxed = owner
      record.pointee.keySize = UInt16(truncatingIfNeeded: key.count)
      for i in 0..<min(key.count, record.pointee.keyHead.count) {
        record.pointee.keyHead[i] = key[i]
      }
      record.pointee.next.word.relaxed = head(hash).relaxed
      head(hash).relaxed = place
      record.pointee.older = UInt16(truncatingIfNeeded: state.pointee.newest)
      record.pointee.newer = 0
      if state.pointee.newest != 0 {
        self[state.pointee.newest].pointee.newer = UInt16(truncatingIfNeeded: place)
      }
      if state.pointee.oldest == 0 { state.pointee.oldest = place }
      state.pointee.newest = place
      count.relaxed = count.relaxed + 1
    }
    return token
  }

  /// Takes a record out.
  package func remove(_ place: Place) {
    change {
      let record = self[place]
      let link = head(hash(of: place))
      if link.relaxed == place {
        link.relaxed = record.pointee.next.word.relaxed
      } else {
        var before = link.relaxed
        while self[before].pointee.next.word.relaxed != place {
          before = self[before].pointee.next.word.relaxed
        }
        self[before].pointee.next.word.relaxed = record.pointee.next.word.relaxed
      }
      let (older, newer) = (Place(record.pointee.older), Place(record.pointee.newer))
      if older != 0 {
        self[older].pointee.newer = UInt16(truncatingIfNeeded: newer)
      } else {
        state.pointee.oldest = newer
      }
      if newer != 0 {
        self[newer].pointee.older = UInt16(truncatingIfNeeded: older)
      } else {
        state.pointee.newest = older
      }
      record.pointee.next.word.relaxed = state.pointee.firstFree
      state.pointee.firstFree = place
      count.relaxed = count.relaxed - 1
    }
  }

  /// Calls `body`, which may remove it, with each record whose key may begin with the
  /// prefix: only the first bytes of keys are known.
  package func forEach(
    mayHavePrefix prefix: UnsafeRawBufferPointer, _ body: (Place) -> Void
  ) {
    var place = state.pointee.oldest
    while place != 0 {
      let next = Place(self[place].pointee.newer)
      if mayHavePrefix(place, prefix) { body(place) }
      place = next
    }
  }

  private func mayHavePrefix(_ place: Place, _ prefix: UnsafeRawBufferPointer) -> Bool {
    let record = self[place]
    guard prefix.count <= Int(record.pointee.keySize) else { return false }
    for i in 0..<min(prefix.count, record.pointee.keyHead.count)
    where record.pointee.keyHead[i] != prefix[i] {
      return false
    }
    return true
  }

  /// Forgets all records. Tokens go on from where they were.
  package func clear() {
    change {
      for i in 0..<Int(capacity) { (heads + i).relaxed = 0 }
      count.relaxed = 0
      state.pointee.everUsed = 0
      state.pointee.firstFree = 0
      state.pointee.oldest = 0
      state.pointee.newest = 0
    }
  }

  /// After a death: forgets all records, whatever there is.
  package func recover(wallNs: UInt64) {
    if state.pointee.lastToken >= ClaimTable.tokenMax { initialize(wallNs: wallNs) }
    clear()
  }

  // MARK: Parts

  /// Records in use.
  private var count: UnsafeMutablePointer<Atomic<UInt32>> {
    @inline(__always) get { state.pointee.count.word }
  }

  private subscript(place: Place) -> UnsafeMutablePointer<ClaimRecord> {
    @inline(__always) get { records + Int(place &- 1) }
  }

  @inline(__always)
  private func head(_ hash: UInt64) -> UnsafeMutablePointer<Atomic<UInt32>> {
    heads + Int(truncatingIfNeeded: hash >> 8 & UInt64(capacity &- 1))
  }

  private func takeFree() -> Place {
    let free = state.pointee.firstFree
    if free != 0 {
      state.pointee.firstFree = self[free].pointee.next.word.relaxed
      return free
    }
    state.pointee.everUsed += 1
    return state.pointee.everUsed
  }

  /// Changes the table; readers without the lock turn back meanwhile.
  private func change(_ body: () -> Void) {
    let sequence = state.pointee.sequence.word
    let before = sequence.relaxed
    sequence.relaxed = before | 1
    atomicMemoryFence(ordering: .acquiringAndReleasing)  // pairs with the fence in `standing`
    body()
    state.pointee.sequence.word.pointee.store((before | 1) &+ 1, ordering: .releasing)
  }

  // MARK: Invariants

  /// Checks that all records are in their chain and in the order of age, and are as many
  /// as counted; ends whatever is there.
  package func checkInvariants() throws(CorruptRegion) {
    let count = self.count.relaxed
    try require(count <= state.pointee.everUsed && state.pointee.everUsed <= capacity, "claims")
    var (place, older, listed) = (state.pointee.oldest, Place(0), UInt32(0))
    while place != 0 {
      try require(listed < count && place <= state.pointee.everUsed, "a claim")
      try require(Place(self[place].pointee.older) == older, "the age of a claim")
      let isFound = isChained(place)
      try require(isFound, "a claim in its chain")
      listed += 1
      (older, place) = (place, Place(self[place].pointee.newer))
    }
    try require(listed == count && state.pointee.newest == older, "the number of claims")
    var (free, freed) = (state.pointee.firstFree, UInt32(0))
    while free != 0 {
      try require(
        free <= state.pointee.everUsed && freed < state.pointee.everUsed - count, "a free claim")
      freed += 1
      free = self[free].pointee.next.word.relaxed
    }
    try require(freed == state.pointee.everUsed - count, "free claims")
    try require(state.pointee.lastToken < ClaimTable.tokenMax, "the last token")
  }

  /// Whether a record is in the chain of its hash.
  private func isChained(_ place: Place) -> Bool {
    var (next, left) = (head(hash(of: place)).relaxed, capacity)
    while next != 0, next <= state.pointee.everUsed, left > 0 {
      if next == place { return true }
      next = self[next].pointee.next.word.relaxed
      left -= 1
    }
    return false
  }
}
