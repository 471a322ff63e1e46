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

/// The smallest struct that makes sense: its size and one more field.
private let structSizeMin = 8
/// No struct of ours will ever be larger; a larger size is a mistake.
private let structSizeMax = 4096

private func declaredSize(_ pointer: UnsafeRawPointer) -> Int? {
  let size = Int(pointer.loadUnaligned(as: UInt32.self))
  return size >= structSizeMin && size <= structSizeMax ? size : nil
}

/// Reads a struct of whatever version. The status says what is wrong with it.
func read<Struct: SizedStruct>(
  _ pointer: UnsafePointer<Struct>, _ status: inout cachecore_status_t
) -> Struct? {
  let raw = UnsafeRawPointer(pointer)
  status = cachecore_status_t(CACHECORE_E_ARGUMENT)
  guard let size = declaredSize(raw) else { return nil }
  var value = Struct()
  let known = MemoryLayout<Struct>.size
  withUnsafeMutableBytes(of: &value) { bytes in
    bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: min(size, known)))
  }
  if size > known {
    for byte in UnsafeRawBufferPointer(start: raw + known, count: size - known) where byte != 0 {
      status = cachecore_status_t(CACHECORE_E_VERSION)
      return nil
    }
  }
  return value
}

/// Writes as much of a struct as the caller knows, and zeros for what the
/// caller knows and the library does not.
func fill<Struct: SizedStruct>(
  _ pointer: UnsafeMutablePointer<Struct>, with value: Struct
) -> cachecore_status_t {
  let raw = UnsafeMutableRawPointer(pointer)
  guard let size = declaredSize(raw) else { return cachecore_status_t(CACHECORE_E_ARGUMENT) }
  let known = MemoryLayout<Struct>.size
  withUnsafeBytes(of: value) { bytes in
    // struct_size stays as the caller set it.
    let common = min(size, known)
    (raw + 4).copyMemory(from: bytes.baseAddress! + 4, byteCount: common - 4)
  }
  if size > known { memset(raw + known, 0, size - known) }
  return cachecore_status_t(CACHECORE_OK)
}

/// Whether the caller's struct can be filled at all; asked before any work.
func isSized<Struct: SizedStruct>(_ pointer: UnsafeMutablePointer<Struct>) -> Bool {
  declaredSize(UnsafeRawPointer(pointer)) != nil
}
