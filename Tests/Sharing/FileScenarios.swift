import CacheCore
import Foundation

/// One file and several processes, or a process that is limited.
enum FileScenarios {
  /// Of all who come at once one makes the cache, and the others find it made, or replace
  /// it one after the other.
  static func allAtOnce(_ path: String) {
    for round in 0..<60 {
      let start = Signal()
      let flags = [0, SharedFile.Flag.createOnly, SharedFile.Flag.replace][round % 3]
      let children = (0..<6).map { _ in
        Child { told, _ in
          start.wait()
          var refusal = FileRefusal.noMemory
          let opened = path.withCString {
            SharedFile.open(path: $0, flags: flags, refusal: &refusal)
          }
          guard let file = opened else {
            require(refusal == .exists && flags == SharedFile.Flag.createOnly, "why: \(refusal)")
            told.send()
            return true
          }
          let isMaker = file.isEmpty
          require(!isMaker || file.setSize(8192, refusal: &refusal), "a size")
          guard let base = file.map(8192) else { fail("to map") }
          if isMaker {
            require(base.load(fromByteOffset: 4096, as: UInt64.self) == 0, "nothing in it")
            require(file.commit(base, 8192), "to commit")
            base.storeBytes(of: UInt64(getpid()), toByteOffset: 4096, as: UInt64.self)
            usleep(2000)
            base.storeBytes(of: RegionHeader.magic, as: UInt64.self)
          }
          require(base.load(fromByteOffset: 4096, as: UInt64.self) != 0, "a cache that is made")
          require(file.finish(refusal: &refusal), "to finish: \(refusal)")
          told.send(isMaker ? 1 : 0)
          file.unmap()
          file.close()
          return true
        }
      }
      for _ in children { start.send() }
      let makers = children.reduce(0) { $0 + $1.told.wait() }
      require(makers == (flags == SharedFile.Flag.replace ? 6 : 1), "\(makers) made it")
      require(access(path, F_OK) == 0, "that it is still there")
      for child in children { require(child.ended(), "a child that ends well") }
      start.close()
      unlink(path)
    }
    let left = path + ".cachecore-new"
    require(access(left, F_OK) != 0, "nothing beside it")
  }

  /// Whoever makes a cache may be killed at any time; the next one begins afresh.
  static func killedMakers(_ path: String) {
    for (step, flags) in zip(
      0..<8, [0, SharedFile.Flag.replace, 0, SharedFile.Flag.createOnly] * 2)
    {
      let maker = Child { told, go in
        var refusal = FileRefusal.noMemory
        let opened = path.withCString {
          SharedFile.open(path: $0, flags: flags, refusal: &refusal)
        }
        guard let file = opened, file.isEmpty else { fail("to begin: \(refusal)") }
        if step >= 2 { require(file.setSize(1 << 16, refusal: &refusal), "a size") }
        if step >= 4 {
          guard let base = file.map(1 << 16), file.commit(base, 1 << 16) else { fail("to map") }
          memset(base + 8, 0xFF, 1 << 16 - 8)
        }
        told.send()
        go.wait()
        return false
      }
      maker.told.wait()
      // Somebody else waits meanwhile.
      let next = Child { told, _ in
        told.send()
        let shared = Shared.open(path, slots: 4)
        for slot in 0..<4 as Range<UInt32> {
          require(shared.word(slot).pointee.load(ordering: .relaxed) == 0, "zeros")
        }
        require(shared.file.size == Shared.size(4), "nothing of before")
        return true
      }
      next.told.wait()
      usleep(3000)
      if flags != SharedFile.Flag.replace { require(!next.isZombie, "to wait for the maker") }
      maker.kill()
      require(next.ended(), "to begin afresh")
      // What a killed one left beside the path is no hindrance.
      var refusal = FileRefusal.noMemory
      let file = path.withCString {
        SharedFile.open(path: $0, flags: SharedFile.Flag.replace, refusal: &refusal)
      }
      require(file?.isEmpty == true, "to replace: \(refusal)")
      file?.close()
      unlink(path)
    }
  }

  /// Somebody who is stopped while he makes a cache is waited for, but not for ever.
  static func patienceEnds(_ path: String) {
    let shared = Shared.open(path, slots: 4)
    let holder = Child { told, go in
      let own = Shared.open(path, slots: 4)
      var refusal = FileRefusal.noMemory
      guard FileLock.take(FileLock.Byte.opening, of: own.file, refusal: &refusal) != nil else {
        return false
      }
      told.send()
      go.wait()
      return true
    }
    holder.told.wait()
    holder.signal(SIGSTOP)
    var refusal = FileRefusal.noMemory
    let lock = FileLock.take(
      FileLock.Byte.opening, of: shared.file, patienceNs: 20_000_000, refusal: &refusal)
    require(lock == nil && refusal == .timeout, "to give up: \(refusal)")
    holder.kill()
    require(
      FileLock.take(FileLock.Byte.opening, of: shared.file, refusal: &refusal) != nil,
      "to get it then: \(refusal)")
  }

  /// A file beyond the limit is refused, and no signal sent.
  static func sizeLimit(_ path: String) {
    func refusal(limit: rlim_t, _ path: String?, size: UInt64) -> FileRefusal? {
      var limits = rlimit()
      getrlimit(__rlimit_resource_t(1), &limits)
      let before = limits
      defer {
        limits = before
        setrlimit(__rlimit_resource_t(1), &limits)
      }
      limits.rlim_cur = limit
      require(setrlimit(__rlimit_resource_t(1), &limits) == 0, "a limit")
      var refusal = FileRefusal.noMemory
      let file =
        if let path {
          path.withCString { SharedFile.open(path: $0, refusal: &refusal) }
        } else {
          SharedFile.open(path: nil, refusal: &refusal)
        }
      guard let file else { return refusal }
      defer { file.close() }
      return file.setSize(size, refusal: &refusal) ? nil : refusal
    }
    for path in [path, nil] {
      require(refusal(limit: 1 << 20, path, size: 1 << 20 + 1) == .tooLarge, "too large")
      require(refusal(limit: 1 << 20, path, size: 1 << 20) == nil, "just as large")
      require(refusal(limit: 4, path, size: 1 << 20) == .tooLarge, "no room for a mark")
    }
    require(access(path, F_OK) != 0, "nothing left")
  }

  /// Where a lock does not outlive the descriptor, as in a container's own file system,
  /// there is no cache, and nothing left of the attempt.
  static func overlay(_ path: String) {
    guard let top = smallFileSystem(path) else { return }
    defer { unmount(top) }
    let names = ["lower", "upper", "work", "merged"].map { top + "/" + $0 }
    for name in names { mkdir(name, 0o700) }
    guard mountOverlay(names[3], over: names[0], upper: names[1], work: names[2]) else {
      skip("no overlayfs can be mounted here")
      return
    }
    defer { unmount(names[3]) }
    let path = names[3] + "/cache"
    var refusal = FileRefusal.noMemory
    let file = path.withCString { SharedFile.open(path: $0, refusal: &refusal) }
    if let file {
      print("overlayfs keeps locks here")
      file.close()
    } else {
      require(refusal == .fileSystem, "why: \(refusal)")
    }
    require(access(path, F_OK) != 0, "nothing left")
  }

  /// A file system that is full: refused, and nobody gets a signal.
  static func full(_ path: String) {
    guard let directory = smallFileSystem(path) else { return }
    let path = directory + "/cache"
    var refusal = FileRefusal.noMemory
    let opened = path.withCString { SharedFile.open(path: $0, refusal: &refusal) }
    guard let file = opened else { fail("to open: \(refusal)") }
    require(file.space.bytes == 1 << 20 && file.space.available <= 1 << 20, "its size")
    require(file.setSize(8 << 20, refusal: &refusal), "a size that is not taken yet")
    guard let base = file.map(8 << 20) else { fail("to map") }
    require(file.commit(base, 512 << 10), "room for a half")
    memset(base + 8, 7, 512 << 10 - 8)
    require(!file.commit(base + 512 << 10, 4 << 20), "no room for all")
    require(!file.discard(base, 4096), "to keep pages")
    require((base + 8192).load(as: UInt8.self) == 7, "what was there")
    file.unmap()
    file.close()
    require(access(path, F_OK) != 0, "nothing left")
    // No room for a mark either.
    let other = path + "2"
    let filler = open(path, O_RDWR | O_CREAT, 0o600)
    let page = [UInt8](repeating: 1, count: 4096)
    while write(filler, page, page.count) == page.count {}
    let refused = other.withCString { SharedFile.open(path: $0, refusal: &refusal) }
    require(refused == nil && refusal == .noSpace, "no room: \(refusal)")
    require(access(other, F_OK) != 0, "nothing left")
    close(filler)
    unmount(directory)
  }
}

private func * (values: [UInt32], times: Int) -> [UInt32] {
  (0..<times).flatMap { _ in values }
}
