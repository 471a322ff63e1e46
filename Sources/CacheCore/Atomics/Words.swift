import Synchronization

#if CACHECORE_SCHEDULED
  import CPlatform
#endif

// What threads share are words: fields of the layouts (Layout/), declared as
// `Atomic`. A word is reached through its pointer, `field.word`, and never used
// without it.
//
// SAFETY: layouts lie in mapped memory and are never moved, so the address of a
// field is one for life. The memory is zero-filled by the kernel or was written
// through these same words, and `Atomic` has the layout of the integer it wraps.
//
// In a build for tests of schedules every access begins with a step, at which
// other threads may go on first, and a relaxed load ends with one (Scheduler.h).

extension Atomic {
  /// Where the word is, for one access to it.
  @inline(__always)
  package var word: UnsafeMutablePointer<Atomic> {
    step()
    return withUnsafePointer(to: self) { UnsafeMutablePointer(mutating: $0) }
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
