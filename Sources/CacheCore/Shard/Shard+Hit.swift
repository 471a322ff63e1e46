import CPlatform
import Synchronization

// A get in the ordinary case, in as few instructions as it takes: there is a live entry,
// the key follows its header, and the value fits into the buffer; or there is no entry. It
// is `read` and `recordAccess` for that case alone. In every other, and if an entry of the
// bucket changed meanwhile, nothing has been recorded, and the caller goes the long way
// from the beginning. So little is kept for later, and what is fits into registers; to the
// same end key and buffer are pointers and sizes here.

extension Shard {
  /// How a get ended in the ordinary case.
  package enum Ordinary {
    case hit(_ size: Int)
    case miss
  }

  /// As `Cache.get`; nil: it is not the ordinary case.
  @inline(__always)
  package func getOrdinary(
    _ parts: HashParts, _ key: UnsafeRawPointer, _ keySize: Int, at now: UInt64,
    into buffer: UnsafeMutableRawPointer, _ capacity: UInt64
  ) -> Ordinary? {
    let (index, places) = (index, memory.blocks)
    let table = index.tableNow
    let number = index.number(for: parts.forIndex, in: table)
    let first = index.bucket(number)
    // Odd while a value is written in place, or if the shard is not to be read without care
    // (Shard+Stall.swift): that is not the ordinary case.
    let version = first.version.pointee.load(ordering: .acquiring) | leftToDo
    guard version & 1 == 0 else { return nil }
    var bucket = first
    while true {
      var slots = bucket.slots(tagged: parts.tag)
      while let slot = slots.next() {
        let ref = bucket.ref(slot).pointee.load(ordering: .acquiring)
        if ref == 0 { continue }
        let position = places.position(of: ref)
        let start = UInt64(ref) &* UInt64(Entry.unit)
        let entry = Entry(places.bases[position] + Int(truncatingIfNeeded: start))
        // The value is on the next line, usually.
        platform_prefetch(entry.base + CacheLine.size)
        let access = Entry.Access(entry.accessWord.pointee.load(ordering: .acquiring))
        guard access.isPlain(keySize: keySize) else {
          if access.keySize != keySize || access.isHole { continue }
          return nil
        }
        let expiry = Entry.Expiry(entry.expiryWord.relaxed)
        let valueSize = expiry.shortValueSize
        let content =
          UInt64(Entry.headerSize) &+ UInt64(truncatingIfNeeded: keySize) &+ valueSize
        // Where memory ends (`match`).
        guard start &+ content <= ShardMap.arenaEnds.elements(in: memory.map)[position] else {
          continue
        }
        let keyAt = entry.base + Entry.headerSize
        guard platform_equal(keyAt, key, keySize) else { continue }
        guard !isExpired(access, expiry, at: now), valueSize <= capacity else { return nil }
        platform_copy(buffer, keyAt + keySize, Int(truncatingIfNeeded: valueSize))
        guard isUnchanged(first, sinceEven: version) else { return nil }
        // Of an overflow bucket's slot this is not the place; then it is looked up.
        recordAccess(
          ref, access, place: Index.place(number, slot), in: version, parts, key, keySize,
          at: now)
        return .hit(Int(truncatingIfNeeded: valueSize))
      }
      let next = bucket.next.pointee.load(ordering: .acquiring)
      if next == 0 { break }
      // More than one overflow bucket is not the ordinary case.
      if bucket.base != first.base { return nil }
      bucket = index.overflowBucket(next)
    }
    // As in `attempt`.
    atomicMemoryFence(ordering: .acquiring)
    guard index.tableNow == table, isUnchanged(first, sinceEven: version) else { return nil }
    recordMiss(at: now)
    return .miss
  }
}
