import Synchronization

/// The processes that use a shared cache, of as many slots as it was made with
/// (ProcessTable.swift).
package enum ProcessTableLayout {
  package static let slotsMax: UInt32 = 1023

  package static let records = Part<ProcessRecord>(at: 0)

  /// Whole pairs of cache lines.
  package static func size(slots: UInt32) -> UInt64 {
    UInt64(slots) * UInt64(MemoryLayout<ProcessRecord>.stride)
  }
}

/// A process that uses a shared cache, or a slot that is free. On a pair of cache lines of
/// its own. Written by who has the lock of the slot's byte; only that an owner is dead
/// anybody says.
package struct ProcessRecord: ~Copyable {
  /// Generation 21 bits, state 2 bits (ProcessTable.State).
  package let identity: Atomic<UInt32>
  /// As the process itself sees it.
  package let pid: Atomic<UInt32>
  /// When it began, in the clock ticks of /proc/PID/stat; 0: not known.
  package let startTime: Atomic<UInt64>
  /// The inodes of its PID and its time namespace, 32 bits each; 0: /proc is not there, or
  /// another namespace's.
  package let namespaces: Atomic<UInt64>
  /// The last generation that holds nothing any more, because it was reaped or left.
  package let reaped: Atomic<UInt32>
  let padding: InlineArray<12, UInt64>
}
