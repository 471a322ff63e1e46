import CPlatform

/// A lock on one byte of a shared cache's file, which ends when its holder ends, however
/// that comes about.
///
/// The lock is one of an open file description (F_OFD_SETLK), and that description lives
/// on in a mapping alone: the file is opened, the byte locked, a page mapped, and the
/// descriptor closed. So
///
/// - it ends with the process's memory: after kill -9, a crash, exec, exit;
/// - the program cannot drop it, whatever descriptors it closes, as it would a POSIX lock;
/// - the child of a fork does not keep it: the mapping is not inherited (MADV_DONTFORK);
/// - it is nobody's by number: no process id is read as of another namespace, or reused.
///
/// What must hold: between opening and closing the descriptor the process does not fork,
/// or the child keeps the lock until it runs another program or ends. So whoever takes one
/// has the lock that fork handlers take.
///
/// It ends only after the memory of a killed process was taken apart, which takes 80 ms a
/// gigabyte (Tests/C/sharing_probe_test.c); who cannot wait so long asks `Proc` as well.
package struct FileLock {
  /// The page that keeps it.
  let anchor: UnsafeMutableRawPointer

  init(anchor: UnsafeMutableRawPointer) { self.anchor = anchor }

  package func release() { platform_drop_anchor(anchor) }

  // MARK: Which

  /// Bytes to lock. They lie beyond all that is stored.
  package enum Byte {
    /// Held by who makes a cache in the file, or looks whether there is one.
    package static let opening: UInt64 = 1 << 40
    /// Held by the process whose sweeper leads.
    package static let leader: UInt64 = opening + 1
    /// Held, with others, by each process that has the cache for reading alone: the file is
    /// not emptied under them.
    package static let looking: UInt64 = opening + 2
    /// And those after it: held by the process in that slot.
    package static let firstSlot: UInt64 = 1 << 41
  }

  // MARK: Taking

  private static let firstNapNs: UInt64 = 100_000
  private static let longestNapNs: UInt64 = 5_000_000

  /// Waits so long at most; then the refusal is `timeout`.
  package static func take(
    _ byte: UInt64, of file: SharedFile, patienceNs: UInt64 = 0, refusal: inout FileRefusal
  ) -> FileLock? {
    let start = platform_now_ns()
    var nap = firstNapNs
    while true {
      let taken = takeFirst(of: byte..<byte + 1, of: file, refusal: &refusal) { _ in true }
      if let (lock, _) = taken { return lock }
      let elapsed = platform_now_ns() - start
      if refusal != .timeout || elapsed >= patienceNs { return nil }
      platform_nap(min(nap, patienceNs - elapsed))
      nap = min(2 * nap, longestNapNs)
    }
  }

  /// The first of these bytes that nobody has and that will do; if there is none, the
  /// refusal is `timeout`. Does not wait.
  static func takeFirst(
    of bytes: Range<UInt64>, of file: SharedFile, refusal: inout FileRefusal,
    where willDo: (UInt64) -> Bool
  ) -> (lock: FileLock, byte: UInt64)? {
    guard let descriptor = file.reopened(refusal: &refusal) else { return nil }
    var locked: (lock: FileLock, byte: UInt64)?
    refusal = .timeout
    for byte in bytes where willDo(byte) {
      let result = platform_lock_byte(descriptor, byte, file.isReadOnly)
      if result == 0 {
        if let anchor = platform_anchor(descriptor) {
          locked = (FileLock(anchor: anchor), byte)
        } else {
          refusal = .noMemory
        }
        break
      }
      if result != -Int(EAGAIN) && result != -Int(EACCES) {
        refusal = result == -Int(ENOLCK) ? .noMemory : .fileSystem
        break
      }
    }
    platform_close_file(descriptor)
    guard let (lock, byte) = locked else { return nil }
    // On a file system that maps another file than it opens the lock has just ended.
    if isTaken(byte, of: file) == true { return (lock, byte) }
    lock.release()
    refusal = .fileSystem
    return nil
  }

  /// Whether somebody has it, this process included; nil: it cannot be found out.
  package static func isTaken(_ byte: UInt64, of file: SharedFile) -> Bool? {
    guard let descriptor = file.descriptor else { return nil }
    let result = platform_is_byte_locked(descriptor, byte)
    return result < 0 ? nil : result == 1
  }
}
