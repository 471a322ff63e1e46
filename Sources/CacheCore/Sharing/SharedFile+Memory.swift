import CPlatform
import Synchronization

// How large the file is, and where this process has it.

extension SharedFile {
  /// Makes the file so large, if it is smaller. Takes no memory or room yet.
  package func setSize(_ bytes: UInt64, refusal: inout FileRefusal) -> Bool {
    guard let descriptor, let size else {
      refusal = .noDescriptor
      return false
    }
    if bytes <= size { return true }
    guard bytes <= platform_file_size_limit() else {
      refusal = .tooLarge
      return false
    }
    let result = platform_set_file_size(descriptor, bytes)
    if result == 0 { return true }
    refusal = FileRefusal(error: result)
    return false
  }

  /// Maps so much of the file, in the child of a fork where its parent has it; nil if there
  /// are no addresses. In no core dump, and not in a child of this process.
  package func map(
    _ bytes: UInt64, at address: UnsafeMutableRawPointer? = nil
  ) -> UnsafeMutableRawPointer? {
    guard let descriptor,
      let base = platform_map_file(descriptor, Int(bytes), address, !isReadOnly)
    else { return nil }
    words.pointee.base = base
    words.pointee.size = bytes
    return base
  }

  package func unmap() {
    if let base = words.pointee.base { platform_unmap(base, Int(words.pointee.size)) }
    words.pointee.base = nil
  }

  /// Whole pages of what is mapped can be written to from now on; false: the file system
  /// has no room for them, or the machine no memory. What is in them stays.
  package func commit(_ address: UnsafeMutableRawPointer, _ bytes: UInt64) -> Bool {
    let result = platform_populate(address, Int(bytes))
    if result != -Int(EINVAL) { return result == 0 }
    // A kernel that does not know this.
    guard let base = words.pointee.base, let descriptor else { return false }
    return platform_allocate(descriptor, UInt64(address - base), bytes) == 0
  }

  /// Whether a stretch of the file has no hole, so that nothing need be committed there.
  package func isBacked(from start: UInt64, to end: UInt64) -> Bool {
    guard let descriptor else { return false }
    return platform_next_hole(descriptor, start) >= Int(end)
  }

  /// Gives whole pages of what is mapped back; they are zeros then, and must be committed
  /// again. False: they stay as they are.
  ///
  /// On a tmpfs of limited size a read of what was given back takes a page, and is a
  /// SIGBUS when there is none. A reader may come late, so nothing is given back there.
  package func discard(_ address: UnsafeMutableRawPointer, _ bytes: UInt64) -> Bool {
    !has(Flag.keepsPages) && platform_remove_pages(address, Int(bytes)) == 0
  }

  /// Tells others that this process reads what is mapped, and has no slot.
  package func beginLooking(refusal: inout FileRefusal) -> Bool {
    guard let lock = FileLock.take(FileLock.Byte.looking, of: self, refusal: &refusal) else {
      return false
    }
    words.pointee.slot = lock.anchor
    return true
  }

  package func endLooking() {
    if let anchor = words.pointee.slot { FileLock(anchor: anchor).release() }
    words.pointee.slot = nil
  }

  /// In the child of a fork: what its parent had locked and mapped is not here. The child
  /// maps the file again, where its parent has it, and joins (ProcessTable).
  package func becomeChild() {
    words.pointee.opening = nil
    words.pointee.slot = nil
    words.pointee.owner.word.relaxed = 0
    words.pointee.base = nil
  }
}
