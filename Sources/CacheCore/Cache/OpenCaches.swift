import CPlatform
import Synchronization

/// The handles of the process: a list of the open ones, and queues of those, and of
/// workspaces, that wait to be used again.
package enum OpenCaches {
  package static var memory: UnsafeMutablePointer<ProcessMemory> {
    platform_process_memory().assumingMemoryBound(to: ProcessMemory.self)
  }

  package static var lock: Lock { Lock(memory.pointee.lock.word) }

  /// Opened before it is listed, closed after it is not. `installForkHandlers` is
  /// called before the first is listed; without
  /// them a cache must not be used: false.
  package static func add(_ handle: CacheHandle, installForkHandlers: () -> Bool) -> Bool {
    lock.withLock {
      if memory.pointee.isForkHandled == 0 {
        guard installForkHandlers() else { return false }
        memory.pointee.isForkHandled = 1
      }
      handle.next = memory.pointee.firstOpen
      memory.pointee.firstOpen = handle.base
      return true
    }
  }

  package static func remove(_ handle: CacheHandle) {
    lock.acquire()
    var (before, next): (CacheHandle?, UnsafeMutableRawPointer?) = (nil, memory.pointee.firstOpen)
    while let other = next, other != handle.base {
      before = CacheHandle(other)
      next = CacheHandle(other).next
    }
    if next != nil {
      if let before { before.next = handle.next } else { memory.pointee.firstOpen = handle.next }
    }
    lock.release()
  }

  /// For the holder of the lock.
  package static func forEach(_ body: (CacheHandle) -> Void) {
    var next = memory.pointee.firstOpen
    while let handle = next {
      body(CacheHandle(handle))
      next = CacheHandle(handle).next
    }
  }

  /// How many closed handles wait before the first is used again. A megabyte of
  /// them, once so many were closed.
  private static let quarantine = 8192

  package static func recycle(_ handle: CacheHandle) {
    lock.acquire()
    handle.next = nil
    if let last = memory.pointee.lastClosed {
      CacheHandle(last).next = handle.base
    } else {
      memory.pointee.firstClosed = handle.base
    }
    memory.pointee.lastClosed = handle.base
    memory.pointee.closedCount.word.relaxed += 1
    lock.release()
  }

  package static func reuse() -> CacheHandle? {
    lock.acquire()
    defer { lock.release() }
    guard memory.pointee.closedCount.word.relaxed > OpenCaches.quarantine,
      let first = memory.pointee.firstClosed
    else { return nil }
    memory.pointee.closedCount.word.relaxed -= 1
    memory.pointee.firstClosed = CacheHandle(first).next
    if memory.pointee.firstClosed == nil { memory.pointee.lastClosed = nil }
    return CacheHandle(first)
  }

  package static func recycle(workspace: UnsafeMutableRawPointer) {
    lock.acquire()
    Workspace.nextFree(in: workspace).pointee = memory.pointee.firstWorkspace
    memory.pointee.firstWorkspace = workspace
    lock.release()
  }

  package static func reuseWorkspace() -> UnsafeMutableRawPointer? {
    lock.acquire()
    defer { lock.release() }
    guard let first = memory.pointee.firstWorkspace else { return nil }
    memory.pointee.firstWorkspace = Workspace.nextFree(in: first).pointee
    return first
  }
}
