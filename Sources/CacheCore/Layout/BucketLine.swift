import Synchronization

/// One cache line of the index: tags and references of up to 11 entries, or free
/// slots. The essay is in Bucket.swift.
package struct BucketLine: ~Copyable {
  /// Changes before memory that was referred to from here is used for anything
  /// else; odd: a value is being written in place.
  package let version: Atomic<UInt32>
  /// Overflow bucket plus one; 0: none.
  package let next: Atomic<UInt32>
  /// Eight bits of each slot's hash; 0: free.
  package let tags: InlineArray<11, Atomic<UInt8>>
  /// Readers that are writing to an entry just now.
  package let pins: Atomic<UInt8>
  /// Where each slot's entry is.
  package let refs: InlineArray<11, Atomic<UInt32>>

  package static let slotCount = 11
  /// A bit for each slot.
  package static let tagsMask: UInt32 = 1 << slotCount - 1
}

/// All tags at once: the word that begins with the first, and the next word,
/// of which the low three bytes are tags (then come `pins` and a reference).
extension UnsafeMutablePointer where Pointee == BucketLine {
  @inline(__always)
  package var lowTags: UInt64 { tagWords[0].word.relaxed }
  @inline(__always)
  package var highTags: UInt64 { tagWords[1].word.relaxed }

  @inline(__always)
  private var tagWords: UnsafeMutablePointer<Atomic<UInt64>> {
    (UnsafeMutableRawPointer(self) + 8).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
}
