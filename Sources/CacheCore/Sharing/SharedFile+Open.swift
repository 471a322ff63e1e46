import CPlatform
import Synchronization

// Opening, making, replacing; who may.

extension SharedFile {
  /// What a file begins with while a cache is made in it. "cachemak", as a number.
  private static let mark: UInt64 = 0x6361_6368_656D_616B

  /// The file at `path`, or that of `descriptor`, which stays the caller's, or, with
  /// neither (nil, -1), a new one in memory. `Flag` says what there may be. The caller holds
  /// the lock that fork handlers take (FileLock).
  package static func open(
    path: UnsafePointer<CChar>?, descriptor: Int32 = -1, flags: UInt32 = 0,
    refusal: inout FileRefusal
  ) -> SharedFile? {
    guard areSensible(flags, path: path, descriptor: descriptor) else {
      refusal = .arguments
      return nil
    }
    guard let file = allocate(path: path, flags: flags, refusal: &refusal) else { return nil }
    let isOpen =
      if path != nil {
        file.openAtPath(refusal: &refusal)
      } else if descriptor >= 0 {
        file.adopt(descriptor, refusal: &refusal)
          && file.settle(patienceNs: patienceNs, refusal: &refusal)
      } else {
        file.makeInMemory(refusal: &refusal)
          && file.settle(patienceNs: patienceNs, refusal: &refusal)
      }
    if isOpen { return file }
    file.close()
    return nil
  }

  private static func areSensible(
    _ flags: UInt32, path: UnsafePointer<CChar>?, descriptor: Int32
  ) -> Bool {
    if flags & ~Flag.all != 0 || path != nil && descriptor >= 0 { return false }
    if let path, path[0] == 0 { return false }
    let what = flags & (Flag.createOnly | Flag.attachOnly | Flag.replace)
    if what & (what &- 1) != 0 { return false }
    if flags & Flag.readOnly != 0, what & ~Flag.attachOnly != 0 { return false }
    return flags & Flag.replace == 0 || path != nil
  }

  // MARK: Its words

  private static let pathSizeMax = 4096
  private static let newSuffix: StaticString = ".cachecore-new"

  private static func allocate(
    path: UnsafePointer<CChar>?, flags: UInt32, refusal: inout FileRefusal
  ) -> SharedFile? {
    let size =
      MemoryLayout<SharedFileWords>.size + 2 * pathSizeMax + newSuffix.utf8CodeUnitCount
    refusal = .noMemory
    guard let memory = calloc(1, path == nil ? MemoryLayout<SharedFileWords>.size : size) else {
      return nil
    }
    let file = SharedFile(words: memory.assumingMemoryBound(to: SharedFileWords.self))
    file.words.pointee.descriptor.word.relaxed = UInt32(bitPattern: -1)
    file.words.pointee.flags = flags
    if let path, !file.keep(path) {
      refusal = .arguments
      free(memory)
      return nil
    }
    return file
  }

  /// The path, made absolute: the program may go to another directory. Behind it the one
  /// of a file that is to replace it.
  private func keep(_ path: UnsafePointer<CChar>) -> Bool {
    let kept = UnsafeMutablePointer(mutating: self.path)
    var size = 0
    if path[0] != CChar(bitPattern: UInt8(ascii: "/")) {
      size = platform_working_directory(kept, SharedFile.pathSizeMax)
      // A directory that is not to be reached has a path in brackets.
      guard size > 0, kept[0] == CChar(bitPattern: UInt8(ascii: "/")) else { return false }
      kept[size - 1] = CChar(bitPattern: UInt8(ascii: "/"))
    }
    var place = 0
    while path[place] != 0 {
      guard size < SharedFile.pathSizeMax - 1 else { return false }
      kept[size] = path[place]
      (size, place) = (size + 1, place + 1)
    }
    words.pointee.pathSize = UInt32(size + 1)
    let new = kept + size + 1
    memcpy(new, kept, size)
    memcpy(new + size, SharedFile.newSuffix.utf8Start, SharedFile.newSuffix.utf8CodeUnitCount)
    return true
  }

  // MARK: At a path

  private static let retryNs: UInt64 = 100_000

  private func openAtPath(refusal: inout FileRefusal) -> Bool {
    let start = platform_now_ns()
    guard isDirectorySafe(refusal: &refusal) else { return false }
    if has(Flag.replace), !mayReplace(refusal: &refusal) { return false }
    while true {
      let elapsed = platform_now_ns() - start
      guard elapsed < SharedFile.patienceNs else {
        refusal = .timeout
        return false
      }
      if let descriptor = openOrCreate(refusal: &refusal) {
        let isSettled =
          take(descriptor, refusal: &refusal)
          && settle(patienceNs: SharedFile.patienceNs - elapsed, refusal: &refusal)
        if isAt(presentPath) {
          // Nobody can have made a cache in it.
          if refusal == .fileSystem, !isSettled, has(Flag.isOurs) {
            _ = platform_unlink(presentPath)
          }
          return isSettled
        }
      } else if refusal != .exists {
        return false
      }
      // Somebody made it, took it away, or replaced it meanwhile.
      letGo()
      platform_nap(SharedFile.retryNs)
    }
  }

  private func openOrCreate(refusal: inout FileRefusal) -> Int32? {
    var result = platform_open_file(presentPath, SharedFile.mode(isReadOnly: isReadOnly))
    if result == -Int(ENOENT), !has(Flag.attachOnly | Flag.readOnly) {
      result = platform_open_file(
        presentPath, PLATFORM_OPEN_WRITE | PLATFORM_OPEN_CREATE)
      if result >= 0 { words.pointee.flags |= Flag.isOurs }
    }
    if result >= 0 { return Int32(result) }
    refusal = FileRefusal(error: result)
    return nil
  }

  /// Whether others cannot take files out of its directory, and put theirs there.
  private func isDirectorySafe(refusal: inout FileRefusal) -> Bool {
    let copy = UnsafeMutablePointer(mutating: path)
    var length = Int(words.pointee.pathSize) - 1
    while copy[length] != CChar(bitPattern: UInt8(ascii: "/")) { length -= 1 }
    let end = max(length, 1)
    let kept = copy[end]
    copy[end] = 0
    var status = platform_file()
    let result = platform_file_status(-1, path, true, &status)
    copy[end] = kept
    if result != 0 {
      refusal = FileRefusal(error: result)
      return false
    }
    let (othersMayWrite, sticky): (UInt32, UInt32) = (0o002, 0o1000)
    refusal = .writableByOthers
    return status.mode & othersMayWrite == 0 || status.mode & sticky != 0
  }

  /// Whether what is at the path now is nothing, or ours.
  private func mayReplace(refusal: inout FileRefusal) -> Bool {
    let result = platform_open_file(path, 0)
    if result == -Int(ENOENT) { return true }
    guard result >= 0 else {
      refusal = FileRefusal(error: result)
      return false
    }
    defer { platform_close_file(Int32(result)) }
    var status = platform_file()
    guard platform_file_status(Int32(result), "", true, &status) == 0,
      isSafe(status, refusal: &refusal)
    else { return false }
    refusal = .foreign
    return contents(of: Int32(result), size: status.size) != nil
  }

  // MARK: Without a path

  /// Another's descriptor shares an open file description with it; ours must not.
  private func adopt(_ descriptor: Int32, refusal: inout FileRefusal) -> Bool {
    refusal = .forbidden
    guard isReadOnly || platform_is_writable(descriptor) else { return false }
    guard
      let own = SharedFile.reopen(descriptor, isReadOnly: isReadOnly, refusal: &refusal)
    else {
      refusal = .forbidden
      return false
    }
    return take(own, refusal: &refusal)
  }

  private func makeInMemory(refusal: inout FileRefusal) -> Bool {
    if isReadOnly {
      refusal = .missing
      return false
    }
    let result = platform_memory_file()
    guard result >= 0 else {
      refusal = FileRefusal(error: result)
      return false
    }
    return take(Int32(result), refusal: &refusal)
  }

  // MARK: What was opened

  /// Keeps an open file, if it is one that a cache may lie in.
  private func take(_ descriptor: Int32, refusal: inout FileRefusal) -> Bool {
    let descriptor = SharedFile.moved(descriptor)
    words.pointee.descriptor.word.relaxed = UInt32(bitPattern: descriptor)
    var status = platform_file()
    let result = platform_file_status(descriptor, "", true, &status)
    guard result == 0 else {
      refusal = FileRefusal(error: result)
      return false
    }
    words.pointee.device = status.device
    words.pointee.inode = status.inode
    // One that was at a path and is not any more is tried again.
    if status.links == 0, !isAtPath {
      words.pointee.flags |= Flag.isNameless
      guard isUnsealed(descriptor, refusal: &refusal) else { return false }
    }
    guard isSafe(status, refusal: &refusal) else { return false }
    return isOnSuitableSystem(descriptor, refusal: &refusal)
  }

  private func isSafe(_ status: platform_file_t, refusal: inout FileRefusal) -> Bool {
    refusal = .notRegular
    guard platform_is_regular(status.mode) else { return false }
    // What has no name can only be handed on by those who have it.
    if status.links == 0 { return true }
    refusal = .owner
    guard status.owner == platform_effective_user() else { return false }
    refusal = .link
    guard status.links == 1 else { return false }
    let othersMayWrite: UInt32 = 0o022
    refusal = .writableByOthers
    return status.mode & othersMayWrite == 0
  }

  /// A file in memory, which must be good for writing, and is not to shrink any more.
  private func isUnsealed(_ descriptor: Int32, refusal: inout FileRefusal) -> Bool {
    let seals = platform_seals(descriptor)
    guard seals >= 0, !isReadOnly else { return true }
    refusal = .forbidden
    guard seals & PLATFORM_SEAL_WRITE == 0 else { return false }
    if seals & (PLATFORM_SEAL_SEAL | PLATFORM_SEAL_SHRINK) == 0 {
      _ = platform_seal(descriptor, PLATFORM_SEAL_SHRINK)
    }
    return true
  }

  /// Of linux/magic.h. The rest are those whose files another machine, or a program, may
  /// have as well: memory of theirs is not shared.
  private static let tmpfs: UInt64 = 0x0102_1994
  private static let elsewhere: InlineArray<8, UInt64> = [
    0x6969,  // nfs
    0x517B, 0xFF53_4D42, 0xFE53_4D42,  // smb
    0x0102_1997,  // 9p
    0x00C3_6400,  // ceph
    0x5346_414F,  // afs
    0x6573_5546,  // fuse
  ]
  private static let hugetlbfs: UInt64 = 0x9584_58F6

  private func isOnSuitableSystem(_ descriptor: Int32, refusal: inout FileRefusal) -> Bool {
    var space = platform_space()
    let result = platform_file_space(descriptor, &space)
    guard result == 0 else {
      refusal = FileRefusal(error: result)
      return false
    }
    refusal = .fileSystem
    if space.kind == SharedFile.hugetlbfs { return false }
    for place in 0..<8 where space.kind == SharedFile.elsewhere[place] { return false }
    if space.kind == SharedFile.tmpfs, space.bytes != 0 { words.pointee.flags |= Flag.keepsPages }
    return true
  }

  // MARK: What is in it

  private enum Contents {
    case nothing
    case cache
  }

  /// nil: something else.
  private func contents(of descriptor: Int32, size: UInt64) -> Contents? {
    if size == 0 { return .nothing }
    var word: UInt64 = 0
    let count = platform_read_file(descriptor, &word, 8, 0)
    guard count == 8 else { return nil }
    if word == RegionHeader.magic { return .cache }
    return word == SharedFile.mark ? .nothing : nil
  }

  /// Takes the lock of opening, looks what is there, and begins a cache if there is
  /// none and one may be made.
  private func settle(patienceNs: UInt64, refusal: inout FileRefusal) -> Bool {
    guard
      let lock = FileLock.take(
        FileLock.Byte.opening, of: self, patienceNs: patienceNs, refusal: &refusal)
    else { return false }
    words.pointee.opening = lock.anchor
    // Who waited for the lock may have a file that is not there any more.
    if isAtPath, !isAt(presentPath) { return false }
    guard let descriptor, let size else {
      refusal = .noDescriptor
      return false
    }
    let found = contents(of: descriptor, size: size)
    // Who comes after us may have made a cache in the file that we made.
    if found != .nothing { words.pointee.flags &= ~Flag.isOurs }
    switch found {
    case .cache?:
      refusal = .exists
      if has(Flag.createOnly) { return false }
      guard has(Flag.replace) else { return true }
      // What another who replaced the file left when it was killed.
      _ = platform_unlink(newPath)
      return false
    case .nothing?:
      refusal = .missing
      return has(Flag.attachOnly | Flag.readOnly) ? false : begin(refusal: &refusal)
    case nil:
      refusal = .foreign
      return false
    }
  }

  /// Makes the file one in which a cache is to be made. For who has the lock of opening and
  /// knows that nobody has the file mapped.
  package func begin(refusal: inout FileRefusal) -> Bool {
    guard let descriptor else {
      refusal = .noDescriptor
      return false
    }
    guard platform_file_size_limit() >= 8 else {
      refusal = .tooLarge
      return false
    }
    empty(descriptor)
    var mark = SharedFile.mark
    let result = platform_write_file(descriptor, &mark, 8, 0)
    words.pointee.flags |= Flag.isEmpty
    refusal = result < 0 ? FileRefusal(error: result) : .noSpace
    return result == 8
  }

  /// All zeros, of whatever size.
  private func empty(_ descriptor: Int32) {
    if platform_set_file_size(descriptor, 0) == 0 { return }
    // Sealed against that.
    if let size { _ = platform_punch(descriptor, 0, size) }
  }

  // MARK: Ending

  /// Lets the others in: the cache is made, or was found good. A new file takes the place
  /// of the one that it replaces.
  package func finish(refusal: inout FileRefusal) -> Bool {
    if has(Flag.replace) {
      let result = platform_rename(newPath, path)
      guard result == 0 else {
        refusal = FileRefusal(error: result)
        return false
      }
    }
    words.pointee.flags &= ~(Flag.replace | Flag.isEmpty | Flag.isOurs)
    endOpening()
    return true
  }

  /// Leaves the file as it is; one that was not finished is as it was before, or gone. What
  /// is mapped has been unmapped, the slot left.
  package func close() {
    letGo()
    free(words)
  }

  /// Has nothing open or locked any more.
  private func letGo() {
    if words.pointee.opening != nil, has(Flag.isEmpty | Flag.isOurs), let descriptor {
      if has(Flag.isOurs | Flag.replace), isAt(presentPath) {
        _ = platform_unlink(presentPath)
      } else {
        empty(descriptor)
      }
    }
    words.pointee.flags &= Flag.all
    endOpening()
    let descriptor = Int32(bitPattern: words.pointee.descriptor.word.relaxed)
    if isOpen(at: descriptor) { platform_close_file(descriptor) }
    words.pointee.descriptor.word.relaxed = UInt32(bitPattern: -1)
  }

  private func endOpening() {
    if let anchor = words.pointee.opening { FileLock(anchor: anchor).release() }
    words.pointee.opening = nil
  }
}
