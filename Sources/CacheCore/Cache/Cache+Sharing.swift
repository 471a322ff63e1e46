import Synchronization

// What is to be said of a cache that processes share.

extension Cache {
  package struct SharedInfo {
    package let processes: UInt32
    package let maxProcesses: UInt32
    package let isWarm: Bool
    package let isUnlinked: Bool
    package let recoveries: UInt64
    package let entriesLost: UInt64
    package let borrowsReclaimed: UInt64
    package let regionBytes: UInt64
  }

  /// nil: it is a process's own.
  package var sharedInfo: SharedInfo? {
    guard region.isShared else { return nil }
    let sharing = region.sharing
    return SharedInfo(
      processes: UInt32(region.processes.count),
      maxProcesses: region.header.pointee.geometry.processCount,
      isWarm: sharing.pointee.isWarm.word.relaxed != 0, isUnlinked: region.file.isUnlinked,
      recoveries: sharing.pointee.recoveries.word.relaxed,
      entriesLost: sharing.pointee.entriesLost.word.relaxed,
      borrowsReclaimed: sharing.pointee.borrowsReclaimed.word.relaxed,
      regionBytes: region.file.words.pointee.size)
  }

  package var sharedDescriptor: Int32? { region.isShared ? region.file.descriptor : nil }
}
