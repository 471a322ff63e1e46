import CPlatform
import Synchronization

/// All open caches of the process, and what happens to them when it forks.
///
/// A fork copies memory as it is, locks included, but only the thread that
/// called it. So before a fork that thread takes every lock of every cache, in
/// this order: this list, then for each cache its sweeper's lock and its shards'
/// locks by number. Nobody holds two of them in another order. Afterwards both
/// sides free them. Every critical section under these locks is short, a slice of
/// a sweep included; the lock of a resize, which is not, is simply free in the
/// child.
package enum OpenCaches {
  /// 0: lock; 8: first open; 16: first free; 24: last free; 32: are the fork
  /// handlers installed; 40: closed handles that wait. From 48 on, ThreadNumber's.
  private static var shared: UnsafeMutableRawPointer { platform_process_memory() }

  private static var lock: Lock { Lock(shared.atomic32(0)) }

  private static func pointer(_ offset: Int) -> UnsafeMutablePointer<UnsafeMutableRawPointer?> {
    (shared + offset).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
  }

  /// Opened before it is listed, closed after it is not. False if the system has
  /// no room for the fork handlers: without them a cache must not be used.
  package static func add(_ handle: CacheHandle) -> Bool {
    lock.withLock {
      let isInstalled = shared.atomic32(32)
      if isInstalled.relaxed == 0 {
        let error = platform_at_fork(
          { OpenCaches.prepare() }, { OpenCaches.parent() }, { OpenCaches.child() })
        guard error == 0 else { return false }
        isInstalled.relaxed = 1
      }
      handle.next = pointer(8).pointee
      pointer(8).pointee = handle.base
      return true
    }
  }

  package static func remove(_ handle: CacheHandle) {
    lock.acquire()
    var link = pointer(8)
    while let other = link.pointee, other != handle.base {
      link = (other + 32).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }
    if link.pointee != nil { link.pointee = handle.next }
    lock.release()
  }

  /// How many closed handles wait before the first is used again.
  private static let quarantine = 32

  package static func recycle(_ handle: CacheHandle) {
    lock.acquire()
    handle.next = nil
    if let last = pointer(24).pointee {
      CacheHandle(last).next = handle.base
    } else {
      pointer(16).pointee = handle.base
    }
    pointer(24).pointee = handle.base
    shared.atomic32(40).relaxed += 1
    lock.release()
  }

  package static func reuse() -> CacheHandle? {
    lock.acquire()
    defer { lock.release() }
    let waiting = shared.atomic32(40)
    guard waiting.relaxed > OpenCaches.quarantine, let first = pointer(16).pointee else {
      return nil
    }
    waiting.relaxed -= 1
    pointer(16).pointee = CacheHandle(first).next
    if pointer(16).pointee == nil { pointer(24).pointee = nil }
    return CacheHandle(first)
  }

  // MARK: fork

  private static func forEach(_ body: (Cache) -> Void) {
    var next = pointer(8).pointee
    while let handle = next {
      body(Cache(CacheHandle(handle)))
      next = CacheHandle(handle).next
    }
  }

  private static func prepare() {
    lock.acquire()
    forEach { cache in
      cache.sweeper.lock.acquire()
      cache.forEachShard { $0.lock.acquire() }
    }
  }

  private static func parent() {
    forEach { cache in
      cache.forEachShard { $0.lock.release() }
      cache.sweeper.lock.release()
    }
    lock.release()
  }

  private static func child() {
    forEach { cache in
      cache.forEachShard { shard in
        shard.lock.reset()
        shard.base.atomic32(ShardLayout.isForked).relaxed = 1
      }
      cache.sweeper.lock.reset()
      cache.handle.resizeLock.reset()
    }
    lock.reset()
    forEach { $0.sweeper.adoptAfterFork() }
  }
}
