import CPlatform
import Synchronization

/// What a process knows of an open cache: where its region is mapped, its
/// sweeper, and how many values are out on lease. A caller's `cachecore_t *`.
///
/// The memory of handles is never returned: a late `release`, or a call after
/// `close`, finds a handle and not a hole. Closed handles wait in a long queue
/// before they are used again, so that such a call does not find another's cache.
/// They can, for they are small: the workspace is used again at once.
package struct CacheHandle {
  package enum State {
    package static let free: UInt64 = 0
    /// "open". Of 31 bits, which a comparison has room for.
    package static let open: UInt64 = 0x6f70_656e
    /// Open for reading alone.
    package static let readOnly: UInt64 = 0x7265_6164  // "read"
    /// Closed while values were out on lease.
    package static let orphaned: UInt64 = 0x6f72_7068_616e_6564  // "orphaned"
  }

  private static let leaseStripes = 16

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  private var words: UnsafeMutablePointer<HandleWords> {
    @inline(__always) get { base.assumingMemoryBound(to: HandleWords.self) }
  }

  package var state: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { words.pointee.state.word }
  }

  @inline(__always)
  package var isOpen: Bool { state.relaxed == State.open }

  package var isReadOnly: Bool { state.relaxed == State.readOnly }

  package var region: Region {
    @inline(__always) get { Region(base: words.pointee.region, map: words.pointee.map) }
  }

  package var shardMask: UInt32 {
    @inline(__always) get { words.pointee.shardMask }
  }

  package var next: UnsafeMutableRawPointer? {
    get { words.pointee.next }
    nonmutating set { words.pointee.next = newValue }
  }

  package var hashSeed: UInt64 {
    get { words.pointee.hashSeed }
    nonmutating set { words.pointee.hashSeed = newValue }
  }

  /// There from `allocate` until the cache is freed.
  package var workspace: UnsafeMutableRawPointer { words.pointee.workspace }

  package var resizeLock: Lock { Lock(Workspace.resizeLock(in: workspace).pointee.word) }

  package var sweeperWords: UnsafeMutablePointer<SweeperWords> {
    Workspace.sweeperWords(in: workspace)
  }

  /// Tells the sweeper's thread that its interval may be too long for what is stored
  /// (Sweeper, "Pace"); once between two sweeps.
  @inline(never)
  package func hastenSweeper() {
    region.hastenBefore.relaxed = 0
    let words = sweeperWords
    words.pointee.isHastened.word.relaxed = 1
    let wake = words.pointee.wake.word
    wake.pointee.wrappingAdd(1, ordering: .releasing)  // pairs with the load in `sleep`
    platform_futex_wake(wake, 1)
  }

  // MARK: Leases

  /// Counts leases taken (1) and ended (-1 as a wrapped word) by this thread.
  @inline(__always)
  package func countLease(_ change: UInt64) {
    let stripe = ReadStripe.indexForThisThread(count: UInt32(CacheHandle.leaseStripes))
    counter(stripe).pointee.wrappingAdd(change, ordering: .sequentiallyConsistent)
  }

  private var leases: UInt64 {
    var total: UInt64 = 0
    for stripe in 0..<CacheHandle.leaseStripes {
      total &+= counter(stripe).pointee.load(ordering: .sequentiallyConsistent)
    }
    return total
  }

  /// In the child of a fork, where those of a shared cache stay the parent's.
  package func forgetLeases() {
    for stripe in 0..<CacheHandle.leaseStripes { counter(stripe).relaxed = 0 }
  }

  private func counter(_ stripe: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    Workspace.leases(in: workspace).pointee[stripe].count.word
  }

  // MARK: Waiting

  /// Whoever waits for a claim may do so while the cache is closed. Between these two the
  /// region stays; false, and then it must not be touched, if the cache is closed already.
  /// The count is in the handle itself, which is never freed.
  package func beginWaiting() -> Bool {
    words.pointee.waiters.word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    if state.pointee.load(ordering: .sequentiallyConsistent) == State.open { return true }
    endWaiting()
    return false
  }

  package func endWaiting() {
    words.pointee.waiters.word.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    freeIfOrphaned()
  }

  /// In the child of a fork nobody waits.
  package func forgetWaiters() { words.pointee.waiters.word.relaxed = 0 }

  // MARK: Freeing

  /// Frees the region of a closed cache if no value is out any more and nobody waits in it.
  /// Called by `close` and by every release and every wait that ends after it; one of them
  /// does it. Leases only end by now, so a sum of 0 stays 0; one who begins to wait finds
  /// that the cache is closed.
  @inline(never)
  package func freeIfOrphaned() {
    guard state.pointee.load(ordering: .sequentiallyConsistent) == State.orphaned,
      words.pointee.waiters.word.pointee.load(ordering: .sequentiallyConsistent) == 0, leases == 0,
      state.pointee.compareExchange(
        expected: State.orphaned, desired: State.free, ordering: .acquiringAndReleasing
      ).exchanged
    else { return }
    region.leave()
    region.free()
    recycle()
  }

  /// Gives the handle back; its state says that it is free.
  package func recycle() {
    OpenCaches.recycle(workspace: workspace)
    OpenCaches.recycle(self)
  }

  // MARK: Making

  /// A handle, all zeros but for where its workspace is, and that too.
  package static func allocate() -> CacheHandle? {
    guard let workspace = OpenCaches.reuseWorkspace() ?? memory(Workspace.size) else {
      return nil
    }
    guard let base = OpenCaches.reuse()?.base ?? memory(MemoryLayout<HandleWords>.size) else {
      OpenCaches.recycle(workspace: workspace)
      return nil
    }
    memset(workspace, 0, Workspace.size)
    memset(base, 0, MemoryLayout<HandleWords>.size)
    let handle = CacheHandle(base)
    handle.words.pointee.workspace = workspace
    return handle
  }

  /// On a cache line's boundary; never freed, so the original is not kept.
  private static func memory(_ size: Int) -> UnsafeMutableRawPointer? {
    guard let memory = calloc(1, size + CacheLine.size) else { return nil }
    return memory.alignedUp(toMultipleOf: CacheLine.size)
  }

  package func fill(region: Region) {
    words.pointee.region = region.base
    words.pointee.map = region.map
    words.pointee.shardMask = region.header.pointee.shardCount - 1
  }
}
