import Foundation

// This program has one thread, so that its children may do whatever they like.
@_silgen_name("fork") private func forked() -> pid_t

/// Two pipes: what a process tells another, and waits to be told.
struct Signal {
  private let ends: (read: Int32, write: Int32)

  init() {
    var ends: [Int32] = [0, 0]
    require(pipe(&ends) == 0, "a pipe")
    self.ends = (ends[0], ends[1])
  }

  func send(_ word: UInt64 = 0) {
    var word = word
    require(write(ends.write, &word, 8) == 8, "to write to a pipe")
  }

  /// Until it is sent; a test that waits for ever is ended by its alarm.
  @discardableResult func wait() -> UInt64 {
    var word: UInt64 = 0
    require(read(ends.read, &word, 8) == 8, "to read from a pipe")
    return word
  }

  func close() {
    _ = Foundation.close(ends.read)
    _ = Foundation.close(ends.write)
  }
}

/// A process that a scenario made. What it does ends in `told.send`, or by itself.
struct Child {
  let pid: pid_t
  /// What the child says.
  let told: Signal
  /// What it waits for.
  let go: Signal

  /// The child ends when `body` does, well if that is true.
  init(_ body: (_ told: Signal, _ go: Signal) -> Bool) {
    let (told, go) = (Signal(), Signal())
    fflush(nil)
    let pid = forked()
    require(pid >= 0, "to fork")
    if pid == 0 {
      alarm(60)
      _exit(body(told, go) ? 0 : 1)
    }
    (self.pid, self.told, self.go) = (pid, told, go)
  }

  func signal(_ number: Int32) { require(Foundation.kill(pid, number) == 0, "to send a signal") }

  func kill() {
    signal(SIGKILL)
    _ = ended()
  }

  /// Whether it ended well.
  func ended() -> Bool {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 { require(errno == EINTR, "to wait for a child") }
    told.close()
    go.close()
    return status == 0
  }

  /// Whether it has ended, without waiting for it.
  var isZombie: Bool {
    var info = siginfo_t()
    return waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0
      && info.si_signo == SIGCHLD
  }
}

/// Milliseconds of the monotonic clock.
func nowMs() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

/// Waits until something is so, which it will be or the alarm rings; how long that took.
func wait(until isSo: () -> Bool) -> Double {
  let start = nowMs()
  while !isSo() { usleep(100) }
  return nowMs() - start
}

/// Ends this process if something is not so. In a child that is the child.
func require(
  _ isSo: Bool, _ what: String, file: StaticString = #fileID, line: UInt = #line
) {
  if isSo { return }
  print("\(file):\(line): \(what)")
  fflush(nil)
  _exit(1)
}
