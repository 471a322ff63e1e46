import CPlatform

/// What /proc says of this machine and its processes. Everything here may be refused (no
/// /proc, another namespace's, hidepid) and then says that it does not know.
package enum Proc {
  /// Of the kernel's run since it booted; nil: not known.
  package static var bootId: (UInt64, UInt64)? {
    read("/proc/sys/kernel/random/boot_id") { text -> (UInt64, UInt64)? in
      var (high, low, digits): (UInt64, UInt64, Int) = (0, 0, 0)
      for byte in text {
        guard let digit = hexDigit(byte) else { continue }
        high = high << 4 | low >> 60
        low = low << 4 | digit
        digits += 1
      }
      return digits == 32 ? (high, low) : nil
    } ?? nil
  }

  private static func hexDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    default: nil
    }
  }

  /// The inode of the time namespace; 0: not known, or there are none.
  package static var timeNamespace: UInt64 { inode("/proc/self/ns/time") }

  /// The inodes of the PID and the time namespace of this process, 32 bits each, if /proc
  /// names processes as this namespace does; else 0.
  ///
  /// A process that entered a PID namespace and did not mount a /proc there finds other
  /// processes by its own numbers.
  package static var namespaces: UInt64 {
    var path = ShortPath("/proc/self")
    var text = InlineArray<16, UInt8>(repeating: 0)
    let count = path.withCString { path in
      withUnsafeMutableBytes(of: &text) { text in
        platform_read_link(path, text.baseAddress!.assumingMemoryBound(to: CChar.self), 16)
      }
    }
    var number: UInt32 = 0
    for place in 0..<max(0, min(count, 10)) {
      guard let digit = hexDigit(text[place]), digit < 10 else { return 0 }
      number = number &* 10 &+ UInt32(digit)
    }
    guard number != 0, number == platform_process_id() else { return 0 }
    let pid = inode("/proc/self/ns/pid")
    return pid == 0 ? 0 : pid << 32 | timeNamespace & 0xFFFF_FFFF
  }

  private static func inode(_ text: StaticString) -> UInt64 {
    var path = ShortPath(text)
    var status = platform_file()
    let result = path.withCString { platform_file_status(0, $0, true, &status) }
    return result == 0 ? status.inode : 0
  }

  // MARK: Processes

  /// When a process of this namespace began, in clock ticks; nil: not known.
  package static func startTime(of process: UInt32) -> UInt64? { stat(of: process)?.start }

  /// Whether no thread of this process will run again: it is not there, or another has its
  /// number, or each of its threads is on its way out (PF_EXITING, which is set when a
  /// thread has left the program for good). That shows 0.1 ms after kill -9, when the
  /// process's memory and locks are still there. False also if it cannot be found out.
  ///
  /// `start` is what `startTime` said; the namespace is this process's.
  ///
  /// The first thread of a process may have ended while others go on: then the process's
  /// own line says that it is a zombie. So all of its threads are counted.
  package static func isGone(_ process: UInt32, start: UInt64) -> Bool {
    // What is not to be seen may be hidden; a signal would find it nevertheless.
    guard let first = stat(of: process) else { return !platform_is_process(process) }
    if first.start != start { return true }
    guard first.isExiting else { return false }
    // Asked again: before it was on its way out it may have made another thread.
    guard let second = stat(of: process) else { return !platform_is_process(process) }
    if second.start != start { return true }
    return second.isExiting && (second.threads == 1 || areAllExiting(process))
  }

  /// Whether a process is stopped: by a signal, or by who traces it. False also if it
  /// cannot be found out.
  package static func isStopped(_ process: UInt32, start: UInt64) -> Bool {
    guard let found = stat(of: process) else { return false }
    return found.start == start && found.isStopped
  }

  /// Whether all threads of a process are on their way out. As such a thread makes no
  /// other, it is so if those that were seen, and are still there, are as many as there
  /// are: counted in between.
  private static func areAllExiting(_ process: UInt32) -> Bool {
    var threads = InlineArray<64, UInt32>(repeating: 0)
    var count = 0
    guard
      forEachThread(
        of: process,
        { thread in
          guard count < threads.count else { return false }
          threads[count] = thread
          count += 1
          return true
        }), count > 0
    else { return false }
    func areExiting() -> Bool {
      for place in 0..<count {
        guard let thread = stat(of: process, thread: threads[place]), thread.isExiting else {
          return false
        }
      }
      return true
    }
    guard areExiting(), let between = stat(of: process), between.threads == count else {
      return false
    }
    return areExiting()
  }

  /// False if `body` was, or they cannot be listed.
  private static func forEachThread(
    of process: UInt32, _ body: (UInt32) -> Bool
  ) -> Bool {
    var path = ShortPath("/proc/")
    path.append(process)
    path.append("/task")
    let directory = path.withCString { platform_open_file($0, PLATFORM_OPEN_FOLLOW) }
    guard directory >= 0 else { return false }
    defer { platform_close_file(Int32(directory)) }
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      while true {
        let size = platform_read_directory(Int32(directory), buffer.baseAddress!, buffer.count)
        if size <= 0 { return size == 0 }
        var at = 0
        while at < size {
          let entry = platform_directory_entry(buffer.baseAddress! + at)
          if entry.number != 0, !body(entry.number) { return false }
          at += Int(entry.size)
        }
      }
    }
  }

  private struct Stat {
    /// On its way out, or gone but for its number.
    var isExiting: Bool
    var isStopped: Bool
    var threads: Int
    var start: UInt64
  }

  /// The line of a process, or of one of its threads.
  private static func stat(of process: UInt32, thread: UInt32? = nil) -> Stat? {
    var path = ShortPath("/proc/")
    path.append(process)
    if let thread {
      path.append("/task/")
      path.append(thread)
    }
    path.append("/stat")
    return read(&path, parse) ?? nil
  }

  /// PF_EXITING of the kernel's sched.h.
  private static let exiting: UInt64 = 4

  /// The second field, a program's name in brackets, may have anything in it.
  private static func parse(_ line: UnsafeRawBufferPointer) -> Stat? {
    guard var at = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    at += 2
    guard at < line.count else { return nil }
    let state = line[at]
    at += 1
    var found = Stat(
      isExiting: state == UInt8(ascii: "Z") || state == UInt8(ascii: "X"),
      isStopped: state == UInt8(ascii: "T") || state == UInt8(ascii: "t"), threads: 0, start: 0)
    for field in 4...22 {
      guard at < line.count, line[at] == UInt8(ascii: " ") else { return nil }
      at += 1
      let begin = at
      var number: UInt64 = 0
      while at < line.count, line[at] != UInt8(ascii: " ") {
        if line[at] != UInt8(ascii: "-") {
          guard let digit = hexDigit(line[at]), digit < 10 else { return nil }
          number = number &* 10 &+ digit
        }
        at += 1
      }
      // Not a field that the buffer's end cut off.
      guard at > begin, at < line.count else { return nil }
      switch field {
      case 9: found.isExiting = found.isExiting || number & exiting != 0
      case 20: found.threads = Int(truncatingIfNeeded: number)
      case 22: found.start = number
      default: break
      }
    }
    return found
  }

  // MARK: Files

  private static func read<Result>(
    _ text: StaticString, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    var path = ShortPath(text)
    return read(&path, body)
  }

  /// How a file begins.
  private static func read<Result>(
    _ path: inout ShortPath, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    let file = path.withCString { platform_open_file($0, PLATFORM_OPEN_FOLLOW) }
    guard file >= 0 else { return nil }
    defer { platform_close_file(Int32(file)) }
    return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
      let size = platform_read_file(Int32(file), buffer.baseAddress!, buffer.count, 0)
      return size > 0 ? body(UnsafeRawBufferPointer(rebasing: buffer[..<size])) : nil
    }
  }
}
