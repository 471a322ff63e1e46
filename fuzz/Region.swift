import CPlatform
import CacheCore
import Synchronization

// Attaching to a region that somebody else has written.
//
// The first byte of an input chooses one of a few caches that were filled beforehand;
// what follows, ten bytes at a time, changes words of a copy of its region: which
// part of it, where in that, what to. Attaching to that is refused, or leaves a cache
// that works: nothing is read or written outside the region, nothing traps or hangs,
// and its invariants hold after it has been used for everything.

// MARK: A source of numbers

struct Source {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
  mutating func below(_ n: UInt64) -> UInt64 { next() % n }
}

// MARK: Using a cache

/// Everything a cache is for, at random.
func use(_ cache: Cache, steps: Int, _ source: inout Source) {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
  memory.initializeMemory(as: UInt8.self, repeating: 7)
  defer { memory.deallocate() }
  let key = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
  defer { key.deallocate() }
  var leases: [Cache.Lease] = []
  for _ in 0..<steps {
    let number = source.below(400)
    key.initializeMemory(as: UInt8.self, repeating: UInt8(number & 0xFF))
    let name = UnsafeRawBufferPointer(rebasing: key[..<Int(2 + number % 40)])
    key[0] = UInt8(number >> 8)
    switch source.below(20) {
    case 0..<7:
      let size = Int(source.below([30, 500, 9000][Int(source.below(3))]))
      let ttl = source.below(2) == 0 ? 0 : 1 + source.below(300)
      _ = cache.set(
        name, UnsafeRawBufferPointer(rebasing: memory[..<size]),
        deadline: cache.deadline(ttlMs: ttl))
    case 7..<11:
      var size = 0
      _ = cache.get(name, into: memory, size: &size)
    case 11: _ = cache.delete(name)
    case 12: _ = cache.touch(name, deadline: cache.deadline(ttlMs: 1 + source.below(500)))
    case 13:
      var lease: Cache.Lease?
      if leases.count > 3 {
        cache.release(ticket: leases.removeFirst().ticket)
      } else if cache.acquire(name, &lease) == .ok {
        leases.append(lease!)
      }
    case 14:
      var sum: Int64 = 0
      _ = cache.increment(name, by: 1, initial: 1, deadline: cache.deadline(ttlMs: 0), sum: &sum)
    case 15: if cache.clock.isManual { _ = cache.clock.advance(by: source.below(50)) }
    case 16:
      var pace = Cache.Pace()
      _ = cache.removeExpired(limit: 1 + source.below(50), pace: &pace) { true }
    case 17:
      var (cursor, records) = (source.next(), RecordBuffer(memory))
      cache.scan(&cursor, prefix: UnsafeRawBufferPointer(start: nil, count: 0), into: &records)
    case 18:
      var records = RecordBuffer(memory)
      cache.takeRemovals(into: &records)
    default:
      _ = cache.statistics()
      switch source.below(16) {
      case 0: cache.clear()
      case 1: _ = cache.deletePrefix(UnsafeRawBufferPointer(rebasing: name[..<1]))
      case 2, 3:
        _ = cache.resize(
          maxEntries: 1 + source.below(300), maxBytes: (64 << 10) + source.below(1 << 20))
      default: break
      }
    }
  }
  for lease in leases { cache.release(ticket: lease.ticket) }
}

// MARK: Regions to start from

/// A stretch of a region and what it holds.
struct Stretch {
  let offset: Int
  let bytes: UnsafeMutableRawBufferPointer
}

struct Image {
  let size: UInt64
  var parts: [Stretch] = []
}

/// A cache's region, as much of it as was ever written.
func image(of cache: Cache) -> Image {
  let (region, geometry) = (cache.region, cache.region.header.pointee.geometry)
  var image = Image(size: RegionPage.space(in: region.base).pointee.size)
  func add(_ offset: UInt64, _ address: UnsafeMutableRawPointer, _ size: UInt64) {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(size), alignment: 4096)
    bytes.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(size)))
    image.parts.append(Stretch(offset: Int(offset), bytes: bytes))
  }
  // Behind the shards: their tables of claims, and the last page.
  let rest = geometry.claimsOffset(of: 0, shardCount: cache.shardCount)
  add(rest, region.base + Int(rest), geometry.fixedSize - rest)
  cache.forEachShard { shard in
    add(
      geometry.shardOffset(shard.number), shard.base,
      ShardControl.size(readBuffers: geometry.stripeCount))
    shard.memory.forEachRun(add)
  }
  return image
}

let imageCount = 12

func makeImage(_ number: Int) -> Image {
  let flags: [UInt32] = [0, Options.reportRemovals, Options.noEvict]
  let options = Options(
    policy: UInt32(number & 1), flags: Options.manualClock | flags[number % 3],
    shardCount: number % 4 == 3 ? 2 : 1, maxEntries: number % 2 == 0 ? 200 : 0,
    maxBytes: number % 5 == 0 ? 0 : 256 << 10, defaultTtiMs: number % 4 == 1 ? 400 : 0,
    hashSeed: UInt64(number) + 1)
  var refusal = Refusal.memory
  var bounded = options
  if options.maxEntries == 0, options.maxBytes == 0 { bounded.maxEntries = 150 }
  let cache = Cache.open(bounded, refusal: &refusal)!
  var source = Source(state: UInt64(number))
  use(cache, steps: 1500, &source)
  let result = image(of: cache)
  cache.close()
  return result
}

nonisolated(unsafe) var images: [Image] = []

// MARK: Changing them

/// Writes a word where ten bytes of input say.
func change(_ base: UnsafeMutableRawPointer, _ image: Image, _ input: UnsafeRawPointer) {
  let what = input.load(as: UInt8.self)
  let part = image.parts[Int(what >> 3) % image.parts.count]
  let place = Int(input.loadUnaligned(fromByteOffset: 1, as: UInt32.self)) % part.bytes.count
  let word = input.loadUnaligned(fromByteOffset: 5, as: UInt32.self)
  let at = base + part.offset + place
  switch what & 7 {
  case 0: at.storeBytes(of: at.load(as: UInt8.self) ^ 1 << UInt8(word & 7), as: UInt8.self)
  case 1: at.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
  case 2...4 where place + 4 <= part.bytes.count:
    let aligned = base + part.offset + place / 4 * 4
    let before = aligned.load(as: UInt32.self)
    aligned.storeBytes(
      of: what & 7 == 2 ? word : what & 7 == 3 ? before &+ word % 16 : before &- word % 16,
      as: UInt32.self)
  default:
    guard place + 8 <= part.bytes.count else { return }
    let word64 = what & 7 == 5 ? UInt64(word) : what & 7 == 6 ? ~UInt64(word) : UInt64(word) << 32
    (base + part.offset + place / 8 * 8).storeBytes(of: word64, as: UInt64.self)
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafeRawPointer, _ size: Int) -> Int32 {
  if images.isEmpty { for number in 0..<imageCount { images.append(makeImage(number)) } }
  guard size >= 1 else { return -1 }
  let image = images[Int(data.load(as: UInt8.self)) % images.count]
  guard let base = platform_map(Int(image.size)) else { return -1 }
  for part in image.parts {
    (base + part.offset).copyMemory(from: part.bytes.baseAddress!, byteCount: part.bytes.count)
  }
  var at = 1
  while at + 10 <= size {
    change(base, image, data + at)
    at += 10
  }
  guard let cache = Cache.attach(base, size: image.size) else {
    // One that nobody has changed is not refused.
    precondition(size > 10)
    platform_unmap(base, Int(image.size))
    return 0
  }
  var source = Source(state: size > 4 ? UInt64(data.loadUnaligned(as: UInt32.self)) : 0)
  use(cache, steps: 60, &source)
  cache.checkInvariants()
  cache.close()
  return 0
}
