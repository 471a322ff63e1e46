import CPlatform

extension Cache {
  /// In the child of a fork: a shared region is mapped anew, where the parent has it, and the
  /// child is one more process that shares it. False if it cannot be. The caller holds the
  /// lock of the list of caches.
  func becomeChild() -> Bool {
    let (file, base) = (region.file, region.base)
    let size = file.words.pointee.size
    file.becomeChild()
    guard file.map(size, at: base) == base else { return false }
    var (refusal, fileRefusal) = (Refusal.memory, FileRefusal.timeout)
    if region.isReadOnly { return file.beginLooking(refusal: &fileRefusal) }
    // Under the lock of opening: who finds nobody there takes the region for its own.
    guard
      let opening = FileLock.take(
        FileLock.Byte.opening, of: file, patienceNs: SharedFile.patienceNs, refusal: &fileRefusal)
    else { return false }
    let isJoined = Cache.join(region, &refusal)
    opening.release()
    guard isJoined else { return false }
    ThreadNumber.scatter()
    endInheritedLeases()
    return true
  }
}
