import CPlatform

/// The hash of a key: seeded, so that keys cannot be crafted to collide by
/// somebody who does not know the seed.
///
/// Each step multiplies two 64-bit words into 128 bits and folds the halves
/// together, which spreads every input bit over the result in one instruction;
/// the idea is that of Wang Yi's wyhash, the arrangement is ours. Both factors
/// of every product are masked by a secret, so no input makes one of them zero
/// for every seed. 16 bytes take about 3 ns.
package struct KeyHash {
  private let key0: UInt64
  private let key1: UInt64

  @inline(__always)
  package init(key0: UInt64, key1: UInt64) {
    self.key0 = key0
    self.key1 = key1
  }

  /// For what must be as hard to foresee as the hash.
  package var secret: UInt64 { key0 }

  /// Two secrets from one seed (Steele, Lea, Flood: SplitMix64).
  package static func keys(seed: UInt64) -> (UInt64, UInt64) {
    (mixed(seed &+ step), mixed(seed &+ 2 &* step))
  }

  /// SplitMix64: the states are a step apart, and what is mixed of them is random.
  package static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
  package static func mixed(_ state: UInt64) -> UInt64 {
    var z = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  @inline(__always)
  package func callAsFunction(_ key: UnsafeRawBufferPointer) -> UInt64 {
    var at = key.baseAddress!
    var left = key.count
    // The length is part of the start, since the tail's loads overlap.
    var state = key0 ^ UInt64(truncatingIfNeeded: left) &* 0xA076_1D64_78BD_642F
    while left > 16 {
      state = folded(platform_load64(at) ^ key1, platform_load64(at + 8) ^ state)
      at += 16
      left -= 16
    }
    let (a, b): (UInt64, UInt64)
    if left >= 8 {
      (a, b) = (platform_load64(at), platform_load64(at + left - 8))
    } else if left >= 4 {
      (a, b) = (UInt64(platform_load32(at)), UInt64(platform_load32(at + left - 4)))
    } else {
      let bytes = at.assumingMemoryBound(to: UInt8.self)
      a = UInt64(bytes[0]) << 16 | UInt64(bytes[left >> 1]) << 8 | UInt64(bytes[left - 1])
      b = 0
    }
    state = folded(a ^ key1, b ^ state)
    return folded(state ^ key0, key1)
  }

  @inline(__always)
  private func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }
}

/// The parts of a hash, each for its own purpose.
package struct HashParts {
  package let hash: UInt64
  @inline(__always) package init(_ hash: UInt64) { self.hash = hash }
  /// Chooses the shard.
  @inline(__always) package var forShard: UInt32 { UInt32(truncatingIfNeeded: hash & 0xFF) }
  /// Chooses the bucket.
  @inline(__always) package var forIndex: UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }
  /// Stands for the key in its bucket.
  @inline(__always) package var tag: UInt8 { HashParts.tag(forIndex) }

  /// Eight bits of the index's hash that choose neither its group (the top six)
  /// nor, below a hundred million entries, a bucket in the group (the low ones).
  /// Never 0, which marks a free slot.
  @inline(__always)
  package static func tag(_ forIndex: UInt32) -> UInt8 {
    max(1, UInt8(truncatingIfNeeded: forIndex >> 18))
  }
}
