/// Why a cache was not opened. One byte, which each thread keeps of its last
/// attempt (CPlatform.h); 0 stands for none. What is wrong with the pointers and
/// the struct the ABI finds out, the rest `Cache.open`.
package enum Refusal: UInt8 {
  case noOptions = 1
  case noCacheOut
  case structSize
  case newerStruct
  case policy
  case flags
  case shardCount
  case ttlJitter
  case noBound
  case maxBytes
  case addressSpace
  case memory
  case forkHandlers
  // Of shared caches.
  case noSharingOptions
  case sharingArguments
  case removals
  case maxProcesses
  case missing
  case exists
  case otherFlags
  case tooManyProcesses
  case forbidden
  case link
  case notRegular
  case owner
  case writableByOthers
  case fileSystem
  case foreign
  case layout
  case otherNamespace
  /// Only for who may not write; else the file is begun afresh.
  case anotherBoot
  case fileSystemTooSmall
  case fileNoSpace
  case fileTooLarge
  case noDescriptor
  case openingTimeout

  package init(_ refusal: FileRefusal) {
    switch refusal {
    case .arguments: self = .sharingArguments
    case .missing: self = .missing
    case .exists: self = .exists
    case .full: self = .tooManyProcesses
    case .forbidden: self = .forbidden
    case .link: self = .link
    case .notRegular: self = .notRegular
    case .owner: self = .owner
    case .writableByOthers: self = .writableByOthers
    case .fileSystem: self = .fileSystem
    case .foreign: self = .foreign
    case .noSpace: self = .fileNoSpace
    case .tooLarge: self = .fileTooLarge
    case .noMemory: self = .memory
    case .noDescriptor: self = .noDescriptor
    case .timeout: self = .openingTimeout
    }
  }

  package var outcome: Outcome {
    switch self {
    case .newerStruct: return .version
    case .addressSpace, .memory, .forkHandlers, .fileSystemTooSmall, .fileNoSpace, .fileTooLarge:
      return .noMemory
    case .missing, .exists, .otherFlags: return .state
    case .tooManyProcesses: return .full
    case .forbidden, .link, .notRegular, .owner, .writableByOthers, .fileSystem, .noDescriptor:
      return .access
    case .foreign, .layout, .otherNamespace, .anotherBoot: return .layout
    case .openingTimeout: return .timeout
    case .noSharingOptions, .sharingArguments, .removals, .maxProcesses: return .argument
    case .noOptions, .noCacheOut, .structSize, .policy, .flags, .shardCount, .ttlJitter, .noBound,
      .maxBytes:
      return .argument
    }
  }
}
