// Lists of entries and of removals, a buffer at a time.

extension Cache {
  /// A cursor is the shard in the high 8 bits, the position in it below.
  private static let positionBits: UInt64 = 56

  /// Lists live entries from `cursor` on, which it moves, 0 at the end; not if the
  /// buffer is too small.
  @discardableResult
  package func scan(
    _ cursor: inout UInt64, prefix: UnsafeRawBufferPointer, withValues: Bool = false,
    into buffer: inout RecordBuffer
  ) -> Outcome {
    let number = cursor >> Cache.positionBits
    guard number < UInt64(shardCount) else {
      cursor = 0
      return .ok
    }
    let shard = shard(UInt32(number))
    let position = cursor & (1 << Cache.positionBits - 1)
    let (now, exactNow) = (clock.coarse, clock.exact)
    let scanned: UInt64?? =
      isReadOnly
      ? shard.scanUnlocked(
        from: position, prefix: prefix, withValues: withValues, into: &buffer, at: now,
        exactNow: exactNow)
      : shard.withLock {
        shard.scan(
          from: position, prefix: prefix, withValues: withValues, into: &buffer, at: now,
          exactNow: exactNow)
      }
    guard let next = scanned else { return .timeout }
    if buffer.isTooSmall { return .tooSmall }
    if let next {
      cursor = number << Cache.positionBits | next
    } else {
      cursor = number + 1 < UInt64(shardCount) ? (number + 1) << Cache.positionBits : 0
    }
    return .ok
  }

  /// Takes removals from each shard in turn, as long as the buffer has room.
  /// `miss` if there is none.
  @discardableResult
  package func takeRemovals(into buffer: inout RecordBuffer) -> Outcome {
    guard region.header.pointee.reportsRemovals else { return .state }
    forEachShard { shard in
      if buffer.needed == 0 { _ = shard.withLock { shard.takeRemovals(into: &buffer) } }
    }
    return buffer.isTooSmall ? .tooSmall : buffer.count == 0 ? .miss : .ok
  }
}
