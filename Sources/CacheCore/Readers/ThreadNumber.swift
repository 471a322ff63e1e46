import CPlatform
import Synchronization

/// A number for each thread, by which readers keep out of each other's way.
///
/// Readers count and record their hits in stripes, and two in one stripe write the
/// same cache lines all the time: each then reads at a quarter of its speed. So
/// threads are numbered as they first come here, and the number picks the stripe.
/// Threads may come and go until two meet all the same: who finds another thread
/// in its stripe takes a new number and with it the next stripe, until it is alone
/// or there are more threads than stripes. (Java's LongAdder finds cells for its
/// threads in a similar way.)
package enum ThreadNumber {
  /// The last number given.
  private static var last: UnsafeMutablePointer<Atomic<UInt32>> {
    platform_process_memory().assumingMemoryBound(to: ProcessMemory.self)
      .pointee.lastThreadNumber.word
  }

  /// The calling thread's. Never 0.
  @inline(__always)
  package static var own: UInt32 {
    let number = platform_thread_number()
    return number != 0 ? number : taken()
  }

  @inline(never)
  private static func taken() -> UInt32 {
    change()
    return platform_thread_number()
  }

  /// Numbers go on from one by chance, also for the calling thread. Where processes share a
  /// cache, the first threads of all would otherwise meet.
  package static func scatter() {
    last.relaxed = UInt32(truncatingIfNeeded: platform_entropy())
    change()
  }

  /// Gives the calling thread the next number.
  package static func change() {
    var number: UInt32
    repeat { number = last.pointee.wrappingAdd(1, ordering: .relaxed).newValue } while number == 0
    platform_set_thread_number(number)
  }
}
