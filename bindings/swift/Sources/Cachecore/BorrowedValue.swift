import CCacheCore

/// A value that the cache has lent, without a copy.
///
/// The bytes stay as they are until this value ends, whatever happens to the entry and the
/// cache meanwhile, and count against the bound for as long. It is given back when it goes
/// out of scope, or by `release`.
public struct BorrowedValue: ~Copyable, @unchecked Sendable {
  private var value: cachecore_value_t

  init(_ value: cachecore_value_t) { self.value = value }

  deinit {
    var value = value
    cachecore_release(&value)
  }

  public var count: Int { value.size }

  /// Calls `body` with the bytes, which must not be kept.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: value.data, count: value.size))
  }

  /// Gives the value back now.
  public consuming func release() {}
}
