'use strict'
// The records that the library writes into a buffer when it lists entries, as objects.

const HEADERS = {
  // cachecore_scan_record_t, cachecore_value_record_t, cachecore_removal_record_t
  scan: { size: 24, key: 4, value: 8, ttl: 16, isRecordLong: false },
  value: { size: 32, key: 24, value: 8, ttl: 16, isRecordLong: true },
  removal: { size: 24, key: 16, value: 8, cause: 20, isRecordLong: true }
}
const CAUSES = { 1: 'expired', 2: 'evicted', 3: 'replaced', 4: 'deleted' }
const BUFFER_SIZE = 64 * 1024

const keyOf = (bytes, encoding) => encoding === 'buffer' ? Buffer.from(bytes) : bytes.toString(encoding)

function lifetimeOf (bytes, at) {
  const ms = bytes.readBigInt64LE(at)
  return ms < 0n ? Infinity : Number(ms)
}

/** What is in the first `size` bytes.  Keys and values are copies. */
function * records (kind, bytes, size, encoding) {
  const header = HEADERS[kind]
  for (let at = 0; at < size;) {
    const keyStart = at + header.size
    const keyEnd = keyStart + bytes.readUInt32LE(at + header.key)
    const valueSize = Number(bytes.readBigUInt64LE(at + header.value))
    const record = { key: keyOf(bytes.subarray(keyStart, keyEnd), encoding), size: valueSize }
    if (kind !== 'scan') record.value = Buffer.from(bytes.subarray(keyEnd, keyEnd + valueSize))
    if (kind === 'removal') record.cause = CAUSES[bytes.readUInt32LE(at + header.cause)]
    else record.ttl = lifetimeOf(bytes, at + header.ttl)
    yield record
    at += header.isRecordLong ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at)
  }
}

/** Calls `fill(buffer)` with a buffer that is large enough; [buffer, size], size -1 for a miss. */
function filled (fill, buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE)) {
  let size = fill(buffer)
  while (size < -1) {
    buffer = Buffer.allocUnsafeSlow(-2 - size)
    size = fill(buffer)
  }
  return [buffer, size]
}

module.exports = { records, filled }
