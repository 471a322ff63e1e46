import CCacheCore
import CPlatform
import CacheCore

// The rule for structs that cross the border, both ways: `struct_size` says how
// much of it the caller knows. Missing fields are zero; unknown ones must be.

/// A public struct: plain data that begins with its size.
protocol SizedStruct {
  init()
}

extension cachecore_options_t: SizedStruct {}
extension cachecore_sweeper_options_t: SizedStruct {}
extension cachecore_entry_info_t: SizedStruct {}
extension cachecore_stats_t: SizedStruct {}
extension cachecore_stats_field_t: SizedStruct {}
extension cachecore_sweeper_status_t: SizedStruct {}
extension cachecore_window_t: SizedStruct {}
extension cachecore_audit_options_t: SizedStruct {}
extension cachecore_audit_t: SizedStruct {}
extension cachecore_claim_t: SizedStruct {}
extension cachecore_shared_options_t: SizedStruct {}
extension cachecore_shared_info_t: SizedStruct {}

/// The smallest struct there can be: its size alone.
private let structSizeMin = 4
/// No struct of ours will ever be larger; a larger size is a mistake.
private let structSizeMax = 4096

private func declaredSize(_ pointer: UnsafeRawPointer) -> Int? {
  let size = Int(pointer.loadUnaligned(as: UInt32.self))
  return size >= structSizeMin && size <= structSizeMax ? size : nil
}

/// Sets a caller's struct to its defaults, which are zeros, as far as the caller
/// says that it goes. A size that no struct has leaves one that is refused.
func initialize(_ pointer: UnsafeMutableRawPointer?, _ structSize: Int) {
  guard let pointer, structSize < 0 || structSize >= structSizeMin else { return }
  guard structSize >= 0, structSize <= structSizeMax else {
    pointer.storeBytes(of: 0, as: UInt32.self)
    return
  }
  memset(pointer, 0, structSize)
  pointer.storeBytes(of: UInt32(structSize), as: UInt32.self)
}

/// Whether the caller's struct is one this library knows: it is there, its size
/// makes sense, and what lies beyond the fields it knows is zero. Asked before any
/// work.
func check<Struct: SizedStruct>(_ pointer: UnsafePointer<Struct>?) -> Outcome {
  guard let pointer else { return .argument }
  let raw = UnsafeRawPointer(pointer)
  let known = MemoryLayout<Struct>.size
  guard let size = declaredSize(raw) else { return .argument }
  guard size > known else { return .ok }
  let isZero = UnsafeRawBufferPointer(start: raw + known, count: size - known)
    .allSatisfy { $0 == 0 }
  return isZero ? .ok : .version
}

/// Reads a struct of whatever version. The outcome says what is wrong with it.
func copyIn<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>, _ outcome: inout Outcome
) -> Struct? {
  outcome = check(pointer)
  let raw = UnsafeRawPointer(pointer)
  guard outcome == .ok, let size = declaredSize(raw) else { return nil }
  var value = Struct()
  withUnsafeMutableBytes(of: &value) { bytes in
    let common = min(size, bytes.count)
    bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: common))
  }
  return value
}

/// Writes as much of a struct as the caller knows, but for its size, which is
/// the caller's; nothing if that is the size of no struct.
func fill<Struct: SizedStruct>(_ pointer: UnsafeMutablePointer<Struct>?, with value: Struct) {
  guard let pointer else { return }
  let raw = UnsafeMutableRawPointer(pointer)
  guard let size = declaredSize(raw) else { return }
  withUnsafeBytes(of: value) { bytes in
    let common = min(size, bytes.count)
    (raw + 4).copyMemory(from: bytes.baseAddress! + 4, byteCount: common - 4)
  }
}
