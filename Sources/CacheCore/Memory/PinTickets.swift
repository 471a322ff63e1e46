import CPlatform
import Synchronization

/// Which buckets are pinned by whom (Index+Pins.swift), in a region that processes share.
///
/// A thread takes a ticket before it pins a bucket and gives it back after the pin's end;
/// both orders matter to who looks for the pins of the dead. A process has as many tickets
/// as may be in use at once by threads that do not wait for each other: a few instructions
/// each.
///
/// Of a process that is stopped for long a ticket is *void*: nobody waits for it any more
/// (Index+Pins.swift). It is the process's still, until it gives it back.
package struct PinTickets {
  package typealias Ticket = UnsafeMutablePointer<Atomic<UInt64>>

  private let region: Region

  @inline(__always)
  package init(_ region: Region) { self.region = region }

  private static let count = 16

  private func tickets(of slot: UInt32) -> Ticket {
    Tickets.pins.elements(in: region.tickets(of: slot))
  }

  /// A free ticket of this process's, which now names the bucket at a place; nil if there is
  /// none.
  package func take(for place: UInt64) -> Ticket? {
    let own = tickets(of: ProcessTable.Owner.slot(of: region.owner))
    let first = Int(platform_thread_number())
    for i in 0..<PinTickets.count {
      let ticket = own + (first + i) % PinTickets.count
      // Before the pin, in the total order that pins and versions are in.
      if ticket.relaxed == 0,
        ticket.pointee.compareExchange(
          expected: 0, desired: place, ordering: .sequentiallyConsistent
        ).exchanged
      {
        return ticket
      }
    }
    return nil
  }

  package func giveBack(_ ticket: Ticket) { ticket.pointee.store(0, ordering: .releasing) }

  /// Takes the tickets of a process that is dead from it. Its pins are anybody's to take
  /// away.
  package func forget(of slot: UInt32) {
    let tickets = tickets(of: slot)
    for i in 0..<PinTickets.count { (tickets + i).pointee.store(0, ordering: .releasing) }
  }

  /// Places are even.
  private static let void: UInt64 = 1

  /// Whether a process that lives has a ticket for the bucket at a place, after so many sleeps
  /// in which others have waited for it. Those of stopped processes become void.
  package func isPinned(_ place: UInt64, sleeps: Int) -> Bool {
    let processes = region.processes
    for slot in 0..<region.header.pointee.geometry.processCount where processes.isTaken(slot) {
      let tickets = tickets(of: slot)
      for i in 0..<PinTickets.count
      where (tickets + i).pointee.load(ordering: .sequentiallyConsistent) == place {
        guard let owner = processes.livingOwner(in: slot) else { break }
        if !processes.isStalled(owner, sleeps: sleeps) { return true }
        _ = (tickets + i).pointee.compareExchange(
          expected: place, desired: place | PinTickets.void, ordering: .sequentiallyConsistent)
      }
    }
    return false
  }
}
