import Synchronization

/// What a process knows of the file that a shared cache lies in (SharedFile.swift), and of
/// its own slot in there. The path follows.
package struct SharedFileWords: ~Copyable {
  /// Where the file is open, if the program did not close that behind our back.
  package let descriptor: Atomic<UInt32>
  /// SharedFile.Flag, and what was found out about the file.
  package var flags: UInt32
  /// Which file it is.
  package var device: UInt64
  package var inode: UInt64
  /// Where it is mapped, and how much of it.
  package var base: UnsafeMutableRawPointer?
  package var size: UInt64
  /// The lock under which a cache is made, while this process holds it.
  package var opening: UnsafeMutableRawPointer?
  /// The lock of this process's slot, or that of those who look.
  package var slot: UnsafeMutableRawPointer?
  /// Who this process is to others in the cache; 0: nobody.
  package let owner: Atomic<UInt32>
  /// Bytes of the path, its end included; 0: the file was not opened by one.
  package var pathSize: UInt32
}
