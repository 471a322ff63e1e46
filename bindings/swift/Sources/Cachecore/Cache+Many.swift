import CCacheCore

/// Elements end to end in one block, and where each begins.
private struct Block {
  var bytes: [UInt8] = []
  var offsets: [Int] = [0]

  init<Elements: Sequence>(_ elements: Elements) where Elements.Element: CacheBytes {
    for element in elements {
      element.withCacheBytes { bytes += $0 }
      offsets.append(bytes.count)
    }
    if bytes.isEmpty { bytes = [0] }  // so that it is somewhere
  }

  var count: Int { offsets.count - 1 }
}

extension Cache {
  /// The values of all keys in their order, nil for a miss; one call.
  public func getMany(_ keys: [Key]) throws(CacheError) -> [Value?] {
    let block = Block(keys)
    var sizes = [Int](repeating: 0, count: keys.count)
    var statuses = [cachecore_status_t](repeating: 0, count: keys.count)
    var arena = [UInt8](repeating: 0, count: 128 * keys.count)
    let status = cachecore_get_packed(
      handle, keys.count, block.bytes, block.offsets, &arena, arena.count, &sizes, &statuses)
    if status != CACHECORE_E_TOO_SMALL.asStatus { try check(status) }
    var values: [Value?] = []
    values.reserveCapacity(keys.count)
    var start = 0
    for (i, key) in keys.enumerated() {
      switch statuses[i] {
      case CACHECORE_OK.asStatus:
        let place = start..<start + sizes[i]
        values.append(
          arena.withUnsafeBytes {
            Value(cacheBytes: UnsafeRawBufferPointer(rebasing: $0[place]))
          })
        start += sizes[i]
      // It has been counted.
      case CACHECORE_E_TOO_SMALL.asStatus: values.append(try peek(key))
      default:
        try check(statuses[i])
        values.append(nil)
      }
    }
    return values
  }

  /// Stores all pairs in order, in one call. Each is attempted; the first error is thrown.
  public func setMany(_ pairs: [(key: Key, value: Value)], lifetime: Lifetime = .byDefault)
    throws(CacheError)
  {
    let keys = Block(pairs.lazy.map(\.key))
    let values = Block(pairs.lazy.map(\.value))
    let lifetimes = [UInt64](repeating: try lifetime.milliseconds, count: pairs.count)
    var statuses = [cachecore_status_t](repeating: 0, count: pairs.count)
    let status = cachecore_set_packed(
      handle, pairs.count, keys.bytes, keys.offsets, values.bytes, values.offsets, lifetimes,
      &statuses)
    for status in statuses { try check(status) }
    try check(status)
  }

  /// How many of the entries that it removed were live.
  @discardableResult
  public func removeMany(_ keys: [Key]) throws(CacheError) -> Int {
    let block = Block(keys)
    var removed: UInt64 = 0
    try check(
      cachecore_delete_packed(
        handle, keys.count, block.bytes, block.offsets, nil, &removed))
    return Int(removed)
  }
}
