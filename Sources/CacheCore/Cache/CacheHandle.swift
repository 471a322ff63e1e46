import CPlatform
import Synchronization

/// What a process knows of an open cache: where its region is mapped, its
/// sweeper, and how many values are out on lease. A caller's `cachecore_t *`.
///
///       0  state      u64   open, orphaned, or free
///       8  region     pointer
///      16  size       u64   of the region
///      24  shardMask  u32
///      32  next       pointer, in the list of open caches or of free handles
///      64  resizeLock u32
///     128  sweeper    Sweeper.State
///     512  leases     16 counters of i64, each on a cache line of its own
///
/// The memory of handles is never returned: a late `release`, or a second
/// `close`, finds a handle and not a hole. Closed handles wait in a queue and
/// are used again in turn.
package struct CacheHandle {
  package enum State {
    package static let free: UInt64 = 0
    package static let open: UInt64 = 0x6f70_656e_6361_6368  // "opencach"
    /// Closed while values were out on lease.
    package static let orphaned: UInt64 = 0x6f72_7068_616e_6564  // "orphaned"
  }

  private static let size = 512 + leaseStripes * 64
  private static let leaseStripes = 16

  package let base: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ base: UnsafeMutableRawPointer) { self.base = base }

  package var state: UnsafeMutablePointer<Atomic<UInt64>> {
    @inline(__always) get { base.atomic64(0) }
  }

  @inline(__always)
  package var isOpen: Bool { state.relaxed == State.open }

  package var region: Region {
    @inline(__always) get {
      Region(base: base.load(fromByteOffset: 8, as: UnsafeMutableRawPointer.self))
    }
  }

  package var shardMask: UInt32 {
    @inline(__always) get { base.load(fromByteOffset: 24, as: UInt32.self) }
  }

  package var next: UnsafeMutableRawPointer? {
    get { base.load(fromByteOffset: 32, as: UnsafeMutableRawPointer?.self) }
    nonmutating set {
      base.storeBytes(of: newValue, toByteOffset: 32, as: UnsafeMutableRawPointer?.self)
    }
  }

  package var resizeLock: Lock { Lock(base.atomic32(64)) }

  package var sweeper: UnsafeMutableRawPointer { base + 128 }

  // MARK: Leases

  /// Counts leases taken (1) and ended (-1 as a wrapped word) by this thread.
  @inline(__always)
  package func countLease(_ change: UInt64) {
    let stripe = ReadStripe.indexForThisThread(count: UInt32(CacheHandle.leaseStripes))
    base.atomic64(512 + 64 * stripe).pointee.wrappingAdd(
      change, ordering: .sequentiallyConsistent)
  }

  private var leases: UInt64 {
    var total: UInt64 = 0
    for stripe in 0..<CacheHandle.leaseStripes {
      total &+= base.atomic64(512 + 64 * stripe).pointee.load(
        ordering: .sequentiallyConsistent)
    }
    return total
  }

  /// Frees the region of a closed cache if no value is out any more. Called by
  /// `close` and by every release after it; one of them does it. Leases only
  /// end by now, so a sum of 0 stays 0.
  package func freeIfOrphaned() {
    guard state.pointee.load(ordering: .sequentiallyConsistent) == State.orphaned, leases == 0,
      state.pointee.compareExchange(
        expected: State.orphaned, desired: State.free, ordering: .acquiringAndReleasing
      ).exchanged
    else { return }
    platform_unreserve(region.base, Int(base.load(fromByteOffset: 16, as: UInt64.self)))
    OpenCaches.recycle(self)
  }

  // MARK: Making

  /// Memory for a handle, all zeros but the state.
  package static func allocate() -> CacheHandle? {
    if let used = OpenCaches.reuse() {
      memset(used.base, 0, size)
      return used
    }
    guard let memory = calloc(1, size + 64) else { return nil }
    // On a cache line's boundary; never freed, so the original is not kept.
    let aligned = (Int(bitPattern: memory) + 63) & ~63
    return CacheHandle(UnsafeMutableRawPointer(bitPattern: aligned)!)
  }

  package func fill(region: Region, size: UInt64) {
    base.storeBytes(of: region.base, toByteOffset: 8, as: UnsafeMutableRawPointer.self)
    base.storeBytes(of: size, toByteOffset: 16, as: UInt64.self)
    base.storeBytes(
      of: region.header.pointee.shardCount - 1, toByteOffset: 24, as: UInt32.self)
  }
}
