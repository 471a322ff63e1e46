/// Where one part of a larger area lies, and as what: `part(in: area)` is a
/// pointer to it. An area is declared as parts that follow one another, so that
/// no place is written down twice.
///
/// SAFETY: whoever asks for a part has an area that is large enough, begins on a
/// boundary as wide as any of its parts', and is zero-filled or holds such parts
/// already.
package struct Part<Layout: ~Copyable> {
  /// In bytes from the area's start.
  package let offset: Int

  /// The first part of an area.
  @inline(__always)
  init(at offset: Int) { self.offset = offset }

  /// The part after this one, on a boundary: 64 for a cache line of its own, 128
  /// for one that the prefetcher does not fetch along with its neighbour.
  @inline(__always)
  func next<Next: ~Copyable>(on boundary: Int = 8) -> Part<Next> {
    Part<Next>(at: (end + boundary - 1) / boundary * boundary)
  }

  package var end: Int { offset + MemoryLayout<Layout>.size }

  @inline(__always)
  package func callAsFunction(in area: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Layout> {
    (area + offset).assumingMemoryBound(to: Layout.self)
  }

  /// The first of several.
  @inline(__always)
  package func elements<let count: Int, Element: ~Copyable>(
    in area: UnsafeMutableRawPointer
  ) -> UnsafeMutablePointer<Element> where Layout == InlineArray<count, Element> {
    (area + offset).assumingMemoryBound(to: Element.self)
  }
}
