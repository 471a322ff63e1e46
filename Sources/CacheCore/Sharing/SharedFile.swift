import CPlatform
import Synchronization

/// The file that a shared cache lies in: at a path, or in memory without a name.
///
/// `open` gives it under the lock of opening, so that of many processes one makes the cache
/// and the others find it made. Whoever gets it with `isEmpty` makes a cache: sets the
/// size, maps it, fills it, and **writes the region's magic last**, over the mark that
/// `open` left in its place. Everybody then calls `finish`, or `close` if something was
/// wrong. A process that is killed in between leaves the mark, or an empty file, and the
/// next one begins afresh.
///
/// What must hold:
///
/// - Nothing of somebody else's is changed. A file is looked at before it is written to: a
///   regular one, of this user, with one name, which nobody else may write to, in a
///   directory that others may not change, empty or with our mark. `replace` never writes
///   to the file that it replaces.
/// - The program may close any descriptor, also ours. Ours has a high number, and is held
///   against the file's inode before each use; where it is gone, it is opened again by the
///   path. A file in memory cannot be: then what needs a descriptor fails (a lock is not
///   known to be free, the file does not grow), and what is mapped goes on.
/// - No signal for what is a status: a size beyond the process's limit (SIGXFSZ) is not
///   asked for, and a page that the file system may not have room for (SIGBUS) is not
///   written to before `commit` said that it is there. What cannot be prevented is that
///   somebody else truncates the file; in memory it is sealed against that.
/// - A lock belongs to an open file description, so each `SharedFile` has one of its own,
///   also one that was made of a descriptor that other processes have.
package struct SharedFile {
  package let words: UnsafeMutablePointer<SharedFileWords>

  package init(words: UnsafeMutablePointer<SharedFileWords>) { self.words = words }

  package enum Flag {
    /// The first four as the C contract numbers them.
    package static let createOnly: UInt32 = 1 << 0
    package static let attachOnly: UInt32 = 1 << 1
    package static let replace: UInt32 = 1 << 2
    package static let readOnly: UInt32 = 1 << 3
    package static let all = createOnly | attachOnly | replace | readOnly

    /// Not finished yet: a cache is to be made.
    static let isEmpty: UInt32 = 1 << 16
    /// Not finished yet: we made the file.
    static let isOurs: UInt32 = 1 << 17
    /// It has no name.
    static let isNameless: UInt32 = 1 << 18
    /// A hole in it could be a SIGBUS for a late reader.
    static let keepsPages: UInt32 = 1 << 19
  }

  /// How long another may be at making a cache in the file.
  static let patienceNs: UInt64 = 5_000_000_000

  // MARK: What it is

  /// Whether a cache is to be made in it; else there is one. Until `finish`.
  package var isEmpty: Bool { has(Flag.isEmpty) }
  package var isReadOnly: Bool { has(Flag.readOnly) }
  /// Whether the cache lives in memory that has no name.
  package var isNameless: Bool { has(Flag.isNameless) }

  func has(_ flag: UInt32) -> Bool { words.pointee.flags & flag != 0 }

  var isAtPath: Bool { words.pointee.pathSize != 0 }

  /// Absolute.
  var path: UnsafePointer<CChar> {
    UnsafeRawPointer(words + 1).assumingMemoryBound(to: CChar.self)
  }

  /// Where the file is that will replace the one at `path`.
  var newPath: UnsafePointer<CChar> { path + Int(words.pointee.pathSize) }

  /// Where the file is now, if it is at a path.
  var presentPath: UnsafePointer<CChar> { has(Flag.replace) ? newPath : path }

  /// Bytes of the file; nil: not to be found out.
  package var size: UInt64? {
    guard let descriptor else { return nil }
    var status = platform_file()
    return platform_file_status(descriptor, "", true, &status) == 0 ? status.size : nil
  }

  /// Bytes that the file has room for, in fact; 0 if that is not to be found out.
  package var allocated: UInt64 {
    guard let descriptor else { return 0 }
    var status = platform_file()
    return platform_file_status(descriptor, "", true, &status) == 0 ? status.allocated : 0
  }

  /// Has everything written that was stored in it; false if that is not known.
  package func synchronize() -> Bool {
    guard let descriptor else { return false }
    return platform_sync(descriptor) == 0
  }

  /// Bytes that the file system can ever hold, and holds room for now. For memory without
  /// a bound: what the machine has.
  package var space: (bytes: UInt64, available: UInt64) {
    var space = platform_space()
    if let descriptor { _ = platform_file_space(descriptor, &space) }
    if space.bytes != 0 { return (space.bytes, space.available) }
    let memory = platform_physical_bytes()
    return (memory, memory)
  }

  /// Whether the file is no longer where it was opened, so that who opens that path has
  /// another cache.
  package var isUnlinked: Bool {
    if isAtPath { return !isAt(path) }
    var status = platform_file()
    guard !isNameless, let descriptor,
      platform_file_status(descriptor, "", true, &status) == 0
    else { return false }
    return status.links == 0
  }

  // MARK: Its descriptor

  /// Where the file is open; nil: nowhere any more.
  package var descriptor: Int32? {
    let number = words.pointee.descriptor.word.relaxed
    let descriptor = Int32(bitPattern: number)
    if isOpen(at: descriptor) { return descriptor }
    guard let reopened = reopenedByPath() else { return nil }
    let fresh = SharedFile.moved(reopened)
    let outcome = words.pointee.descriptor.word.pointee.compareExchange(
      expected: number, desired: UInt32(bitPattern: fresh), ordering: .relaxed)
    if outcome.exchanged { return fresh }
    // Another thread was faster.
    platform_close_file(fresh)
    let other = Int32(bitPattern: outcome.original)
    return isOpen(at: other) ? other : nil
  }

  func isOpen(at descriptor: Int32) -> Bool {
    var status = platform_file()
    return platform_file_status(descriptor, "", true, &status) == 0 && isThis(status)
  }

  func isAt(_ path: UnsafePointer<CChar>) -> Bool {
    var status = platform_file()
    return platform_file_status(-1, path, false, &status) == 0 && isThis(status)
  }

  private func isThis(_ status: platform_file_t) -> Bool {
    status.device == words.pointee.device && status.inode == words.pointee.inode
  }

  /// The same file opened once more, in an open file description of its own; the caller
  /// closes it.
  func reopened(refusal: inout FileRefusal) -> Int32? {
    guard let descriptor else {
      refusal = .noDescriptor
      return nil
    }
    return SharedFile.reopen(descriptor, isReadOnly: isReadOnly, refusal: &refusal)
      ?? reopenedByPath()
  }

  /// Where there is no /proc.
  private func reopenedByPath() -> Int32? {
    guard isAtPath else { return nil }
    let result = platform_open_file(presentPath, SharedFile.mode(isReadOnly: isReadOnly))
    guard result >= 0 else { return nil }
    if isOpen(at: Int32(result)) { return Int32(result) }
    platform_close_file(Int32(result))
    return nil
  }

  static func reopen(
    _ descriptor: Int32, isReadOnly: Bool, refusal: inout FileRefusal
  ) -> Int32? {
    var path = ShortPath("/proc/self/fd/")
    path.append(UInt32(bitPattern: descriptor))
    let result = path.withCString {
      platform_open_file($0, mode(isReadOnly: isReadOnly) | PLATFORM_OPEN_FOLLOW)
    }
    if result >= 0 { return Int32(result) }
    refusal = FileRefusal(error: result)
    return nil
  }

  static func mode(isReadOnly: Bool) -> Int { isReadOnly ? 0 : PLATFORM_OPEN_WRITE }

  /// Numbers from here on are seldom anybody else's.
  private static let descriptorMin: Int32 = 512

  /// The same open file where programs that count from 3 do not close it.
  static func moved(_ descriptor: Int32) -> Int32 {
    let result = platform_duplicate(descriptor, descriptorMin)
    // The process may not have such numbers.
    guard result >= 0 else { return descriptor }
    platform_close_file(descriptor)
    return Int32(result)
  }
}
