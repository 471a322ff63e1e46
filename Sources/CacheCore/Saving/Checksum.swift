import CPlatform

/// XXH64 (Yann Collet, "xxHash fast digest algorithm", doc/xxhash_spec.md of xxHash 0.8):
/// 64 bits of checksum, at the speed of memory, without tables. It finds what a disk or a
/// network damages; it is no proof against somebody who writes the file.
///
/// Four accumulators take 8 bytes each in turn; what is short of 32 bytes waits for more,
/// so that the bytes may come in pieces of any size.
package struct Checksum {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  private let seed: UInt64
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64
  private var count: UInt64 = 0
  /// Bytes that wait: 0 to 31.
  private var waiting = 0
  private var rest = InlineArray<4, UInt64>(repeating: 0)

  package init(seed: UInt64) {
    self.seed = seed
    a = seed &+ Checksum.prime1 &+ Checksum.prime2
    b = seed &+ Checksum.prime2
    c = seed
    d = seed &- Checksum.prime1
  }

  /// Of one piece.
  package static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    var checksum = Checksum(seed: seed)
    checksum.add(bytes)
    return checksum.value
  }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard var at = bytes.baseAddress else { return }
    var left = bytes.count
    count &+= UInt64(left)
    if waiting > 0 {
      let part = min(32 - waiting, left)
      let start = waiting
      withUnsafeMutableBytes(of: &rest) { _ = memcpy($0.baseAddress! + start, at, part) }
      waiting += part
      at += part
      left -= part
      guard waiting == 32 else { return }
      waiting = 0
      mix(rest[0], rest[1], rest[2], rest[3])
    }
    while left >= 32 {
      mix(
        platform_load64(at), platform_load64(at + 8), platform_load64(at + 16),
        platform_load64(at + 24))
      at += 32
      left -= 32
    }
    let tail = left
    if tail > 0 { withUnsafeMutableBytes(of: &rest) { _ = memcpy($0.baseAddress!, at, tail) } }
    waiting = left
  }

  @inline(__always)
  private mutating func mix(_ w: UInt64, _ x: UInt64, _ y: UInt64, _ z: UInt64) {
    a = Checksum.round(a, w)
    b = Checksum.round(b, x)
    c = Checksum.round(c, y)
    d = Checksum.round(d, z)
  }

  @inline(__always)
  private static func rotated(_ word: UInt64, by bits: UInt64) -> UInt64 {
    word &<< bits | word &>> (64 - bits)
  }

  @inline(__always)
  private static func round(_ accumulator: UInt64, _ word: UInt64) -> UInt64 {
    rotated(accumulator &+ word &* prime2, by: 31) &* prime1
  }

  @inline(__always)
  private static func merged(_ hash: UInt64, _ accumulator: UInt64) -> UInt64 {
    (hash ^ round(0, accumulator)) &* prime1 &+ prime4
  }

  /// Of all that was added.
  package var value: UInt64 {
    var hash = seed &+ Checksum.prime5
    if count >= 32 {
      hash =
        Checksum.rotated(a, by: 1) &+ Checksum.rotated(b, by: 7) &+ Checksum.rotated(c, by: 12)
        &+ Checksum.rotated(d, by: 18)
      hash = Checksum.merged(hash, a)
      hash = Checksum.merged(hash, b)
      hash = Checksum.merged(hash, c)
      hash = Checksum.merged(hash, d)
    }
    hash &+= count
    withUnsafeBytes(of: rest) { bytes in
      var at = bytes.baseAddress!
      var left = waiting
      while left >= 8 {
        hash ^= Checksum.round(0, platform_load64(at))
        hash = Checksum.rotated(hash, by: 27) &* Checksum.prime1 &+ Checksum.prime4
        at += 8
        left -= 8
      }
      if left >= 4 {
        hash ^= UInt64(platform_load32(at)) &* Checksum.prime1
        hash = Checksum.rotated(hash, by: 23) &* Checksum.prime2 &+ Checksum.prime3
        at += 4
        left -= 4
      }
      while left > 0 {
        hash ^= UInt64(at.load(as: UInt8.self)) &* Checksum.prime5
        hash = Checksum.rotated(hash, by: 11) &* Checksum.prime1
        at += 1
        left -= 1
      }
    }
    hash = (hash ^ hash &>> 33) &* Checksum.prime2
    hash = (hash ^ hash &>> 29) &* Checksum.prime3
    return hash ^ hash &>> 32
  }
}
