import CPlatform

// Across boots. The file of a shared cache on a disk outlives the machine's run, and what
// is in it then is whatever pages had been written back, in any order: an index of now and
// an entry of an hour ago. So the file of another boot is used only if it was closed clean.
// The last process that leaves has the system write everything, and then says so in the
// file, with the time of the cache's clock and of the wall; the first that comes takes that
// back, and has that written too, before it changes anything. All else begins empty.
//
// The monotonic clock begins anew with a boot, and so it does in another time namespace.
// The wall clock says how long the cache was closed: lifetimes went on meanwhile. If it was
// set back, no time has passed.

extension Region {
  /// Gives the process's slot back. The last one to leave closes the file.
  package func leave() {
    guard isShared else { return }
    // Locks on files are taken under this lock (FileLock).
    OpenCaches.lock.withLock {
      var refusal = FileRefusal.timeout
      // With it nobody can open the cache; where another has it, the last is not this one.
      let opening = FileLock.take(FileLock.Byte.opening, of: file, refusal: &refusal)
      processes.leave()
      guard let opening else { return }
      if processes.count == 0 { setClosed() }
      opening.release()
    }
  }

  private func setClosed() {
    guard !file.isNameless, file.synchronize() else { return }
    sharing.pointee.closedMs = clock.coarse
    sharing.pointee.closedWallMs = UInt64(max(1, platform_wall_ms()))
    _ = file.synchronize()
  }

  /// The cache's clock has years left then.
  private static let closedMsMax = Clock.manualLimit / 2

  /// Whether the file is as the last process left it, however long ago.
  var isClosed: Bool {
    sharing.pointee.closedWallMs != 0 && 1...Region.closedMsMax ~= sharing.pointee.closedMs
  }

  /// Makes the region one of this boot. For the first process after nobody, if it is closed.
  func beginBoot() {
    if !header.pointee.isManualClock {
      let wall = UInt64(max(0, platform_wall_ms()))
      let passed = wall - min(wall, sharing.pointee.closedWallMs)
      let now = sharing.pointee.closedMs + min(passed, Region.closedMsMax / 2)
      header.pointee.clockBaseNs = platform_coarse_now_ns() &- (now - 1) * 1_000_000
    }
    setBoot()
  }

  /// From now on it is in use.
  func setOpen() {
    guard sharing.pointee.closedWallMs != 0 else { return }
    sharing.pointee.closedWallMs = 0
    _ = file.synchronize()
  }
}
