/// Says that a region is not what a cache leaves behind, and in what.
///
/// Each structure can check its invariants: everything that is said at the
/// top of its file, without trusting what it looks at. Whatever bytes are there,
/// a check reads only what is committed, ends, and throws this at the first thing
/// that is wrong. A structure that passes can be used: whatever is done with it
/// leads nowhere outside the region and ends. That is what `Cache.attach` relies on
/// with regions that come from outside, and tests with those that do not.
///
/// In this order, since each relies on those before it: blocks tile the arena and
/// pages know where they begin; the index refers to blocks that are entries; every
/// entry is in the index, and hence in it once; lists lead from entry to entry, and
/// back, so that none is met twice, and have as many as there are.
package struct CorruptRegion: Error {
  package let what: StaticString
}

/// Goes on only with what is so.
@inline(__always)
func require(_ claim: Bool, _ what: StaticString) throws(CorruptRegion) {
  if !claim { throw CorruptRegion(what: what) }
}
