import CPlatform
import Synchronization

/// Who uses a shared cache: a slot for each process, and whether it is still alive.
///
/// A process is known to the others by its *owner id*, which stands in a lock word or a
/// ticket for what it holds: its slot and a generation, which changes whenever the slot is
/// taken. Owners come and go, and no id is that of a later owner before its slot was taken
/// two million times.
///
/// **Whether an owner is alive** is told exactly, by what the kernel does when a process
/// ends, and never by time: a process that is stopped is alive. Its slot's byte in the file
/// is locked for as long as its memory exists (FileLock.swift), which decides. A large
/// process keeps its memory for a while after it was killed, so /proc is asked first, where
/// both see the same one: it says that all threads are on their way out after 0.1 ms.
///
///     free  --join-->  alive  --leave-->  free
///                      alive  --found dead, by anybody-->  dead  --reaped-->  free
///                                                          dead  --join-->  alive
///
/// *To reap* an owner is to put right what it held. Who does it needs an owner id itself, to
/// take locks with; so who joins in a dead owner's slot becomes its next owner first, and
/// reaps then. The record says up to which generation that was done: if the reaper is killed
/// as well, the next one reaps both.
///
/// What must hold:
///
/// - Only who has the byte's lock takes a slot, fills its record, or reaps its owners. So a
///   slot is not taken while its last owner could still write, of those who find an owner
///   dead one reaps it, and it is reaped before the slot's next owner holds anything.
/// - Who was once found dead stays so: the record says so, by one compare-and-swap of the
///   identity, generation included.
/// - Where something cannot be found out, the owner is alive.
package struct ProcessTable {
  private let records: UnsafeMutablePointer<ProcessRecord>
  private let slotCount: UInt32
  private let file: SharedFile

  /// Slots that a table may have.
  package static let slotCountMax = ProcessTableLayout.slotsMax
  package static let slotCountDefault: UInt32 = 64

  /// `table` is in the region, of ProcessTableLayout.size(slots:) zeros at first.
  package init(_ table: UnsafeMutableRawPointer, slots: UInt32, file: SharedFile) {
    records = ProcessTableLayout.records(in: table)
    slotCount = slots
    self.file = file
  }

  /// Who this process is; 0: nobody, before `join` and after `leave`.
  package var owner: UInt32 { file.words.pointee.owner.word.relaxed }

  // MARK: Owner ids

  /// What an owner id says. Bit 31 is free, and no id is 0.
  package enum Owner {
    package static let generationBits: UInt32 = 21

    package static func id(slot: UInt32, generation: UInt32) -> UInt32 {
      (slot + 1) << generationBits | generation & generationMask
    }

    package static func slot(of owner: UInt32) -> UInt32 { (owner >> generationBits) &- 1 }
    package static func generation(of owner: UInt32) -> UInt32 { owner & generationMask }

    static let generationMask: UInt32 = 1 << generationBits - 1
  }

  // MARK: Identities

  private enum State {
    static let free: UInt32 = 0
    static let alive: UInt32 = 1
    static let dead: UInt32 = 2
  }

  private static let stateBits: UInt32 = 2

  private static func state(of identity: UInt32) -> UInt32 { identity & (1 << stateBits - 1) }
  private static func generation(of identity: UInt32) -> UInt32 {
    identity >> stateBits & Owner.generationMask
  }
  private static func identity(_ generation: UInt32, _ state: UInt32) -> UInt32 {
    (generation & Owner.generationMask) << stateBits | state
  }

  private func identity(_ slot: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    records[Int(slot)].identity.word
  }

  private func reaped(_ slot: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
    records[Int(slot)].reaped.word
  }

  // MARK: This process

  /// Takes a slot: one that is free, or that of a process that died. Then `reap` is called
  /// with its owner id, when this process has one as well. nil: refused, as `full` if all
  /// are taken by the living. The caller holds the lock that fork handlers take (FileLock).
  ///
  /// The child of a fork joins again (SharedFile.becomeChild).
  package func join(refusal: inout FileRefusal, reap: (UInt32) -> Void) -> UInt32? {
    let start = platform_now_ns()
    while true {
      for mayBeDead in [false, true] {
        if let (slot, lock) = take(mayBeDead: mayBeDead, refusal: &refusal) {
          return occupy(slot, lock, reap)
        }
        if refusal != .timeout { return nil }
      }
      // Slots of the dead are free as soon as their memory is.
      refusal = .full
      guard isAnyEnding, platform_now_ns() - start < SharedFile.patienceNs else { return nil }
      platform_nap(ProcessTable.napNs)
    }
  }

  /// The lock of a slot that nobody has; the refusal is `timeout` if there is none.
  private func take(
    mayBeDead: Bool, refusal: inout FileRefusal
  ) -> (slot: UInt32, lock: FileLock)? {
    let first = FileLock.Byte.firstSlot
    let taken = FileLock.takeFirst(
      of: first..<first + UInt64(slotCount), of: file, refusal: &refusal
    ) { byte in
      let found = identity(UInt32(byte - first)).relaxed
      return mayBeDead || ProcessTable.state(of: found) == State.free
    }
    guard let (lock, byte) = taken else { return nil }
    return (UInt32(byte - first), lock)
  }

  private static let napNs: UInt64 = 1_000_000

  /// Whether a slot will be free, though its byte is locked.
  private var isAnyEnding: Bool {
    for slot in 0..<slotCount where !isAlive(slot) { return true }
    return false
  }

  private func occupy(_ slot: UInt32, _ lock: FileLock, _ reap: (UInt32) -> Void) -> UInt32 {
    let before = ProcessTable.generation(of: identity(slot).relaxed)
    let generation = (before + 1) & Owner.generationMask
    let pid = platform_process_id()
    let start = Proc.startTime(of: pid)
    let namespaces = Proc.namespaces
    records[Int(slot)].pid.word.relaxed = pid
    records[Int(slot)].startTime.word.relaxed = start ?? 0
    records[Int(slot)].namespaces.word.relaxed = start == nil ? 0 : namespaces
    identity(slot).pointee.store(
      ProcessTable.identity(generation, State.alive), ordering: .releasing)
    let owner = Owner.id(slot: slot, generation: generation)
    file.words.pointee.slot = lock.anchor
    file.words.pointee.owner.word.relaxed = owner
    reapSlot(slot, through: before, reap)
    return owner
  }

  /// Gives the slot back. This process holds nothing in the cache any more.
  package func leave() {
    let owner = self.owner
    guard owner != 0, let anchor = file.words.pointee.slot else { return }
    reaped(Owner.slot(of: owner)).relaxed = Owner.generation(of: owner)
    identity(Owner.slot(of: owner)).pointee.store(
      ProcessTable.identity(Owner.generation(of: owner), State.free), ordering: .releasing)
    file.words.pointee.owner.word.relaxed = 0
    file.words.pointee.slot = nil
    FileLock(anchor: anchor).release()
  }

  // MARK: Others

  /// Whether the table says already that an owner is no more; asks nobody else.
  package func isKnownDead(_ owner: UInt32) -> Bool {
    let slot = Owner.slot(of: owner)
    guard slot < slotCount else { return true }
    return identity(slot).pointee.load(ordering: .acquiring)
      != ProcessTable.identity(Owner.generation(of: owner), State.alive)
  }

  /// Whether an owner is no more, so that what it holds is nobody's. An owner who left is
  /// not there any more either. What is no owner id at all is nobody's.
  package func isDead(_ owner: UInt32) -> Bool {
    if isKnownDead(owner) { return true }
    let slot = Owner.slot(of: owner)
    let found = ProcessTable.identity(Owner.generation(of: owner), State.alive)
    guard hasEnded(slot) else { return false }
    // If it is no longer what was looked at, then that one is no more.
    if !file.isReadOnly { markDead(slot, found) }
    return true
  }

  /// Whether a slot is somebody's, dead or alive. Cheap, and of a moment ago.
  package func isTaken(_ slot: UInt32) -> Bool {
    ProcessTable.state(of: identity(slot).relaxed) != State.free
  }

  /// Whether who is in a slot lives.
  package func isAlive(_ slot: UInt32) -> Bool { livingOwner(in: slot) != nil }

  /// Who is in a slot, if that one lives.
  package func livingOwner(in slot: UInt32) -> UInt32? {
    let found = identity(slot).pointee.load(ordering: .acquiring)
    guard ProcessTable.state(of: found) == State.alive else { return nil }
    let owner = Owner.id(slot: slot, generation: ProcessTable.generation(of: found))
    return isDead(owner) ? nil : owner
  }

  /// What is read of the record may be of another who came meanwhile; the identity
  /// tells.
  private func hasEnded(_ slot: UInt32) -> Bool {
    if isVisible(slot),
      Proc.isGone(
        records[Int(slot)].pid.word.relaxed, start: records[Int(slot)].startTime.word.relaxed)
    {
      return true
    }
    return FileLock.isTaken(FileLock.Byte.firstSlot + UInt64(slot), of: file) == false
  }

  /// Whether /proc here names who is in a slot.
  private func isVisible(_ slot: UInt32) -> Bool {
    let namespaces = records[Int(slot)].namespaces.word.relaxed
    return namespaces != 0 && namespaces == Proc.namespaces
  }

  /// Whether /proc says of an owner that it is stopped. False if that is not known.
  package func isStopped(_ owner: UInt32) -> Bool {
    let slot = Owner.slot(of: owner)
    guard slot < slotCount, isVisible(slot) else { return false }
    return Proc.isStopped(
      records[Int(slot)].pid.word.relaxed, start: records[Int(slot)].startTime.word.relaxed)
  }

  /// Sleeps of 10 ms after which one who is waited for is given up that /proc says is stopped,
  /// and that it says nothing of.
  private static let sleepsIfStopped = 50
  private static let sleepsMax = 1000

  /// Whether an owner that others have waited for in so many sleeps is given up as stopped.
  ///
  /// Sleeps that ended by themselves are counted, and not time: where the machine is
  /// overloaded, or was suspended, sleeps are long, or none.
  package func isStalled(_ owner: UInt32, sleeps: Int) -> Bool {
    if sleeps < ProcessTable.sleepsIfStopped { return false }
    return sleeps >= ProcessTable.sleepsMax || isStopped(owner)
  }

  private func markDead(_ slot: UInt32, _ found: UInt32) {
    _ = identity(slot).pointee.compareExchange(
      expected: found,
      desired: ProcessTable.identity(ProcessTable.generation(of: found), State.dead),
      ordering: .acquiringAndReleasing)
  }

  /// Calls `reap` for each owner that died and whose memory is no more, and makes its slot
  /// free. How many slots those were.
  package func reapDead(_ reap: (UInt32) -> Void) -> Int {
    var count = 0
    for slot in 0..<slotCount
    where ProcessTable.state(of: identity(slot).relaxed) != State.free && !isAlive(slot) {
      var refusal = FileRefusal.timeout
      let byte = FileLock.Byte.firstSlot + UInt64(slot)
      guard let lock = FileLock.take(byte, of: file, refusal: &refusal) else { continue }
      // Another may have done it, or come and gone, before this process had the lock.
      let found = identity(slot).pointee.load(ordering: .acquiring)
      if ProcessTable.state(of: found) != State.free {
        let generation = ProcessTable.generation(of: found)
        markDead(slot, found)
        reapSlot(slot, through: generation, reap)
        identity(slot).pointee.store(
          ProcessTable.identity(generation, State.free), ordering: .releasing)
        count += 1
      }
      lock.release()
    }
    return count
  }

  /// For the first process after nobody: nothing is left of the others, whose slots are free.
  package func forgetOthers(_ forget: (_ slot: UInt32) -> Void) {
    for slot in 0..<slotCount where slot != Owner.slot(of: owner) && isTaken(slot) {
      forget(slot)
      let generation = ProcessTable.generation(of: identity(slot).relaxed)
      reaped(slot).relaxed = generation
      identity(slot).pointee.store(
        ProcessTable.identity(generation, State.free), ordering: .releasing)
    }
  }

  /// No more owners than this are reaped in one slot: all but the first of them died while
  /// they reaped, unless the table is damaged.
  private static let unreapedMax: UInt32 = 64

  /// For who has the lock of the slot's byte.
  private func reapSlot(_ slot: UInt32, through last: UInt32, _ reap: (UInt32) -> Void) {
    var generation = reaped(slot).relaxed & Owner.generationMask
    if (last &- generation) & Owner.generationMask > ProcessTable.unreapedMax {
      generation = last &- ProcessTable.unreapedMax & Owner.generationMask
    }
    while generation != last {
      generation = (generation + 1) & Owner.generationMask
      reap(Owner.id(slot: slot, generation: generation))
      reaped(slot).pointee.store(generation, ordering: .releasing)
    }
  }

  /// Processes that live.
  package var count: Int {
    var count = 0
    for slot in 0..<slotCount where isAlive(slot) { count += 1 }
    return count
  }
}
