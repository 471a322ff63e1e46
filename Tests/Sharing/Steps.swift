import CacheCore
import Foundation

@_silgen_name("ptrace") private func traced(
  _ request: Int, _ pid: pid_t, _ address: Int, _ data: Int
) -> Int

private let (traceMe, toNextCall, detach) = (0, 24, 17)

/// A maker that is stopped at one system call after the other.
enum Steps {
  /// At each of them it is killed, and the next one makes a cache or finds one that is
  /// whole; or another makes one while it is stopped, and it finds that.
  static func run(_ path: String) {
    guard isAllowed() else {
      skip("ptrace is not allowed here")
      return
    }
    for flags in [0, SharedFile.Flag.createOnly, SharedFile.Flag.replace] {
      let kills = eachStep(path, flags) { maker in
        maker.kill()
        check(path)
        return true
      }
      let others = eachStep(path, flags) { maker in
        // Who has the lock is waited for; that is tried elsewhere.
        guard isOpenToOthers(path) else { return false }
        let other = Child { _, _ in make(path, 0) != nil }
        require(other.ended(), "another that makes it")
        let made = inode(path)
        require(traced(detach, maker.pid, 0, 0) == 0, "to let it go on")
        require(maker.ended(), "to find what another made")
        let isReplaced = flags == SharedFile.Flag.replace
        require(isReplaced || made == inode(path), "to leave what another made")
        check(path)
        return true
      }
      print("flags \(flags): killed at \(kills) calls, another came at \(others)")
      require(kills > 10 && others > 2, "calls")
    }
  }

  private static func isAllowed() -> Bool {
    Child { _, _ in traced(traceMe, 0, 0, 0) == 0 }.ended()
  }

  /// Calls `body` with a maker that is stopped before or after its first, second, ...
  /// call, until it ends before that; how often. `body` says whether it ended the maker.
  private static func eachStep(
    _ path: String, _ flags: UInt32, _ body: (Child) -> Bool
  ) -> Int {
    var (count, steps) = (0, 1)
    while true {
      let maker = Child { _, _ in
        require(traced(traceMe, 0, 0, 0) == 0 && raise(SIGSTOP) == 0, "to be traced")
        let made = make(path, flags)
        // One that was made by another is there, which not everybody may find.
        return made != nil || flags == SharedFile.Flag.createOnly
      }
      for _ in 0..<steps where isStopped(maker) {
        require(traced(toNextCall, maker.pid, 0, 0) == 0, "a step")
      }
      guard isStopped(maker) else {
        unlink(path)
        unlink(path + ".cachecore-new")
        return count
      }
      if body(maker) { count += 1 } else { maker.kill() }
      unlink(path)
      unlink(path + ".cachecore-new")
      steps += 1
    }
  }

  /// Waits until it is stopped or has ended.
  private static func isStopped(_ maker: Child) -> Bool {
    var info = siginfo_t()
    while waitid(P_PID, id_t(maker.pid), &info, WEXITED | WSTOPPED | WNOWAIT) != 0 {
      require(errno == EINTR, "to wait")
    }
    if info.si_code == CLD_EXITED {
      require(maker.ended(), "a maker that ends well")
      return false
    }
    return true
  }

  private static func isOpenToOthers(_ path: String) -> Bool {
    let asker = Child { _, _ in
      let descriptor = open(path, O_RDWR)
      if descriptor < 0 { return true }
      var lock = flock()
      lock.l_type = Int16(F_WRLCK)
      lock.l_start = off_t(FileLock.Byte.opening)
      lock.l_len = 1
      return getLock(descriptor, 36, &lock) == 0 && lock.l_type == Int16(F_UNLCK)
    }
    return asker.ended()
  }

  /// Makes a cache, or finds one; what is in it, if it is whole.
  private static func make(_ path: String, _ flags: UInt32) -> UInt64? {
    var refusal = FileRefusal.noMemory
    let opened = path.withCString { SharedFile.open(path: $0, flags: flags, refusal: &refusal) }
    guard let file = opened else {
      require(refusal == .exists && flags == SharedFile.Flag.createOnly, "why: \(refusal)")
      return nil
    }
    require(!file.isEmpty || file.setSize(8192, refusal: &refusal), "a size: \(refusal)")
    guard let base = file.map(8192) else { fail("to map") }
    if file.isEmpty {
      require(file.commit(base, 8192), "to commit")
      require((base + 8).load(as: UInt64.self) == 0, "zeros")
      base.storeBytes(of: 7, toByteOffset: 4096, as: UInt64.self)
      base.storeBytes(of: RegionHeader.magic, as: UInt64.self)
    }
    let content = base.load(fromByteOffset: 4096, as: UInt64.self)
    require(content == 7, "a cache that is whole")
    require(file.finish(refusal: &refusal), "to finish: \(refusal)")
    require(!file.isUnlinked, "that it is the one at the path")
    file.unmap()
    file.close()
    return content
  }

  /// 0: nothing is there.
  private static func inode(_ path: String) -> ino_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_ino : 0
  }

  /// What is there is whole, or is made so.
  private static func check(_ path: String) {
    let next = Child { _, _ in
      alarm(4)  // sooner than its patience ends
      return make(path, 0) == 7
    }
    require(next.ended(), "the next one")
    require(access(path, F_OK) == 0, "that it is there")
  }
}

@_silgen_name("fcntl") private func getLock(
  _ descriptor: Int32, _ command: Int32, _ lock: UnsafeMutablePointer<flock>
) -> Int32
