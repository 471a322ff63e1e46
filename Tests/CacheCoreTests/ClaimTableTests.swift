import CPlatform
import CacheCore
import SeededRandom
import Synchronization
import Testing

@Suite struct ClaimTableTests {
  /// A table with room for 16, in a shard of its own.
  private func table() throws -> (TestCache, ClaimTable) {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 1, maxEntries: 16, hashSeed: 1)))
    return (cache, cache.cache.shard(0).claims)
  }

  private func standing(_ claims: ClaimTable, _ hash: UInt64, at now: UInt64) -> UInt64? {
    if case .claimed(let token, _) = claims.standing(hash, at: now) { return token }
    return nil
  }

  /// Against a plain list: the same claims, in the same order, in few chains.
  @Test(arguments: [1, 3, 1000])
  func againstAPlainList(chains: Int) throws {
    struct Claim {
      var (hash, token, end, isPause): (UInt64, UInt64, UInt64, Bool)
    }
    let seed = UInt64.random(in: 1 ... .max)
    var random = Random(seed: seed)
    let (cache, claims) = try table()
    defer { cache.close() }
    var model: [Claim] = []
    var (now, last): (UInt64, UInt64) = (1, 0)
    for step in 0..<20_000 {
      let context: Comment = "seed \(seed), step \(step)"
      // Chains are chosen by the bits from 8 on.
      let hash = UInt64(random.below(40)) << 32 | UInt64(random.below(chains)) << 8
      let place = claims.find(hash)
      #expect((place != nil) == model.contains { $0.hash == hash }, context)
      switch random.below(10) {
      case 0..<5:
        if let place {
          #expect(claims.hash(of: place) == hash, context)
        } else {
          let oldest = claims.oldestIfFull
          #expect((oldest != nil) == (model.count == 16), context)
          if let oldest {
            #expect(claims.hash(of: oldest) == model[0].hash, context)
            claims.remove(oldest)
            model.removeFirst()
          }
          let (end, isPause) = (now + UInt64(random.below(30)), random.chance(20))
          let token = bytes("key").withUnsafeBytes {
            claims.add(hash, $0, from: now, to: end, asPause: isPause)
          }
          #expect((token == 0) == isPause, context)
          #expect(isPause || token > last, context)
          last = max(last, token)
          model.append(Claim(hash: hash, token: token, end: end, isPause: isPause))
        }
      case 5..<7:
        if let place {
          claims.remove(place)
          model.removeAll { $0.hash == hash }
        }
      case 7: now += UInt64(random.below(10))
      case 8:
        if random.chance(2) {
          claims.clear()
          model = []
        }
      default:
        let claim = model.first { $0.hash == hash && $0.end > now }
        #expect(standing(claims, hash, at: now) == (claim?.isPause == false ? claim?.token : nil))
        if case .paused = claims.standing(hash, at: now) {
          #expect(claim?.isPause == true, context)
        } else {
          #expect(claim?.isPause != true, context)
        }
        if let claim, !claim.isPause {
          let place = try #require(claims.find(hash, token: claim.token), context)
          #expect(claims.end(of: place) == claim.end && claims.stands(place, at: now), context)
          #expect(claims.find(hash, token: claim.token + 256) == nil, context)
        }
        #expect(claims.find(hash, token: 0) == nil, context)
      }
      #expect(claims.isEmpty == model.isEmpty, context)
      if step % 20 == 0 { try claims.checkInvariants() }
    }
    // By age, from the oldest on.
    var hashes: [UInt64] = []
    bytes("k").withUnsafeBytes { prefix in
      claims.forEach(mayHavePrefix: prefix) { hashes.append(claims.hash(of: $0)) }
    }
    #expect(hashes == model.map(\.hash), "seed \(seed)")
  }

  /// A body that removes what it is called with is called with all the others too.
  @Test func eachMayBeRemovedAsItIsListed() throws {
    let (cache, claims) = try table()
    defer { cache.close() }
    let keys = (0..<16).map { bytes($0 % 2 == 0 ? "even \($0)" : "odd \($0)") }
    for (number, key) in keys.enumerated() {
      _ = key.withUnsafeBytes { claims.add(UInt64(number) << 32, $0, from: 1, to: 100) }
    }
    bytes("even").withUnsafeBytes { claims.forEach(mayHavePrefix: $0) { claims.remove($0) } }
    try claims.checkInvariants()
    for number in 0..<16 {
      #expect((claims.find(UInt64(number) << 32) == nil) == (number % 2 == 0))
    }
    bytes("").withUnsafeBytes { claims.forEach(mayHavePrefix: $0) { claims.remove($0) } }
    #expect(claims.isEmpty)
    try claims.checkInvariants()
  }

  /// Tokens name their shard, and go on from where they were.
  @Test func tokensOfShardsDiffer() throws {
    let cache = try #require(
      TestCache(Options(flags: Options.manualClock, shardCount: 4, maxEntries: 1000)))
    defer { cache.close() }
    var tokens: Set<UInt64> = []
    for number in 0..<4 {
      let claims = cache.cache.shard(UInt32(number)).claims
      for round in 0..<20 {
        let token = bytes("key").withUnsafeBytes { claims.add(1, $0, from: 1, to: 2) }
        #expect(Int(token & 0xFF) == number && tokens.insert(token).inserted)
        if round % 2 == 0 { claims.clear() } else { claims.remove(claims.find(1)!) }
      }
    }
  }

  // MARK: Without the lock

  /// One who reads while the table changes is told so, or was told what was so at one
  /// moment: never of another key's claim, and never that there is none between two
  /// claims of which the later one replaces the earlier within one change.
  @Test func readersAreNeverToldWhatNeverWas() throws {
    let (cache, claims) = try table()
    defer { cache.close() }
    let shared = Shared(claims)
    let context = Unmanaged.passUnretained(shared).toOpaque()
    var thread: UInt64 = 0
    let error = platform_thread_start(
      &thread, 1 << 20,
      { context in
        Unmanaged<Shared>.fromOpaque(context!).takeUnretainedValue().changeAll()
        return nil
      }, context)
    try #require(error == 0)
    var (settled, wrong) = (0, 0)
    while !shared.isOver {
      // This one stands all the time, in the middle of a chain that changes.
      switch claims.standing(Shared.stays, at: 1) {
      case .unsettled: continue
      case .claimed(let token, _): if token != shared.token { wrong += 1 }
      default: wrong += 1
      }
      settled += 1
    }
    platform_thread_join(thread)
    #expect(wrong == 0 && settled > 0, "\(wrong) of \(settled)")
    try claims.checkInvariants()
  }

  private final class Shared: @unchecked Sendable {
    static let stays: UInt64 = 7 << 32
    let claims: ClaimTable
    let token: UInt64
    private let over = Atomic<Bool>(false)

    init(_ claims: ClaimTable) {
      self.claims = claims
      token = bytes("key").withUnsafeBytes { claims.add(Shared.stays, $0, from: 1, to: 1000) }
    }

    var isOver: Bool { over.load(ordering: .acquiring) }

    /// Claims of the same chain come and go around it.
    func changeAll() {
      var random = Random(seed: 3)
      for _ in 0..<200_000 {
        let hash = UInt64(8 + random.below(6)) << 32
        if let place = claims.find(hash) {
          claims.remove(place)
        } else {
          _ = bytes("key").withUnsafeBytes { claims.add(hash, $0, from: 1, to: 1000) }
        }
      }
      over.store(true, ordering: .releasing)
    }
  }
}
