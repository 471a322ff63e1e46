import CPlatform
import Synchronization

/// A number for each thread, by which readers keep out of each other's way.
///
/// Readers count and note their hits in stripes, and two in one stripe write the
/// same cache lines all the time: each then reads at a quarter of its speed. So
/// threads are numbered one after the other as they first come here, and the
/// number picks the stripe. Threads may come and go, and other processes use the
/// same cache: whoever finds another thread in its stripe takes a new number and
/// with it the next stripe, until it is alone or there are more threads than
/// stripes (as the cells of Java's LongAdder are found; Dice, Lev and Moir,
/// "Scalable statistics counters", SPAA 2013).
///
/// The numbers of a process begin anywhere, and after a fork somewhere else, so
/// that threads of two processes are told apart, most likely.
package enum ThreadNumber {
  /// The last number given in this process; 0: none yet.
  private static var last: UnsafeMutablePointer<Atomic<UInt32>> {
    platform_process_memory().atomic32(48)
  }

  /// The calling thread's. Never 0.
  @inline(__always)
  package static var own: UInt32 {
    let number = platform_thread_number()
    return number != 0 ? number : take()
  }

  @inline(never)
  private static func take() -> UInt32 {
    renew()
    return platform_thread_number()
  }

  /// Gives the calling thread the next number.
  package static func renew() {
    if last.relaxed == 0 {
      let first = UInt32(truncatingIfNeeded: platform_entropy())
      _ = last.pointee.compareExchange(expected: 0, desired: first, ordering: .relaxed)
    }
    var number: UInt32
    repeat { number = last.pointee.wrappingAdd(1, ordering: .relaxed).newValue } while number == 0
    platform_set_thread_number(number)
  }

  /// In the child of a fork, whose only thread has the number of the parent's.
  package static func restart() {
    last.relaxed = 0
    platform_set_thread_number(0)
  }
}
