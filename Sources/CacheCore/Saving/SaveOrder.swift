import CPlatform

/// The entries to save, by the hashes of their keys, in the order of forgetting.
///
/// Entries move while they are saved: in memory, in the order of use, in and out of the
/// cache. A walk along the order of use that lets go of the lock would miss some and meet
/// others twice. So each is noted first, in a walk that nothing disturbs (Index, "Walking"),
/// and the notes are sorted: 16 bytes an entry, for the time of the save. Their hashes find
/// the entries again.
struct SaveOrder: ~Copyable {
  struct Note {
    var hash: UInt64
    /// The policy's group, the time of last use, and the place in a shard's list, if known.
    var key: UInt64
  }

  private static let placeBits: UInt64 = 22

  private(set) var notes: UnsafeMutablePointer<Note>
  private(set) var count = 0
  private var capacity: Int
  /// Whether there was no memory for some.
  private(set) var isIncomplete = false

  /// nil if there is no memory for so many.
  init?(capacity: Int) {
    guard let notes = SaveOrder.memory(capacity) else { return nil }
    self.notes = notes
    self.capacity = capacity
  }

  deinit { SaveOrder.release(notes, capacity) }

  private static func memory(_ capacity: Int) -> UnsafeMutablePointer<Note>? {
    let (size, isOverflow) = capacity.multipliedReportingOverflow(by: MemoryLayout<Note>.size)
    guard !isOverflow, let base = platform_map(size) else { return nil }
    return base.assumingMemoryBound(to: Note.self)
  }

  private static func release(_ notes: UnsafeMutablePointer<Note>, _ capacity: Int) {
    platform_unmap(notes, capacity * MemoryLayout<Note>.size)
  }

  /// Whether a hold of a lock may add so many without asking the system for memory.
  func hasRoom(for more: Int) -> Bool { capacity - count >= more }

  /// Makes room; false if there is no memory.
  mutating func reserve(_ more: Int) -> Bool {
    if hasRoom(for: more) { return true }
    let larger = (count + more) * 3 / 2
    guard let moved = SaveOrder.memory(larger) else { return false }
    memcpy(moved, notes, count * MemoryLayout<Note>.size)
    SaveOrder.release(notes, capacity)
    (notes, capacity) = (moved, larger)
    return true
  }

  /// Notes an entry; of those with one rank, the one with the lower place comes first.
  @inline(__always)
  mutating func add(hash: UInt64, rank: UInt64, place: UInt64) {
    guard count < capacity else {
      isIncomplete = true
      return
    }
    let place = min(place, 1 << SaveOrder.placeBits - 1)
    notes[count] = Note(hash: hash, key: rank << SaveOrder.placeBits | place)
    count += 1
  }

  // MARK: Sorting

  func sort() { SaveOrder.sort(notes, count, shift: 56) }

  /// Ranges up to so long are sorted by insertion.
  private static let shortRange = 24

  /// By one byte of the key after the other, from the highest on, in place (McIlroy, Bostic,
  /// McIlroy: "Engineering Radix Sort", 1993, "American flag sort").
  private static func sort(_ notes: UnsafeMutablePointer<Note>, _ count: Int, shift: UInt64) {
    if count <= shortRange { return insertionSort(notes, count) }
    var starts = InlineArray<257, Int>(repeating: 0)
    for i in 0..<count { starts[Int(notes[i].key >> shift & 0xFF) + 1] += 1 }
    let first = Int(notes[0].key >> shift & 0xFF)
    if starts[first + 1] == count {
      // They do not differ in this byte.
      if shift > 0 { sort(notes, count, shift: shift - 8) }
      return
    }
    for byte in 0..<256 { starts[byte + 1] += starts[byte] }
    var next = starts
    for byte in 0..<256 {
      while next[byte] < starts[byte + 1] {
        var note = notes[next[byte]]
        // Each to its place, until the one whose place this is turns up.
        while true {
          let its = Int(note.key >> shift & 0xFF)
          let place = next[its]
          next[its] += 1
          if its == byte {
            notes[place] = note
            break
          }
          swap(&notes[place], &note)
        }
      }
    }
    guard shift > 0 else { return }
    for byte in 0..<256 where starts[byte + 1] - starts[byte] > 1 {
      sort(notes + starts[byte], starts[byte + 1] - starts[byte], shift: shift - 8)
    }
  }

  private static func insertionSort(_ notes: UnsafeMutablePointer<Note>, _ count: Int) {
    for i in stride(from: 1, to: count, by: 1) {
      let note = notes[i]
      var place = i
      while place > 0, notes[place - 1].key > note.key {
        notes[place] = notes[place - 1]
        place -= 1
      }
      notes[place] = note
    }
  }
}
