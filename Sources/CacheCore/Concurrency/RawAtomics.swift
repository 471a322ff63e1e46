import Synchronization

#if CACHECORE_SCHEDULED
  import CPlatform
#endif

// Everything that outlives a call lies in one mapped region, so the engine's
// atomics are words at known places in raw memory. These three views are how
// it reaches them.
//
// SAFETY: the caller guarantees that the address lies in committed memory and
// is a multiple of the word's size. The memory is zero-filled by the kernel or
// was written through these same views, and `Atomic` has the layout of the
// integer it wraps.
//
// In a build for tests of schedules every access begins with a step, at which
// other threads may go on first, and a relaxed load ends with one (Scheduler.h).

extension UnsafeMutableRawPointer {
  @inline(__always)
  package func atomic8(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    step()
    return (self + offset).assumingMemoryBound(to: Atomic<UInt8>.self)
  }

  @inline(__always)
  package func atomic32(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    step()
    return (self + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @inline(__always)
  package func atomic64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    step()
    return (self + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt32> {
  /// Reads without ordering anything.
  @inline(__always) package var relaxed: UInt32 {
    get {
      let word = pointee.load(ordering: .relaxed)
      step()
      return word
    }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt64> {
  /// Reads without ordering anything.
  @inline(__always) package var relaxed: UInt64 {
    get {
      let word = pointee.load(ordering: .relaxed)
      step()
      return word
    }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }

  /// A counter's step. Wraps, which 64 bits do not live to see.
  @inline(__always) package func bump(_ by: UInt64 = 1) {
    pointee.wrappingAdd(by, ordering: .relaxed)
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt8> {
  @inline(__always) package var relaxed: UInt8 {
    get {
      let word = pointee.load(ordering: .relaxed)
      step()
      return word
    }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }
}

/// Nothing, in what ships.
@inline(__always)
private func step() {
  #if CACHECORE_SCHEDULED
    platform_step()
  #endif
}
