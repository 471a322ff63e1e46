// The lifetimes that are stored, for the pace of an automatic sweeper (Sweeper,
// "Pace").

extension Shard {
  /// Shorter and longer lifetimes than these ask for no other pace.
  package static let shortLifetimeMs: UInt64 = 50
  package static let longLifetimeMs: UInt64 = 5_000

  /// Lifetimes stored, for the pace of an automatic sweeper: the average of about
  /// the last sixteen. Limited to what makes a difference, so that a few very long
  /// ones do not outweigh the rest.
  @inline(__always)
  package func recordLifetime(until deadline: UInt64, from now: UInt64) {
    guard deadline < Clock.never, deadline > now else { return }
    let lifetime = min(max(deadline - now, Shard.shortLifetimeMs), Shard.longLifetimeMs)
    let before = counters.pointee.lifetimesMs
    counters.pointee.lifetimesMs =
      before == 0 ? 16 &* lifetime : before &- before / 16 &+ lifetime
  }

  /// That average; 0: no lifetime was stored yet.
  package var averageLifetimeMs: UInt64 { counters.pointee.lifetimesMs / 16 }
}
