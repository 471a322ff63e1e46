import CCacheCore
import CPlatform

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
extension cachecore_sweeper_status_t: SizedStruct {}
extension cachecore_window_t: SizedStruct {}
extension cachecore_audit_options_t: SizedStruct {}
extension cachecore_audit_t: SizedStruct {}
extension cachecore_advice_options_t: SizedStruct {}

/// The smallest struct there can be: its size alone.
private let structSizeMin = 4
/// No struct of ours will ever be larger; a larger size is a mistake.
private let structSizeMax = 4096

private func declaredSize(_ pointer: UnsafeRawPointer) -> Int? {
  let size = Int(pointer.loadUnaligned(as: UInt32.self))
  return size >= structSizeMin && size <= structSizeMax ? size : nil
}

/// Whether the caller's struct is one this library knows: its size makes sense,
/// and what lies beyond the fields it knows is zero. Asked before any work.
func check<Struct: SizedStruct>(_ pointer: UnsafePointer<Struct>) -> cachecore_status_t {
  let raw = UnsafeRawPointer(pointer)
  let known = MemoryLayout<Struct>.size
  guard let size = declaredSize(raw) else { return argumentError }
  guard size > known else { return success }
  let isZero = UnsafeRawBufferPointer(start: raw + known, count: size - known)
    .allSatisfy { $0 == 0 }
  return isZero ? success : cachecore_status_t(CACHECORE_E_VERSION)
}

/// Reads a struct of whatever version. The status says what is wrong with it.
func read<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>, _ status: inout cachecore_status_t
) -> Struct? {
  status = check(pointer)
  let raw = UnsafeRawPointer(pointer)
  guard status == success, let size = declaredSize(raw) else { return nil }
  var value = Struct()
  withUnsafeMutableBytes(of: &value) { bytes in
    let common = min(size, bytes.count)
    bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: common))
  }
  return value
}

/// Writes as much of a struct as the caller knows, but for its size, which is
/// the caller's. The struct has been checked.
func fill<Struct: SizedStruct>(
  _ pointer: UnsafeMutablePointer<Struct>, with value: Struct
) -> cachecore_status_t {
  let raw = UnsafeMutableRawPointer(pointer)
  guard let size = declaredSize(raw) else { return argumentError }
  withUnsafeBytes(of: value) { bytes in
    let common = min(size, bytes.count)
    (raw + 4).copyMemory(from: bytes.baseAddress! + 4, byteCount: common - 4)
  }
  return success
}
