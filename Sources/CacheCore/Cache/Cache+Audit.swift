/// A look at every entry: how many there are of each kind, and, if asked for,
/// the removal of some kinds. For whoever keeps a cache in order and wants to
/// know what is in it before anything is thrown away.
package struct Audit {
  /// Kinds of entries, any number of which one may be at a time.
  package enum Kind {
    package static let expired: UInt32 = 1 << 0
    package static let nearExpiry: UInt32 = 1 << 1
    package static let withoutExpiry: UInt32 = 1 << 2
    package static let idle: UInt32 = 1 << 3
    package static let all = expired | nearExpiry | withoutExpiry | idle
  }

  package struct Options {
    /// Kinds to remove; 0: only look.
    package var removing: UInt32 = 0
    package var nearExpiryMs: UInt64 = 60_000
    package var idleMs: UInt64 = 30 * 86_400_000
    /// Entries that are looked at in one go.
    package var batchSize: UInt64 = 100
    package init() {}
  }

  package var scanned: UInt64 = 0
  package var expired: UInt64 = 0
  package var nearExpiry: UInt64 = 0
  package var withoutExpiry: UInt64 = 0
  package var idle: UInt64 = 0
  package var removed: UInt64 = 0
  package var bytes: UInt64 = 0
  package var removedBytes: UInt64 = 0
  // Sums that could be longer than 64 bits.
  private var ttlMs = 0.0
  private var ageMs = 0.0

  /// Averages over the live entries, the first over those that expire; nil
  /// where there are none.
  package var averageTtlMs: UInt64? { average(ttlMs, scanned - expired - withoutExpiry) }
  package var averageAgeMs: UInt64? { average(ageMs, scanned - expired) }

  private func average(_ sum: Double, _ count: UInt64) -> UInt64? {
    count == 0 ? nil : UInt64(sum / Double(count))
  }

  /// Counts an entry, and removes it if it is of a kind that is to be.
  fileprivate mutating func look(
    at ref: Ref, in shard: Shard, at now: UInt64, _ options: Options
  ) {
    let entry = shard.entry(ref)
    let (access, expiry) = (entry.access, entry.expiry)
    let size = UInt64(entry.units) * UInt64(Entry.unit)
    let kinds = kinds(of: access, expiry, in: shard, at: now, options)
    scanned += 1
    bytes += size
    if kinds & Kind.expired != 0 { expired += 1 }
    if kinds & Kind.nearExpiry != 0 { nearExpiry += 1 }
    if kinds & Kind.withoutExpiry != 0 { withoutExpiry += 1 }
    if kinds & Kind.idle != 0 { idle += 1 }
    if kinds & Kind.expired == 0 {
      let stored = entry.storedMs
      ageMs += Double(now - min(now, stored))
      if kinds & Kind.withoutExpiry == 0 { ttlMs += Double(shard.end(access, expiry) - now) }
    }
    guard kinds & options.removing != 0 else { return }
    removed += 1
    removedBytes += size
    shard.remove(ref, because: kinds & Kind.expired == 0 ? .deleted : .expired)
  }

  private func kinds(
    of access: Entry.Access, _ expiry: Entry.Expiry, in shard: Shard, at now: UInt64,
    _ options: Options
  ) -> UInt32 {
    if shard.isExpired(access, expiry, at: now) { return Kind.expired }
    let end = shard.end(access, expiry)
    var kinds: UInt32 = 0
    if end == Clock.never {
      kinds |= Kind.withoutExpiry
    } else if end - now <= options.nearExpiryMs {
      kinds |= Kind.nearExpiry
    }
    if now - min(now, access.lastUsed) >= options.idleMs { kinds |= Kind.idle }
    return kinds
  }
}

extension Cache {
  /// Looks at every entry with the prefix, a batch at a time, and at none twice.
  package func audit(_ prefix: UnsafeRawBufferPointer, _ options: Audit.Options) -> Audit {
    var audit = Audit()
    forEachShard { shard in
      let removedBefore = audit.removed
      var position: UInt64 = 0
      inSlices(shard) { _ in
        let now = clock.coarse
        let next = shard.walk(prefix, from: position, limit: options.batchSize) { ref in
          // What is past its deadline and still of use is nobody's to look at.
          let isLive = shard.isLive(ref, at: now)
          if isLive || !shard.isInWindow(ref, at: now) {
            audit.look(at: ref, in: shard, at: now, options)
          }
        }
        position = next ?? 0
        return next == nil
      }
      if audit.removed > removedBefore { trim(shard) }
    }
    return audit
  }
}
