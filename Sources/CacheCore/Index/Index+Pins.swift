import CPlatform
import Synchronization

// Pins: a reader without the lock that is about to write to an entry (the time of its last
// use, a lease) pins the bucket that refers to it, for a few instructions. A writer who has
// taken something out of the bucket waits before the memory is used for anything else.
//
// The count in the bucket does not say whose pins they are, and a process that is killed
// leaves its own behind. So in a cache that processes share a reader first takes a ticket
// (PinTickets) that names the bucket, and a writer who has waited for a while looks at the
// tickets: a pin that no living process has a ticket for is nobody's.
//
// A process may also be stopped (SIGSTOP, a debugger) while it has a pin, for hours. Writers
// wait for a quarter of a second, then its ticket is *void*, and no longer. When it goes on,
// its one store of that pin is a compare-and-swap on what it found in the entry. A lease is
// counted only on that entry's own version, and not on one that is marked dead, or as being
// written: so whoever takes an entry out of a shared cache marks it. A time of last use is set
// only over the word as it was: that of an entry which is gone, in memory that is nobody's or
// has not been written since. Both could only be taken in by another's value that has the
// same 64 bits there. Its end of the pin may end another's, which is then as unprotected.

extension Index {
  package struct Pin {
    fileprivate let bucket: Bucket
    fileprivate let ticket: PinTickets.Ticket?
  }

  /// Keeps what the bucket refers to from being used for anything else, if it is still as
  /// it was at `version`. nil if it is not, or all tickets are taken.
  @inline(__always)
  package func pin(_ bucket: Bucket, at version: UInt32) -> Pin? {
    if !memory.isShared {
      return bucket.tryPin(at: version) ? Pin(bucket: bucket, ticket: nil) : nil
    }
    let tickets = PinTickets(memory.region)
    guard let ticket = tickets.take(for: place(of: bucket)) else { return nil }
    if bucket.tryPin(at: version) { return Pin(bucket: bucket, ticket: ticket) }
    tickets.giveBack(ticket)
    return nil
  }

  @inline(__always)
  package func unpin(_ pin: Pin) {
    pin.bucket.unpin()
    if let ticket = pin.ticket { PinTickets(memory.region).giveBack(ticket) }
  }

  private static let yieldsMax = 20
  private static let napNs: UInt64 = 50_000
  /// And later, when they are counted (ProcessTable.isStalled).
  private static let napsMax = 200
  private static let sleepNs: UInt64 = 10_000_000
  /// In the child of a fork, a pin that stays so long was left behind by a thread that did
  /// not come along.
  private static let patienceNs: UInt64 = 100_000_000

  /// Waits until nobody writes to what the bucket referred to before its version changed.
  @inline(never)
  func waitForPins(_ bucket: Bucket) {
    let pins = bucket.pins
    let start = platform_now_ns()
    var yields = 0
    while pins.pointee.load(ordering: .acquiring) != 0 {
      if memory.isForked, platform_now_ns() - start > Index.patienceNs {
        pins.relaxed = 0
        return
      }
      yields += 1
      // A yield lets no thread of lower priority run; a nap does.
      if yields < Index.yieldsMax {
        platform_yield()
      } else if memory.isShared {
        waitForTickets(bucket)
        return
      } else {
        platform_nap(Index.napNs)
      }
    }
  }

  /// The same in a shared cache: the pins of the dead are taken away.
  ///
  /// The version is odd meanwhile, so that nobody gets a pin. Of those who try, and undo
  /// that, some may be among the pins taken away. They have tickets still, and would undo
  /// another's pin later: they are waited for too.
  private func waitForTickets(_ bucket: Bucket) {
    let (pins, version) = (bucket.pins, bucket.version.relaxed)
    let tickets = PinTickets(memory.region)
    bucket.version.pointee.store(version | 1, ordering: .sequentiallyConsistent)
    var naps = 0
    while true {
      let count = pins.pointee.load(ordering: .sequentiallyConsistent)
      // Half as long as for a lock: who waits here has one, and is not to be given up for it.
      let sleeps = 2 * max(0, naps - Index.napsMax)
      let isPinned = tickets.isPinned(place(of: bucket), sleeps: sleeps)
      if count == 0, !isPinned { break }
      if isPinned {
        platform_nap(sleeps == 0 ? Index.napNs : Index.sleepNs)
        naps += 1
      } else {
        _ = pins.pointee.compareExchange(
          expected: count, desired: 0, ordering: .acquiringAndReleasing)
      }
    }
    bucket.version.pointee.store(version, ordering: .sequentiallyConsistent)
  }

  /// Where a bucket is, from the region's start.
  private func place(of bucket: Bucket) -> UInt64 {
    UInt64(truncatingIfNeeded: bucket.base - memory.region.base)
  }
}
