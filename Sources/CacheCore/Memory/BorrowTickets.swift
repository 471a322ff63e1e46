import CPlatform
import Synchronization

/// Which values are out on lease to whom (Shard+Lease.swift), in a region that processes
/// share.
///
/// The count of leases in an entry does not say whose they are. So each lease has a ticket:
/// it says that the value is about to be counted, then that it is, then that the count is
/// about to be taken back. When a process is dead, the counts of the entries that its
/// tickets name are set to what the tickets of the living say.
package struct BorrowTickets {
  package typealias Ticket = UnsafeMutablePointer<Atomic<UInt64>>

  package static let count = 1008

  package enum State {
    package static let free: UInt64 = 0
    /// About to be counted, or about to be no more.
    package static let changing: UInt64 = 1
    package static let counted: UInt64 = 2
    /// Was the last on an entry that is gone, whose block its holder is about to free.
    package static let freeing: UInt64 = 3
  }

  /// What a ticket is for.
  package struct Claim {
    package let word: UInt64
    package init(word: UInt64) { self.word = word }
    package init(shard: UInt32, ref: Ref, state: UInt64) {
      word = state << 40 | UInt64(shard) << 32 | UInt64(ref)
    }
    package var state: UInt64 { word >> 40 }
    package var shard: UInt32 { UInt32(truncatingIfNeeded: word >> 32) & 0xFF }
    package var ref: Ref { Ref(truncatingIfNeeded: word) }
    package func isFor(_ shard: UInt32, _ ref: Ref) -> Bool {
      self.shard == shard && self.ref == ref && state != State.free
    }
  }

  /// The process's slot and the ticket's place: 20 bits.
  package typealias Number = UInt32

  private let region: Region

  package init(_ region: Region) { self.region = region }

  private func tickets(of slot: UInt32) -> Ticket {
    Tickets.borrows.elements(in: region.tickets(of: slot))
  }

  // MARK: This process's

  private var ownSlot: UInt32 { ProcessTable.Owner.slot(of: region.owner) }

  private func own(_ number: Number) -> Ticket {
    tickets(of: ownSlot) + Int(number & 0x3FF)
  }

  package func isOwn(_ number: Number) -> Bool { number >> 10 == ownSlot }

  /// The number of a free ticket, which now says that a value is about to be counted; nil if
  /// there is none.
  package func take(shard: UInt32, ref: Ref) -> Number? {
    let word = Claim(shard: shard, ref: ref, state: State.changing).word
    let first = platform_thread_number() &* 61
    for i in 0..<UInt32(BorrowTickets.count) {
      let number = ownSlot << 10 | (first &+ i) % UInt32(BorrowTickets.count)
      let ticket = own(number)
      if ticket.relaxed == 0,
        ticket.pointee.compareExchange(
          expected: 0, desired: word, ordering: .sequentiallyConsistent
        ).exchanged
      {
        return number
      }
    }
    return nil
  }

  package func set(_ number: Number, shard: UInt32, ref: Ref, state: UInt64) {
    let word = state == State.free ? 0 : Claim(shard: shard, ref: ref, state: state).word
    own(number).pointee.store(word, ordering: .sequentiallyConsistent)
  }

  // MARK: Of all

  /// Calls `body` with each ticket of a process that is in use.
  package func forEach(of slot: UInt32, _ body: (Ticket, Claim) -> Void) {
    let tickets = tickets(of: slot)
    for i in 0..<BorrowTickets.count {
      let word = (tickets + i).pointee.load(ordering: .sequentiallyConsistent)
      if word != 0 { body(tickets + i, Claim(word: word)) }
    }
  }

  /// Nobody has anything on lease.
  package func forgetAll() {
    let processes = region.processes
    for slot in 0..<region.header.pointee.geometry.processCount where processes.isTaken(slot) {
      forEach(of: slot) { ticket, _ in ticket.relaxed = 0 }
    }
  }

  package func forEachOfTheLiving(_ body: (Claim) -> Void) {
    let processes = region.processes
    for slot in 0..<region.header.pointee.geometry.processCount
    where processes.isTaken(slot) && processes.isAlive(slot) {
      forEach(of: slot) { _, claim in body(claim) }
    }
  }
}
