import CacheCore
import Foundation
import Synchronization

/// Who is alive, and who has which slot.
enum ProcessScenarios {
  /// Who is killed is found dead, also while its memory is still there; its slot is reaped
  /// once, and taken again by another generation.
  static func killed(_ path: String) {
    for megabytes in [0, 512] {
      let shared = Shared.open(path, slots: 1)
      let (child, owner) = Shared.child(path, slots: 1) { _, ends in
        let size = megabytes << 20
        let kind = MAP_PRIVATE | MAP_ANONYMOUS
        let memory = mmap(nil, size + 1, PROT_READ | PROT_WRITE, kind, -1, 0)!
        madvise(memory, size, MADV_NOHUGEPAGE)
        memset(memory, 1, size)
        ends.told.send()
        ends.go.wait()
        return true
      }
      child.told.wait()
      require(!shared.table.isDead(owner) && shared.table.count == 1, "one that lives")
      require(shared.tryJoin().refusal == .full, "no slot but its own")
      require(shared.table.reapDead { _ in fail("to reap the living") } == 0, "none to reap")
      child.signal(SIGKILL)
      let found = wait { shared.table.isDead(owner) }
      require(shared.table.count == 0, "nobody else")
      var reaped: [UInt32] = []
      let start = nowMs()
      let own = shared.join { reaped.append($0) }
      print("\(megabytes) MB: found dead in \(found) ms, its slot was free in \(nowMs() - start)")
      require(reaped == [owner], "to reap it: \(reaped)")
      require(ProcessTable.Owner.slot(of: own) == ProcessTable.Owner.slot(of: owner), "its slot")
      require(own != owner && shared.table.isDead(owner), "another generation")
      require(!child.ended(), "to have been killed")
      shared.leave()
    }
  }

  /// A zombie that nobody waits for is dead.
  static func unawaited(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4)
    child.go.send()
    _ = wait { child.isZombie }
    require(shared.table.isDead(owner), "one that left without a word")
    require(shared.table.reapDead { require($0 == owner, "its id") } == 1, "one to reap")
    require(shared.table.reapDead { _ in fail("to reap twice") } == 0, "none to reap")
    require(child.ended(), "to end well")
  }

  static func stopped(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4)
    child.signal(SIGSTOP)
    usleep(20_000)
    require(!shared.table.isDead(owner), "one that is stopped lives")
    child.signal(SIGCONT)
    child.kill()
    require(shared.table.isDead(owner), "one that was killed does not")
  }

  /// The first thread's end is not the process's.
  static func firstThreadEnds(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4) { _, ends in
      var thread = pthread_t()
      pthread_create(&thread, nil, { _ in while true { pause() } }, nil)
      ends.told.send()
      syscallExit()
    }
    child.told.wait()
    let line = "/proc/\(child.pid)/stat"
    func state() -> Character? {
      let text = (try? String(contentsOfFile: line, encoding: .utf8)) ?? ""
      return text.split(separator: ")").last?.dropFirst().first
    }
    _ = wait { state() == "Z" }
    require(!shared.table.isDead(owner), "one whose other thread goes on lives")
    child.signal(SIGKILL)
    _ = wait { shared.table.isDead(owner) }
    child.kill()
  }

  /// Another program in the same process is another owner's end.
  static func becomesAnotherProgram(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4) { _, _ in
      var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("100"), nil]
      execvp("sleep", &arguments)
      return false
    }
    _ = wait { shared.table.isDead(owner) }
    require(!child.isZombie, "that the process lives")
    child.kill()
  }

  /// A child has a slot of its own, and keeps nothing of its parent's.
  static func forks(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (parent, owner) = Shared.child(path, slots: 4) { shared, ends in
      let child = Child { told, go in
        shared.mapAgain()
        require(!shared.table.isDead(UInt32(go.wait())), "that the parent lives")
        let owner = shared.join()
        told.send(UInt64(owner))
        go.wait()
        require(!shared.table.isDead(owner), "that it lives itself")
        ends.told.send()
        while true { pause() }
      }
      child.go.send(UInt64(shared.table.owner))
      ends.told.send(child.told.wait())
      ends.told.send(UInt64(child.pid))
      ends.go.wait()
      child.go.send()
      while true { pause() }
    }
    let childOwner = UInt32(parent.told.wait())
    let child = pid_t(parent.told.wait())
    require(childOwner != owner && shared.table.count == 2, "two that live")
    parent.go.send()
    parent.told.wait()
    parent.kill()
    require(shared.table.isDead(owner), "that the parent is dead")
    require(!shared.table.isDead(childOwner), "that the child lives")
    require(shared.table.reapDead { require($0 == owner, "the parent") } == 1, "one to reap")
    kill(child, SIGKILL)
    _ = wait { shared.table.isDead(childOwner) }
  }

  /// As many as there is room for; those who leave make room, and are no more.
  static func fullTable(_ path: String) {
    let first = Shared.open(path, slots: 3)
    let others = (0..<3).map { _ in Shared.open(path, slots: 3) }
    let owners = others.map { $0.join { _ in fail("to reap nobody") } }
    require(Set(owners).count == 3 && first.table.count == 3, "three that live")
    require(first.tryJoin() == (nil, .full), "no room for a fourth")
    others[1].table.leave()
    others[1].table.leave()
    require(first.table.isDead(owners[1]) && first.table.count == 2, "two that live")
    var seen = Set(owners)
    var start = clock()
    for _ in 0..<1000 {
      let owner = first.join { _ in fail("to reap who left") }
      require(seen.insert(owner).inserted, "a new generation")
      first.table.leave()
    }
    print("join, isDead and leave take \((clock() - start) / 1000) us of the processor")
    start = clock()
    for _ in 0..<1000 { require(!first.table.isDead(owners[0]), "one that lives") }
    print("to see that one lives takes \((clock() - start) / 1000) us of the processor")
    for owner in [0, 1, UInt32.max >> 1, ProcessTable.Owner.id(slot: 3, generation: 0)] {
      require(first.table.isDead(owner), "nobody")
    }
    for other in others { other.leave() }
    require(first.table.count == 0, "nobody")
    // The last generation is followed by the first.
    let identity = ProcessTableLayout.records(in: first.base + 4096).pointee.identity.word
    identity.relaxed = ProcessTable.Owner.id(slot: 0, generation: .max) << 2 & (1 << 23 - 1)
    let owner = first.join()
    require(ProcessTable.Owner.generation(of: owner) == 0 && owner == 1 << 21, "to begin again")
  }

  /// Who reaps may be killed meanwhile; the next one does it again.
  static func reaperIsKilled(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4)
    child.kill()
    let reaper = Child { told, go in
      let own = Shared.open(path, slots: 4)
      _ = own.table.reapDead { _ in
        told.send()
        go.wait()
      }
      return true
    }
    reaper.told.wait()
    require(shared.table.reapDead { _ in fail("two reapers at once") } == 0, "to leave it")
    require(shared.table.isDead(owner), "that it is dead")
    let own = shared.join { _ in fail("two reapers at once") }
    require(ProcessTable.Owner.slot(of: own) != ProcessTable.Owner.slot(of: owner), "another slot")
    reaper.kill()
    var reaped: [UInt32] = []
    require(shared.table.reapDead { reaped.append($0) } == 1 && reaped == [owner], "to reap it")
  }

  /// Who joins in the slot of one who died reaps it as an owner of its own; if it is killed
  /// meanwhile, both are reaped, and so on.
  static func joinersAreKilled(_ path: String) {
    let shared = Shared.open(path, slots: 2)
    let own = shared.join()
    let (child, owner) = Shared.child(path, slots: 2)
    var dead = [owner]
    child.kill()
    for _ in 0..<3 {
      let joiner = Child { told, go in
        let shared = Shared.open(path, slots: 2)
        _ = shared.join { reaped in
          require(reaped == owner && shared.table.owner != owner, "an owner of its own")
          require(!shared.table.isDead(shared.table.owner), "that it lives")
          told.send(UInt64(shared.table.owner))
          go.wait()
        }
        return false
      }
      dead.append(UInt32(joiner.told.wait()))
      require(shared.table.reapDead { _ in fail("two reapers at once") } == 0, "to leave it")
      joiner.kill()
    }
    require(dead.allSatisfy(shared.table.isDead) && !shared.table.isDead(own), "who is dead")
    let last = Shared.open(path, slots: 2)
    var reaped: [UInt32] = []
    dead.append(last.join { reaped.append($0) })
    require(Set(dead).count == 5 && reaped == dead.dropLast(), "all of them, in order: \(reaped)")
    last.table.leave()
    require(shared.table.reapDead { _ in fail("to reap again") } == 0, "none to reap")
    // A table that says something else is not followed far.
    ProcessTableLayout.records(in: shared.base + 4096)[1].reaped.word.relaxed = .max
    var count = 0
    dead.append(last.join { _ in count += 1 })
    require(count <= 64, "\(count) to reap")
  }

  /// A program that closes all descriptors keeps its slot, and can still ask.
  static func descriptorsAreClosed(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let other = shared.join()
    let (child, owner) = Shared.child(path, slots: 4) { shared, ends in
      // Up to those of the test's own.
      for number in 512..<4096 as Range<Int32> { close(number) }
      require(!shared.table.isDead(shared.table.owner), "itself")
      require(!shared.table.isDead(other), "another")
      ends.told.send()
      ends.go.wait()
      require(shared.table.isDead(other), "that the other left")
      shared.leave()
      return true
    }
    child.told.wait()
    require(!shared.table.isDead(owner), "that it lives")
    shared.leave()
    child.go.send()
    require(child.ended(), "to end well")
  }

  // MARK: Where /proc is not as usual

  /// Without /proc the locks decide.
  static func withoutProc(_ path: String) {
    guard haveOwnMounts(), mountTmpfs("/proc", "size=64k") else {
      skip("/proc cannot be hidden here")
      return
    }
    require(Proc.namespaces == 0 && Proc.bootId == nil, "no /proc")
    let shared = Shared.open(path, slots: 4)
    let (child, owner) = Shared.child(path, slots: 4)
    require(!shared.table.isDead(owner), "one that lives")
    child.signal(SIGKILL)
    _ = wait { shared.table.isDead(owner) }
    child.kill()
    let own = shared.join { require($0 == owner, "the dead") }
    require(!shared.table.isDead(own), "itself")
    // In memory a lock needs an open file of its own, which only /proc gives.
    var refusal = FileRefusal.noMemory
    require(SharedFile.open(path: nil, refusal: &refusal) == nil, "no file in memory")
  }

  /// Numbers of another namespace mean nothing, also where its /proc is still to be seen.
  static func otherNamespace(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let own = shared.join()
    let outer = Child { told, go in
      guard haveOwnMounts(alsoProcesses: true) else {
        told.send()
        return true
      }
      let inner = Child { told, go in
        let shared = Shared.open(path, slots: 4)
        require(getpid() == 1 && Proc.namespaces == 0, "a number of its own")
        let owner = shared.join()
        require(!shared.table.isDead(own), "that the one outside lives")
        told.send(UInt64(owner))
        go.wait()
        return true
      }
      told.send(inner.told.wait())
      go.wait()
      inner.kill()
      return true
    }
    let owner = UInt32(outer.told.wait())
    if owner == 0 {
      skip("there are no PID namespaces here")
      return
    }
    require(!shared.table.isDead(owner), "that the one inside lives")
    outer.go.send()
    require(outer.ended(), "to kill it")
    _ = wait { shared.table.isDead(owner) }
    require(!shared.table.isDead(own), "itself")
  }
}

/// Ends this thread.
@_silgen_name("syscall") private func systemCall(_ number: Int, _ code: Int) -> Int

private func syscallExit() -> Never {
  #if arch(x86_64)
    _ = systemCall(60, 0)
  #else
    _ = systemCall(93, 0)
  #endif
  fatalError()
}
