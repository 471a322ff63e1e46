import Synchronization

/// What a process remembers of its caches as a whole, in the 64 bytes that
/// CPlatform keeps for that. All zeros at first.
package struct ProcessMemory: ~Copyable {
  /// Whether the fork handlers are installed. Guarded by the lock. First, because to
  /// ThreadSanitizer a change of any field is one of the first.
  package var isForkHandled: UInt32
  /// Of the lists of handles.
  package let lock: Atomic<UInt32>
  /// The list of open caches.
  package var firstOpen: UnsafeMutableRawPointer?
  /// Closed handles that wait to be used again, the one that was closed first
  /// first.
  package var firstClosed: UnsafeMutableRawPointer?
  package var lastClosed: UnsafeMutableRawPointer?
  /// How many wait.
  package let closedCount: Atomic<UInt32>
  /// Whether the thread that forks could be cancelled before it began. Guarded by the
  /// lock.
  package var cancelState: Int32
  /// The last number given to a thread (ThreadNumber.swift).
  package let lastThreadNumber: Atomic<UInt32>
  /// The first workspace that no handle has.
  package var firstWorkspace: UnsafeMutableRawPointer?
}
