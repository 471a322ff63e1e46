import CPlatform

/// A file that is to take another's place, or a free one, once it is complete.
///
/// It is written beside the target under a name of its own, which nobody else can have
/// made (O_EXCL) or led elsewhere (O_NOFOLLOW), and can be read by nobody else (0600). When
/// it is on the disk it is renamed, and then the folder is brought to the disk. Whatever ends
/// the process before that, the target is as it was; a kill leaves the file, `NAME.*.tmp`.
struct NewFile: ~Copyable {
  private static let temporarySuffixSize = 22  // ".", 16 digits, ".tmp", NUL
  private static let pathMax = 4096

  private let folder: OpenFile
  let file: OpenFile
  /// Room for both names, one after the other.
  private let names: UnsafeMutablePointer<CChar>
  private let temporary: UnsafeMutablePointer<CChar>
  private var isNamed = false

  deinit {
    if !isNamed { _ = platform_unlink_in(folder.number, temporary) }
    free(names)
  }

  private init(
    _ folder: consuming OpenFile, _ file: consuming OpenFile,
    _ names: UnsafeMutablePointer<CChar>, _ temporary: UnsafeMutablePointer<CChar>
  ) {
    self.folder = folder
    self.file = file
    self.names = names
    self.temporary = temporary
  }

  /// Makes it, or says why not.
  static func create(for path: UnsafePointer<CChar>, _ outcome: inout Outcome) -> NewFile? {
    guard let size = length(of: path) else {
      outcome = .argument
      return nil
    }
    guard let memory = calloc(2, size + temporarySuffixSize + 2) else {
      outcome = .noMemory
      return nil
    }
    let names = memory.assumingMemoryBound(to: CChar.self)
    let temporary = names + size + 2
    if let folder = openFolder(of: path, size, name: names, &outcome) {
      outcome = checkTarget(names, in: folder)
      if outcome == .ok, let file = open(temporary, for: names, in: folder, &outcome) {
        return NewFile(folder, file, names, temporary)
      }
    }
    free(memory)
    return nil
  }

  /// Of a path; nil if no system call would take it.
  private static func length(of path: UnsafePointer<CChar>) -> Int? {
    (0..<pathMax).first { path[$0] == 0 }
  }

  /// The folder that the path leads to; the last part of the path goes to `name`.
  private static func openFolder(
    of path: UnsafePointer<CChar>, _ size: Int, name: UnsafeMutablePointer<CChar>,
    _ outcome: inout Outcome
  ) -> OpenFile? {
    let slash = CChar(UInt8(ascii: "/"))
    var start = size
    while start > 0, path[start - 1] != slash { start -= 1 }
    // The folder, for as long as it takes to open it, where the name goes then.
    memcpy(name, path, start)
    if start == 0 {
      name[0] = CChar(UInt8(ascii: "."))
      name[1] = 0
    } else {
      name[start] = 0
    }
    // To be synced it must be open for reading; if that is not allowed, it is not.
    var folder = OpenFile.open(name, O_RDONLY | O_DIRECTORY, &outcome)
    if folder == nil, outcome == .access {
      folder = OpenFile.open(name, PLATFORM_PATH_ONLY | O_DIRECTORY, &outcome)
    }
    memset(name, 0, start + 1)
    memcpy(name, path + start, size - start)
    return folder
  }

  /// Only a file is replaced.
  private static func checkTarget(
    _ name: UnsafePointer<CChar>, in folder: borrowing OpenFile
  ) -> Outcome {
    if name[0] == 0 { return .layout }
    var status = platform_file_kind_t()
    let result = platform_stat_name(folder.number, name, &status)
    if result == Int(-ENOENT) { return .ok }
    let outcome = OpenFile.outcome(of: result)
    return outcome != .ok || status.is_regular ? outcome : .layout
  }

  private static func open(
    _ temporary: UnsafeMutablePointer<CChar>, for name: UnsafePointer<CChar>,
    in folder: borrowing OpenFile, _ outcome: inout Outcome
  ) -> OpenFile? {
    guard let size = length(of: name) else { return nil }
    memcpy(temporary, name, size)
    for _ in 0..<16 {
      write(suffix: platform_entropy(), to: temporary + size)
      let file = OpenFile.open(
        temporary, in: folder.number, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600,
        &outcome)
      if let file { return file }
      // Somebody else's by this name: another name, then.
      if outcome != .layout { return nil }
    }
    return nil
  }

  private static func write(suffix word: UInt64, to end: UnsafeMutablePointer<CChar>) {
    end[0] = CChar(UInt8(ascii: "."))
    for digit in 0..<16 {
      let four = UInt8(truncatingIfNeeded: word >> UInt64(4 * digit) & 15)
      end[1 + digit] = CChar(four < 10 ? UInt8(ascii: "0") + four : UInt8(ascii: "a") + four - 10)
    }
    let tail: StaticString = ".tmp"
    memcpy(end + 17, tail.utf8Start, 5)
  }

  /// Brings it to the disk and gives it its name.
  mutating func complete() -> Outcome {
    let outcome = file.sync()
    if outcome != .ok { return outcome }
    let result = platform_rename_in(folder.number, temporary, names)
    if result < 0 { return OpenFile.outcome(of: result) }
    isNamed = true
    // The file is there; a folder that cannot be synced changes nothing about it.
    _ = folder.sync()
    return .ok
  }
}
