import CacheCore

/// Lets a target written in C check a cache's invariants: a broken one ends the
/// process.
@_cdecl("fuzz_check_invariants")
public func checkInvariants(_ cache: UnsafeMutableRawPointer) {
  Cache(CacheHandle(cache)).checkInvariants()
}
