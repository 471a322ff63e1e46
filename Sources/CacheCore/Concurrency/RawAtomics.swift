import Synchronization

// Everything that outlives a call lies in one mapped region, so the engine's
// atomics are words at known places in raw memory. These three views are how
// it reaches them.
//
// SAFETY: the caller guarantees that the address lies in committed memory and
// is a multiple of the word's size. The memory is zero-filled by the kernel or
// was written through these same views, and `Atomic` has the layout of the
// integer it wraps.

extension UnsafeMutableRawPointer {
  @inline(__always)
  package func atomic8(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt8>.self)
  }

  @inline(__always)
  package func atomic32(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @inline(__always)
  package func atomic64(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (self + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt32> {
  /// Reads without ordering anything.
  @inline(__always) package var relaxed: UInt32 {
    get { pointee.load(ordering: .relaxed) }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt64> {
  /// Reads without ordering anything.
  @inline(__always) package var relaxed: UInt64 {
    get { pointee.load(ordering: .relaxed) }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }

  /// A counter's step. Wraps, which 64 bits do not live to see.
  @inline(__always) package func bump(_ by: UInt64 = 1) {
    pointee.wrappingAdd(by, ordering: .relaxed)
  }
}

extension UnsafeMutablePointer where Pointee == Atomic<UInt8> {
  @inline(__always) package var relaxed: UInt8 {
    get { pointee.load(ordering: .relaxed) }
    nonmutating set { pointee.store(newValue, ordering: .relaxed) }
  }
}
