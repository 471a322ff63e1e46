import CPlatform

/// Why the file of a shared cache is not to be had, one case for each thing that a user
/// can do about it.
package enum FileRefusal: UInt8 {
  // MARK: Wrong arguments

  /// A path and a descriptor, flags that contradict each other, a path that is empty or
  /// longer than the system allows.
  case arguments

  // MARK: Not as it was asked for

  /// Nothing to attach to.
  case missing
  /// A cache where none was to be.
  case exists
  /// As many processes as there is room for.
  case full

  // MARK: Who may

  /// The system does not let us open it.
  case forbidden
  /// A symbolic link, or a file with a second name.
  case link
  /// A directory, a pipe, a device.
  case notRegular
  /// Somebody else's.
  case owner
  /// Others than its owner may write to it, or may change what its directory has.
  case writableByOthers
  /// On a file system of other machines, or one whose locks do not outlive a descriptor.
  case fileSystem

  // MARK: What is in it

  /// Something else than a cache.
  case foreign

  // MARK: No room, no time

  /// The file system is full.
  case noSpace
  /// Larger than files may be here (RLIMIT_FSIZE).
  case tooLarge
  /// Descriptors, memory, addresses.
  case noMemory
  /// The program closed ours, and the file cannot be opened again.
  case noDescriptor
  /// Somebody else has been making a cache in it for too long.
  case timeout

  /// What a system call that opens or enlarges a file gave.
  init(error: Int) {
    switch Int32(truncatingIfNeeded: -error) {
    case ENOENT, ENOTDIR: self = .missing
    case EEXIST: self = .exists
    case ELOOP: self = .link
    case EISDIR, ENXIO: self = .notRegular
    case ENAMETOOLONG: self = .arguments
    case ENOSPC, EDQUOT: self = .noSpace
    case EFBIG: self = .tooLarge
    case ENOMEM, EMFILE, ENFILE: self = .noMemory
    default: self = .forbidden
    }
  }
}
