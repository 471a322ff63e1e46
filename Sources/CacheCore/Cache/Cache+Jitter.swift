import CPlatform
import Synchronization

// Jitter: entries that were stored together, as after a start, would expire
// together, and whoever computes them again would do so all at once. So each
// lifetime may lose a random part, up to a number of thousandths of it.
//
// The random numbers are SplitMix64's, of one state for the whole cache, which each
// takes a step further. Of a cache opened with a hash seed they follow from that,
// so that tests replay exactly; of others from the system's entropy, and the child
// of a fork begins anew.

extension Cache {
  /// The deadline for a lifetime, 1 ms at least, that may be cut: by chance, or by the
  /// end of time. By itself, so that others need one comparison for both.
  @inline(never)
  func extraordinaryDeadline(ttlMs: UInt64) -> UInt64 { clock.deadline(in: shortened(ttlMs)) }

  /// A lifetime, 1 ms at least, and what chance has left of it.
  private func shortened(_ ttlMs: UInt64) -> UInt64 {
    let ttl = min(ttlMs, Clock.farthest)
    let most = min(ttl * region.header.pointee.ttlJitterPermille / 1000, ttl - 1)
    let (_, state) = region.jitterState.pointee.wrappingAdd(KeyHash.step, ordering: .relaxed)
    return ttl - KeyHash.mixed(state).multipliedFullWidth(by: most + 1).high
  }

  /// In the child of a fork: what parent and child store alike is not to expire at
  /// one time in both, unless a seed was given.
  package func beginJitterAnew() {
    guard region.header.pointee.ttlJitterPermille != 0, handle.hashSeed == 0 else { return }
    region.beginJitter(hashSeed: 0)
  }
}

extension Region {
  /// Begins the random numbers of a cache opened with this hash seed; 0: none.
  func beginJitter(hashSeed: UInt64) {
    jitterState.relaxed =
      hashSeed == 0 ? platform_entropy() : KeyHash.mixed(hashSeed &+ 3 &* KeyHash.step)
  }
}
