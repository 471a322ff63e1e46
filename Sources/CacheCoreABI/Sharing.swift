import CCacheCore
import CPlatform
import CacheCore

// A cache that processes share (Cache+OpenShared.swift).

@c @implementation
public func cachecore_open_shared(
  _ options: UnsafePointer<cachecore_options_t>?,
  _ shared: UnsafePointer<cachecore_shared_options_t>?,
  _ cache_out: UnsafeMutablePointer<OpaquePointer?>?
) -> cachecore_status_t {
  var refusal = Refusal.noCacheOut
  let cache = cache_out == nil ? nil : open(options, shared, &refusal)
  cache_out?.pointee = cache.map { OpaquePointer($0.handle.base) }
  platform_set_refusal(cache == nil ? refusal.rawValue : 0)
  return (cache == nil ? refusal.outcome : .ok).rawValue
}

private func open(
  _ options: UnsafePointer<cachecore_options_t>?,
  _ shared: UnsafePointer<cachecore_shared_options_t>?, _ refusal: inout Refusal
) -> Cache? {
  guard let given = readOptions(options, &refusal) else { return nil }
  var outcome = Outcome.argument
  guard let shared, let place = copyIn(shared, &outcome),
    Int(place.struct_size) >= MemoryLayout<cachecore_shared_options_t>.size
  else {
    refusal = outcome == .version ? .newerStruct : .noSharingOptions
    return nil
  }
  var sharing = SharingOptions()
  sharing.path = place.path
  // With a path 0 is what a caller left out.
  sharing.descriptor = place.path != nil && place.fd == 0 ? -1 : place.fd
  sharing.flags = place.flags
  sharing.maxProcesses = place.max_processes
  return Cache.openShared(given, sharing, refusal: &refusal)
}

@c @implementation
public func cachecore_shared_info(
  _ cache: OpaquePointer?, _ info_out: UnsafeMutablePointer<cachecore_shared_info_t>?
) -> cachecore_status_t {
  call(cache, filling: info_out, .reading) { cache, result in
    guard let info = cache.sharedInfo else { return .state }
    result.processes = info.processes
    result.max_processes = info.maxProcesses
    result.warm = info.isWarm ? 1 : 0
    result.unlinked = info.isUnlinked ? 1 : 0
    result.recoveries = info.recoveries
    result.entries_lost = info.entriesLost
    result.borrows_reclaimed = info.borrowsReclaimed
    result.region_bytes = info.regionBytes
    return .ok
  }
}

@c @implementation
public func cachecore_shared_fd(
  _ cache: OpaquePointer?, _ fd_out: UnsafeMutablePointer<Int32>?
) -> cachecore_status_t {
  var descriptor: Int32 = -1
  defer { fd_out?.pointee = descriptor }
  return call(cache, .reading) { cache in
    guard fd_out != nil else { return .argument }
    guard let found = cache.sharedDescriptor else { return .state }
    descriptor = found
    return .ok
  }
}
