import CPlatform

/// A file that is open, and the error of what last failed on it.
struct OpenFile: ~Copyable {
  private let descriptor: Int32

  deinit { platform_close_file(descriptor) }

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Opens a file, or says why not.
  static func open(
    _ path: UnsafePointer<CChar>, in folder: Int32 = AT_FDCWD, _ flags: Int32, mode: UInt32 = 0,
    _ outcome: inout Outcome
  ) -> OpenFile? {
    let result = platform_open(folder, path, flags, mode)
    if result >= 0 { return OpenFile(Int32(result)) }
    outcome = OpenFile.outcome(of: result)
    return nil
  }

  /// For calls that want the descriptor.
  var number: Int32 { descriptor }

  /// Writes all of it, or says why not.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Outcome {
    guard let start = bytes.baseAddress else { return .ok }
    var done = 0
    while done < bytes.count {
      let result = platform_write(
        descriptor, start + done, bytes.count - done, offset + UInt64(done))
      if result <= 0 { return result == 0 ? .noMemory : OpenFile.outcome(of: result) }
      done += result
    }
    return .ok
  }

  /// Reads as much as there is; whether that is all that was asked for.
  func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
    guard let start = bytes.baseAddress else { return true }
    var done = 0
    while done < bytes.count {
      let result = platform_read_file(
        descriptor, start + done, bytes.count - done, offset + UInt64(done))
      if result <= 0 { return false }
      done += result
    }
    return true
  }

  /// On the disk, as far as its file system has such a thing.
  func sync() -> Outcome {
    let result = platform_sync(descriptor)
    return result == 0 || result == Int(-EINVAL) ? .ok : OpenFile.outcome(of: result)
  }

  func status(_ status: inout platform_file_kind_t) -> Outcome {
    OpenFile.outcome(of: platform_stat(descriptor, &status))
  }

  /// What a system call's result means to a caller.
  static func outcome(of result: Int) -> Outcome {
    if result >= 0 { return .ok }
    switch Int32(-result) {
    case EACCES, EPERM, EROFS: return .access
    case ENOENT, ENOTDIR: return .state
    case ELOOP, EISDIR, ENXIO, ENOTEMPTY, EEXIST: return .layout
    case ENAMETOOLONG, EINVAL: return .argument
    default: return .noMemory  // ENOSPC, EDQUOT, EFBIG, EMFILE, EIO, ...
    }
  }
}
