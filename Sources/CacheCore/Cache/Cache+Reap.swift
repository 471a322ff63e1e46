import Synchronization

// What the dead leave behind in a cache that processes share: locks, which whoever wants
// them next takes over, pins, which whoever waits for them takes away, claims, which whoever
// wants to compute ends, and leases, which are ended here.

extension Cache {
  /// Takes from processes that are dead what they held, and gives their slots away.
  package func reapDead() {
    guard region.isShared else { return }
    // Held because a lock on the file is taken (FileLock).
    let count = OpenCaches.lock.withLock { region.processes.reapDead { reap($0) } }
    // What they were writing is put right now, and not when somebody comes to that shard.
    if count > 0 { forEachShard { _ = $0.withLock {} } }
  }

  /// Ends what a process that is dead had on lease, and forgets its pins.
  package func reap(_ owner: UInt32) {
    let slot = ProcessTable.Owner.slot(of: owner)
    endLeases(of: slot)
    PinTickets(region).forget(of: slot)
  }

  /// Ends what the one had on lease who had this process's slot before it; this process has
  /// nothing yet.
  package func endInheritedLeases() {
    endLeases(of: ProcessTable.Owner.slot(of: region.owner))
  }

  /// Ends what values a process that is dead had on lease.
  private func endLeases(of slot: UInt32) {
    BorrowTickets(region).forEach(of: slot) { ticket, claim in
      // First, for its slot may be one that lives. If nobody comes to what follows, a
      // block is kept that nobody has.
      ticket.pointee.store(0, ordering: .sequentiallyConsistent)
      guard claim.shard < shardCount else { return }
      let shard = shard(claim.shard)
      guard let ended = shard.withLock({ shard.settleLeases(of: claim.ref) }) else {
        shard.leaveToBeSettled()
        return
      }
      region.sharing.pointee.borrowsReclaimed.word.bump(ended)
    }
  }
}
