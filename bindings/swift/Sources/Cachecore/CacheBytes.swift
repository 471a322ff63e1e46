/// What can be a key or a value: bytes of any content.
///
/// `String` (its UTF-8) and `[UInt8]` are. A type of your own conforms by saying what its
/// bytes are, and how it is made of them.
public protocol CacheBytes {
  /// Calls `body` with the bytes.
  func withCacheBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result

  /// What has these bytes; nil if nothing has.
  init?(cacheBytes: UnsafeRawBufferPointer)
}

extension [UInt8]: CacheBytes {
  public func withCacheBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(body)
  }

  public init(cacheBytes: UnsafeRawBufferPointer) { self.init(cacheBytes) }
}

extension String: CacheBytes {
  public func withCacheBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var copy = self
    return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }

  /// nil if the bytes are not UTF-8.
  public init?(cacheBytes: UnsafeRawBufferPointer) {
    self.init(validating: cacheBytes, as: UTF8.self)
  }
}
