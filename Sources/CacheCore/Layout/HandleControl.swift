import Synchronization

/// A handle, of one cache line: what a process knows of a cache. Its address is a
/// caller's `cachecore_t *`. Read by every call.
package struct HandleWords: ~Copyable {
  /// CacheHandle.State.
  package let state: Atomic<UInt64>
  /// Where this process has the region: its start, and the rest.
  package var region: UnsafeMutableRawPointer
  package var map: UnsafeMutableRawPointer
  /// The number of shards less one.
  package var shardMask: UInt32
  var reserved: UInt32
  /// In the list of open caches, or of closed handles.
  package var next: UnsafeMutableRawPointer?
  /// That the cache was opened with; 0: a random one.
  package var hashSeed: UInt64
  /// To what changes while the cache is open.
  package var workspace: UnsafeMutableRawPointer
  /// Threads that wait for a claim, which may still be so when the cache is closed.
  package let waiters: Atomic<UInt64>
}

/// What changes while a cache is open. From `allocate` until it is freed.
package enum Workspace {
  /// Held by a resize.
  package static let resizeLock = Part<Atomic<UInt32>>(at: 0)
  /// What is read of the sweeper without its lock.
  package static let sweeperWords: Part<SweeperWords> = resizeLock.next(on: 64)
  /// What the sweeper should do and has done. Guarded by its lock.
  package static let sweeper: Part<SweeperState> = sweeperWords.next(on: 64)
  /// Values that are out: leased less released by the threads that share a
  /// number. One alone may be negative.
  package static let leases: Part<InlineArray<16, LeaseCounter>> = sweeper.next(on: 64)

  package static var size: Int { leases.end }

  /// In place of all that while no handle has it: the next one that none has.
  package static let nextFree = Part<UnsafeMutableRawPointer?>(at: 0)
}

/// On a cache line of its own.
package struct LeaseCounter: ~Copyable {
  package let count: Atomic<UInt64>
  let padding: InlineArray<7, UInt64>
}

/// What is read of a sweeper without its lock.
package struct SweeperWords: ~Copyable {
  package let lock: Atomic<UInt32>
  /// Incremented by every change the thread should notice; it sleeps on it.
  package let wake: Atomic<UInt32>
  /// Changed under the lock, read without it between slices.
  package let phase: Atomic<UInt32>
  /// The last run whose thread has nothing more to do with the cache.
  package let exited: Atomic<UInt32>
  /// When the present slice began; 0: none. Written without the lock.
  package let sliceStartNs: Atomic<UInt64>
  /// Whether a trigger waits. Read without the lock.
  package let isTriggered: Atomic<UInt32>
  /// Whether a write found the interval too long. Written without the lock.
  package let isHastened: Atomic<UInt32>
}

/// What the sweeper should do and has done.
package struct SweeperState {
  /// Counts starts: which run a thread, or who stops it, belongs to.
  package var run: UInt32
  /// Sweeper.Options.flags.
  package var flags: UInt32
  /// As pthread_create named it.
  package var thread: UInt64
  /// As asked for; 0: automatic.
  package var askedMs: UInt64
  /// The interval in force, and when it began.
  package var intervalMs: UInt64
  package var intervalStartNs: UInt64
  /// How long a slice may hold a shard's lock.
  package var sliceNs: UInt64
  /// When the next scheduled sweep is due.
  package var nextRunNs: UInt64
  /// When the thread means to wake; 0: when told.
  package var wakeDueNs: UInt64
  /// Callers who wait for a sweep, in order.
  package var firstTrigger: UnsafeMutablePointer<SweepTrigger>?
  package var lastTrigger: UnsafeMutablePointer<SweepTrigger>?
  package var report: SweeperReport
}

/// A caller who waits for a sweep; on its stack.
package struct SweepTrigger: ~Copyable {
  /// 0: waiting, 1: done, 2: the sweeper was stopped instead.
  package let done = Atomic<UInt32>(0)
  /// Entries that the sweep removed.
  package var removed: UInt64 = 0
  package var next: UnsafeMutablePointer<SweepTrigger>?
  package init() {}
}

/// What sweeps have done, over all of a cache's sweepers.
package struct SweeperReport {
  package var sweeps: UInt64
  package var removed: UInt64
  package var lastRemoved: UInt64
  package var lastDurationNs: UInt64
  package var longestSliceNs: UInt64
  /// 0: no sweep has ended yet.
  package var lastEndNs: UInt64
  package var errors: UInt64
  package var lastLagMs: UInt64
  package var longestLagMs: UInt64
}
