import CacheCore
import Foundation
import Testing

/// The file of a shared cache, by one process. What several do is in Tests/Sharing.
@Suite struct SharedFileTests {
  /// A directory of the test's own, on tmpfs or on the disk.
  private struct Directory: ~Copyable {
    let path: String

    init(in parent: String = "/dev/shm") {
      path = "\(parent)/cachecore-test-\(UUID().uuidString)"
      mkdir(path, 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String = "cache") -> String { "\(path)/\(name)" }
  }

  private func open(
    _ path: String?, descriptor: Int32 = -1, _ flags: UInt32 = 0
  ) -> (file: SharedFile?, refusal: FileRefusal) {
    var refusal = FileRefusal.noMemory
    let file =
      if let path {
        path.withCString {
          SharedFile.open(path: $0, descriptor: descriptor, flags: flags, refusal: &refusal)
        }
      } else {
        SharedFile.open(path: nil, descriptor: descriptor, flags: flags, refusal: &refusal)
      }
    return (file, refusal)
  }

  private func refused(_ path: String?, descriptor: Int32 = -1, _ flags: UInt32 = 0)
    -> FileRefusal?
  {
    let (file, refusal) = open(path, descriptor: descriptor, flags)
    file?.close()
    return file == nil ? refusal : nil
  }

  /// Makes a cache in the file, as far as the file knows: the mark, then `content`.
  private func make(_ file: SharedFile, content: UInt64 = 7) -> Bool {
    var refusal = FileRefusal.noMemory
    guard file.isEmpty, file.setSize(1 << 16, refusal: &refusal), let base = file.map(1 << 16),
      file.commit(base, 1 << 16)
    else { return false }
    base.storeBytes(of: content, toByteOffset: 8, as: UInt64.self)
    base.storeBytes(of: RegionHeader.magic, as: UInt64.self)
    return file.finish(refusal: &refusal)
  }

  private func make(at path: String, _ flags: UInt32 = 0, content: UInt64 = 7) -> Bool {
    guard let file = open(path, flags).file else { return false }
    let isMade = make(file, content: content)
    leave(file)
    return isMade
  }

  private func leave(_ file: SharedFile) {
    file.unmap()
    file.close()
  }

  private func content(of file: SharedFile) -> UInt64? {
    file.map(4096)?.load(fromByteOffset: 8, as: UInt64.self)
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  private func write(_ path: String, _ bytes: [UInt8] = []) {
    #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
    chmod(path, 0o600)
  }

  private func names(in path: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
  }

  // MARK: Making and finding

  @Test(arguments: ["/dev/shm", NSTemporaryDirectory()])
  func isMadeOnceAndFound(parent: String) throws {
    let directory = Directory(in: parent)
    let path = directory.file()
    #expect(refused(path, SharedFile.Flag.attachOnly) == .missing)
    #expect(refused(path, SharedFile.Flag.readOnly) == .missing)
    #expect(names(in: directory.path) == [])
    let made = try #require(open(path, SharedFile.Flag.createOnly).file)
    #expect(make(made) && mode(path) == 0o600 && !made.isEmpty && !made.isUnlinked)
    #expect(refused(path, SharedFile.Flag.createOnly) == .exists)
    for flags in [0, SharedFile.Flag.attachOnly, SharedFile.Flag.readOnly] {
      let found = try #require(open(path, flags).file)
      var refusal = FileRefusal.noMemory
      #expect(!found.isEmpty && found.finish(refusal: &refusal))
      #expect(content(of: found) == 7 && found.size == 1 << 16)
      leave(found)
    }
    #expect(unlink(path) == 0 && made.isUnlinked)
    write(path)
    #expect(made.isUnlinked)
    leave(made)
  }

  /// Nobody who looks on waits for whoever looks on.
  @Test func readersLookOnTogether() throws {
    let directory = Directory()
    #expect(make(at: directory.file()))
    let first = try #require(open(directory.file(), SharedFile.Flag.readOnly).file)
    let second = try #require(open(directory.file(), SharedFile.Flag.readOnly).file)
    first.close()
    second.close()
  }

  /// What was not finished is not there, or as it was.
  @Test func isGivenUp() throws {
    let directory = Directory()
    let path = directory.file()
    try #require(open(path).file).close()
    #expect(names(in: directory.path) == [])
    write(path)
    let file = try #require(open(path).file)
    var refusal = FileRefusal.noMemory
    #expect(file.isEmpty && file.setSize(1 << 20, refusal: &refusal))
    file.close()
    // Foundation leaks a page when it reads an empty file.
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == 0)
  }

  /// A mark is left by one who was killed; nothing of what was written stays.
  @Test func isBegunAfresh() throws {
    let directory = Directory()
    let path = directory.file()
    #expect(make(at: path))
    let file = try #require(open(path).file)
    var refusal = FileRefusal.noMemory
    #expect(!file.isEmpty && file.begin(refusal: &refusal) && file.isEmpty)
    #expect(file.setSize(1 << 16, refusal: &refusal) && content(of: file) == 0)
    file.unmap()
    #expect(make(file, content: 9))
    #expect(refused(path, SharedFile.Flag.createOnly) == .exists)
    leave(file)
  }

  @Test func aRelativePathIsKept() throws {
    let directory = Directory(in: FileManager.default.currentDirectoryPath)
    let name = directory.path.split(separator: "/").last!
    let file = try #require(open("\(name)/cache").file)
    #expect(make(file) && !file.isUnlinked)
    #expect(names(in: directory.path) == ["cache"])
    leave(file)
  }

  @Test func argumentsAreChecked() {
    let both = SharedFile.Flag.createOnly | SharedFile.Flag.attachOnly
    #expect(refused("/dev/shm/x", both) == .arguments)
    #expect(refused("/dev/shm/x", descriptor: 0) == .arguments)
    #expect(refused("/dev/shm/x", 1 << 16) == .arguments)
    let readsAndMakes = SharedFile.Flag.readOnly | SharedFile.Flag.createOnly
    #expect(refused("/dev/shm/x", readsAndMakes) == .arguments)
    #expect(refused("") == .arguments)
    #expect(refused("/" + String(repeating: "x", count: 5000)) == .arguments)
    #expect(refused("/dev/shm/" + String(repeating: "x", count: 300)) == .arguments)
    #expect(refused(nil, SharedFile.Flag.replace) == .arguments)
    #expect(refused(nil, SharedFile.Flag.attachOnly) == .missing)
    #expect(refused("/dev/shm/cachecore-no-such-directory/x") == .missing)
    #expect(refused("/proc/version/x") == .missing)
    #expect(refused("/proc/x") == .missing)
  }

  // MARK: Who may

  @Test func whatOthersMayChangeIsRefused() throws {
    let directory = Directory()
    let path = directory.file()
    #expect(make(at: path))
    for mode in [0o620, 0o602, 0o666] as [mode_t] {
      chmod(path, mode)
      #expect(refused(path) == .writableByOthers)
    }
    chmod(path, 0o644)
    #expect(refused(path) == nil)
    chmod(directory.path, 0o777)
    #expect(refused(path) == .writableByOthers)
    #expect(refused(directory.file("new")) == .writableByOthers)
    chmod(directory.path, 0o1777)
    #expect(refused(path) == nil)
  }

  @Test func linksAreRefused() throws {
    let directory = Directory()
    let path = directory.file()
    #expect(make(at: path))
    symlink(path, directory.file("symbolic"))
    symlink(directory.file("nowhere"), directory.file("dangling"))
    #expect(refused(directory.file("symbolic")) == .link)
    #expect(refused(directory.file("dangling")) == .link)
    #expect(refused(directory.file("symbolic"), SharedFile.Flag.replace) == .link)
    #expect(Foundation.link(path, directory.file("hard")) == 0)
    #expect(refused(path) == .link && refused(directory.file("hard")) == .link)
    #expect(!names(in: directory.path).contains("nowhere"))
  }

  @Test func whatIsNoFileIsRefused() throws {
    let directory = Directory()
    mkfifo(directory.file("pipe"), 0o600)
    mkdir(directory.file("directory"), 0o700)
    for flags in [0, SharedFile.Flag.attachOnly, SharedFile.Flag.readOnly] {
      #expect(refused(directory.file("pipe"), flags) == .notRegular)
      #expect(refused(directory.file("directory"), flags) == .notRegular)
      #expect(refused("/dev/null", flags) == .notRegular)
    }
    #expect(refused(directory.file("pipe"), SharedFile.Flag.replace) == .notRegular)
    #expect(refused(directory.file("directory"), SharedFile.Flag.replace) == .notRegular)
  }

  /// Only root can give a file away.
  @Test(.enabled(if: geteuid() == 0)) func anothersIsRefused() throws {
    let directory = Directory()
    let path = directory.file()
    #expect(make(at: path) && chown(path, 65534, 65534) == 0)
    for flags in [0, SharedFile.Flag.attachOnly, SharedFile.Flag.readOnly, SharedFile.Flag.replace]
    {
      #expect(refused(path, flags) == .owner)
    }
    #expect(names(in: directory.path) == ["cache"])
  }

  @Test func whatIsForeignIsLeftAlone() throws {
    let directory = Directory()
    let path = directory.file()
    let contents = [
      bytes("short"), bytes("text that somebody wrote"), [UInt8](repeating: 0, count: 4096),
    ]
    for content in contents {
      write(path, content)
      for flags in [0, SharedFile.Flag.attachOnly, SharedFile.Flag.readOnly] {
        #expect(refused(path, flags) == .foreign)
      }
      #expect(refused(path, SharedFile.Flag.createOnly) == .foreign)
      #expect(refused(path, SharedFile.Flag.replace) == .foreign)
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == content)
    }
    #expect(names(in: directory.path) == ["cache"])
  }

  // MARK: Replacing

  @Test func isReplaced() throws {
    let directory = Directory()
    let path = directory.file()
    // Nothing, then an empty file, then a cache.
    #expect(make(at: path, SharedFile.Flag.replace, content: 1))
    unlink(path)
    write(path)
    #expect(make(at: path, SharedFile.Flag.replace, content: 2))
    let old = try #require(open(path).file)
    var refusal = FileRefusal.noMemory
    #expect(old.finish(refusal: &refusal) && !old.isUnlinked)
    // Left by one who was killed: without a cache, and with one.
    for content in [[], Array("cachecor".utf8.reversed()) + [1, 2, 3]] as [[UInt8]] {
      write(path + ".cachecore-new", content)
      let new = try #require(open(path, SharedFile.Flag.replace).file)
      #expect(new.isEmpty && !old.isUnlinked == content.isEmpty)
      #expect(make(new, content: 3) && !new.isUnlinked && old.isUnlinked)
      leave(new)
    }
    #expect(content(of: old) == 2)
    leave(old)
    // Given up.
    let new = try #require(open(path, SharedFile.Flag.replace).file)
    new.close()
    let found = try #require(open(path).file)
    #expect(content(of: found) == 3)
    leave(found)
    #expect(names(in: directory.path) == ["cache"])
  }

  // MARK: Memory and descriptors

  @Test func inMemory() throws {
    let file = try #require(open(nil).file)
    #expect(file.isNameless && make(file) && !file.isUnlinked)
    let descriptor = try #require(file.descriptor)
    #expect(descriptor >= 512 && fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
    #expect(ftruncate(descriptor, 0) != 0 && errno == EPERM)
    // Another of the same file; the descriptor stays its giver's.
    let given = dup(descriptor)
    let other = try #require(open(nil, descriptor: given).file)
    var refusal = FileRefusal.noMemory
    #expect(!other.isEmpty && other.finish(refusal: &refusal) && other.isNameless)
    #expect(content(of: other) == 7 && close(given) == 0)
    // A lock of one is a lock to the other.
    let lock = try #require(FileLock.take(FileLock.Byte.leader, of: file, refusal: &refusal))
    #expect(FileLock.take(FileLock.Byte.leader, of: other, refusal: &refusal) == nil)
    #expect(refusal == .timeout && FileLock.isTaken(FileLock.Byte.leader, of: other) == true)
    lock.release()
    #expect(FileLock.isTaken(FileLock.Byte.leader, of: file) == false)
    leave(other)
    leave(file)
  }

  @Test func descriptorsAreChecked() throws {
    let directory = Directory()
    let path = directory.file()
    #expect(make(at: path))
    let reads = Foundation.open(path, O_RDONLY)
    let writes = Foundation.open(path, O_RDWR)
    let pipes = pipePair()
    #expect(refused(nil, descriptor: reads) == .forbidden)
    #expect(refused(nil, descriptor: reads, SharedFile.Flag.readOnly) == nil)
    #expect(refused(nil, descriptor: writes) == nil)
    #expect(refused(nil, descriptor: pipes.write) == .forbidden)
    #expect(refused(nil, descriptor: 999_999) == .forbidden)
    unlink(path)
    let file = try #require(open(nil, descriptor: writes).file)
    #expect(file.isNameless)
    file.close()
    for descriptor in [reads, writes, pipes.read, pipes.write] { close(descriptor) }
  }

  private func pipePair() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    return (ends[0], ends[1])
  }

  /// The program closed it; something else has the number.
  @Test func aLostDescriptorIsFoundAgain() throws {
    let directory = Directory()
    let file = try #require(open(directory.file()).file)
    #expect(make(file))
    let descriptor = try #require(file.descriptor)
    #expect(close(descriptor) == 0)
    let again = try #require(file.descriptor)
    let other = Foundation.open("/dev/null", O_RDWR)
    #expect(dup2(other, again) == again)
    #expect(file.size == 1 << 16 && file.descriptor != again)
    #expect(unlink(directory.file()) == 0)
    close(try #require(file.descriptor))
    #expect(file.descriptor == nil && file.size == nil)
    var refusal = FileRefusal.noMemory
    #expect(!file.setSize(1 << 20, refusal: &refusal) && refusal == .noDescriptor)
    #expect(FileLock.isTaken(FileLock.Byte.leader, of: file) == nil)
    // What was put there is not ours to close.
    leave(file)
    #expect(fcntl(again, F_GETFD) >= 0)
    close(again)
    close(other)
  }

  @Test(arguments: ["", "/dev/shm", NSTemporaryDirectory()])
  func pagesAreGivenBack(parent: String) throws {
    let directory = Directory(in: parent.isEmpty ? "/dev/shm" : parent)
    let file = try #require(open(parent.isEmpty ? nil : directory.file()).file)
    let bytes: UInt64 = 1 << 20
    var refusal = FileRefusal.noMemory
    #expect(file.setSize(bytes, refusal: &refusal))
    let base = try #require(file.map(bytes))
    #expect(file.commit(base, bytes))
    memset(base, 7, Int(bytes))
    let half = Int(bytes / 2)
    // On a tmpfs of limited size they are kept.
    #expect(file.discard(base, bytes / 2) == (parent != "/dev/shm"))
    #expect(base.load(as: UInt8.self) == (parent == "/dev/shm" ? 7 : 0))
    #expect((base + half).load(as: UInt8.self) == 7)
    #expect(file.commit(base, bytes) && (base + half).load(as: UInt8.self) == 7)
    #expect(file.space.bytes >= file.space.available && file.space.available > 0)
    leave(file)
  }

  // MARK: /proc

  @Test func whatProcSays() throws {
    let text = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let id = try #require(Proc.bootId)
    let digits = text.filter(\.isHexDigit)
    #expect(UInt64(digits.prefix(16), radix: 16) == id.0)
    #expect(UInt64(digits.suffix(16), radix: 16) == id.1)
    var status = stat()
    if stat("/proc/self/ns/time", &status) == 0 {
      #expect(Proc.timeNamespace == UInt64(status.st_ino))
    }
    #expect(stat("/proc/self/ns/pid", &status) == 0)
    #expect(Proc.namespaces >> 32 == UInt64(status.st_ino))
    let own = UInt32(getpid())
    let start = try #require(Proc.startTime(of: own))
    #expect(!Proc.isGone(own, start: start) && Proc.isGone(own, start: start + 1))
    #expect(Proc.isGone(UInt32(Int32.max), start: start))
  }
}
