import CPlatform

// Writing: what changes one entry.

extension Cache {
  /// The deadline for a lifetime as callers give it. `Clock.orItsOwn` is one of
  /// these lifetimes, too: the default, unless there is a live entry.
  @inline(__always)
  package func deadline(ttlMs: UInt64) -> UInt64 {
    if ttlMs != 0, ttlMs < region.header.pointee.ordinaryTtlMs { return clock.exact &+ ttlMs }
    return deadlineOtherwise(ttlMs: ttlMs)
  }

  /// The same for one that is not as long as it says.
  @inline(never)
  private func deadlineOtherwise(ttlMs: UInt64) -> UInt64 {
    let isDefault = ttlMs & ~Clock.orItsOwn == 0
    let ttl = isDefault ? region.header.pointee.defaultTtlMs : ttlMs
    let deadline: UInt64
    if ttl == 0 || ttl == UInt64.max {
      deadline = Clock.never
    } else if ttl < region.header.pointee.ordinaryTtlMs {
      deadline = clock.exact &+ ttl
    } else {
      deadline = extraordinaryDeadline(ttlMs: ttl)
    }
    return isDefault ? deadline | ttlMs : deadline
  }

  @inline(never)
  package func set(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: UInt64,
    if condition: Shard.Condition = .always
  ) -> Outcome {
    set(key, route(key), value, deadline: deadline, if: condition)
  }

  /// The same for a key that has been routed.
  @inline(__always)
  package func set(
    _ key: UnsafeRawBufferPointer, _ route: Route, _ value: UnsafeRawBufferPointer,
    deadline: UInt64, if condition: Shard.Condition = .always
  ) -> Outcome {
    let (shard, parts) = route
    let outcome = storing(in: shard) { now, mayAskOthers in
      shard.recordLifetime(until: deadline, from: now)
      return shard.store(
        parts, key, value, deadline: deadline, if: condition, at: now,
        mayAskOthers: mayAskOthers)
    }
    hastenSweeper(for: deadline)
    return outcome
  }

  /// Shortens an automatic sweeper's interval if it is too long for what is stored.
  @inline(__always)
  package func hastenSweeper(for deadline: UInt64) {
    let deadline = deadline & ~Clock.orItsOwn
    if deadline < region.hastenBefore.relaxed { handle.hastenSweeper() }
  }

  /// As `set` by a point of the wall clock.
  package func set(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, untilUnixMs: Int64
  ) -> Outcome {
    let now = platform_wall_ms()
    if untilUnixMs <= now { return delete(key) == .timeout ? .timeout : .ok }
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
    hastenSweeper(for: deadline)
    return outcome
  }

  package func delete(_ key: UnsafeRawBufferPointer) -> Outcome { delete(key, route(key)) }

  /// The same for a key that has been routed.
  package func delete(_ key: UnsafeRawBufferPointer, _ route: Route) -> Outcome {
    let (shard, parts) = route
    return shard.withLock { shard.delete(parts, key, at: clock.coarse) } ?? shard.giveUpWrite()
  }

  package func touch(_ key: UnsafeRawBufferPointer, deadline: UInt64) -> Outcome {
    let (shard, parts) = route(key)
    let outcome =
      shard.withLock { shard.touch(parts, key, deadline: deadline, at: clock.coarse) }
      ?? shard.giveUpWrite()
    hastenSweeper(for: deadline)
    return outcome
  }
}
