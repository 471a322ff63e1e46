import CCacheCore
import CPlatform
import CacheCore

// Why a cache was not opened, for people to read.

@c @implementation
public func cachecore_open_error() -> UnsafePointer<CChar>? {
  switch Refusal(rawValue: platform_refusal()) {
  case nil: return text("")
  case .noOptions: return text("options is NULL")
  case .noCacheOut: return text("cache_out is NULL")
  case .structSize:
    return text("struct_size must be sizeof(cachecore_options_t); it is below 4 or above 4096")
  case .newerStruct:
    return text("the options have a field set that this library, an older one, does not know")
  case .policy: return text("policy is none of CACHECORE_POLICY_...")
  case .flags: return text("flags has a bit that this library does not know")
  case .shardCount: return text("shard_count is above 256")
  case .ttlJitter: return text("ttl_jitter_permille is above 1000")
  case .noBound: return text("a cache needs a bound: set max_entries, max_bytes or both")
  case .maxBytes: return text("max_bytes is below CACHECORE_MAX_BYTES_MIN, 65536")
  case .addressSpace:
    return text("the system refused address space; see RLIMIT_AS and vm.max_map_count")
  case .memory: return text("the system refused memory")
  case .forkHandlers: return text("the system refused memory for the handlers of fork")
  case .noSharingOptions: return text("the options for sharing are NULL or of a wrong struct_size")
  case .sharingArguments:
    return text("there are a path and an fd, the path is empty or too long, or two flags conflict")
  case .removals: return text("a shared cache has no reports of removals")
  case .maxProcesses: return text("max_processes is above 1023")
  case .missing: return text("there is nothing to attach to")
  case .exists: return text("there is a cache already")
  case .otherFlags:
    return text("the cache there has other flags: no-evict or the manual clock")
  case .tooManyProcesses:
    return text("as many processes have the cache open as max_processes allows")
  case .forbidden: return text("the system does not let this process open the file for writing")
  case .link: return text("the file is a symbolic link or has a second name")
  case .notRegular: return text("the path or the fd is not that of a regular file")
  case .owner: return text("the file belongs to another user")
  case .writableByOthers:
    return text("others may write to the file, or may replace it in its directory")
  case .fileSystem:
    return text("no memory or locks can be shared on this file system: use a tmpfs or a disk")
  case .foreign: return text("the file is no cache, and is left as it is")
  case .layout: return text("the cache there is damaged, or of another layout or machine")
  case .otherNamespace:
    return text("the processes that have the cache open have another clock: a time namespace")
  case .anotherBoot:
    return text("the cache is of an earlier boot: a process that writes must open it first")
  case .fileSystemTooSmall:
    return text("the file system is smaller than max_bytes and what a cache needs for itself")
  case .fileNoSpace: return text("the file system has no room for an empty cache")
  case .fileTooLarge:
    return text("the file would be larger than this process may make it (RLIMIT_FSIZE)")
  case .noDescriptor: return text("the file's descriptor was closed and cannot be opened again")
  case .openingTimeout: return text("another process has been opening the cache for five seconds")
  }
}
