import CPlatform
import Synchronization

/// What happens to the open caches when the process forks.
///
/// A fork copies memory as it is, locks included, but only the thread that
/// called it. So before a fork that thread takes every lock of every cache, in
/// this order: the list of open caches, then for each cache its sweeper's lock and
/// its shards' locks by number. Nobody holds two of them in another order. Afterwards
/// both sides free them. Every critical section under these locks is short, a slice
/// of a sweep included; the lock of a resize, which is not, is simply free in the
/// child.
///
/// What processes share is not copied. Nobody takes locks there: who holds one is the
/// parent, and stays so. The child maps the region anew where its parent has it and is one
/// more process that shares it (Cache+BecomeChild).
enum Fork {
  /// False if the system has no room for the handlers.
  static func installHandlers() -> Bool {
    platform_at_fork({ Fork.prepare() }, { Fork.parent() }, { Fork.child() }) == 0
  }

  private static func forEachCache(_ body: (Cache) -> Void) {
    // One that could not be shared anew is listed, and closed.
    OpenCaches.forEach { if $0.isOpen || $0.isReadOnly { body(Cache($0)) } }
  }

  /// Fork handlers of others run while the locks are held, and one of them may call
  /// a cancellation point.
  private static func prepare() {
    let cancelState = platform_disable_cancel()
    OpenCaches.lock.acquire()
    OpenCaches.memory.pointee.cancelState = cancelState
    forEachCache { cache in
      cache.sweeper.lock.acquire()
      if !cache.region.isShared { cache.forEachShard { $0.acquire() } }
    }
  }

  private static func parent() {
    forEachCache { cache in
      if !cache.region.isShared { cache.forEachShard { $0.lock.release() } }
      cache.sweeper.lock.release()
    }
    let cancelState = OpenCaches.memory.pointee.cancelState
    OpenCaches.lock.release()
    platform_restore_cancel(cancelState)
  }

  private static func child() {
    forEachCache { cache in
      cache.region.isShared ? shareAnew(cache) : own(cache)
      cache.handle.forgetWaiters()
      cache.sweeper.lock.reset()
      cache.handle.resizeLock.reset()
    }
    OpenCaches.lock.reset()
    forEachCache { if !$0.isReadOnly { $0.sweeper.adoptAfterFork() } }
    platform_restore_cancel(OpenCaches.memory.pointee.cancelState)
  }

  /// The copy of a private cache is the child's own.
  private static func own(_ cache: Cache) {
    cache.forEachShard { shard in
      shard.lock.reset()
      shard.memory.isForked = true
      shard.claims.clear()
    }
    ClaimWaiters(cache.region).reset()
    cache.beginJitterAnew()
  }

  /// The child shares what the parent does, or, if it cannot, has a cache that is closed.
  private static func shareAnew(_ cache: Cache) {
    cache.handle.forgetLeases()
    if !cache.becomeChild() {
      cache.handle.state.pointee.store(CacheHandle.State.free, ordering: .releasing)
    }
  }
}
