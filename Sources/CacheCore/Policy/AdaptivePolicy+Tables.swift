import CPlatform

// The adaptive policy's memory beyond the lists: sketch, ghosts and shadows, each in
// a part of the shard. Sketch and ghosts double when there are more entries than they
// are meant for. Without memory for them the policy does without.

extension AdaptivePolicy {
  static let entriesMeantMin: UInt32 = 256
  private static let entriesMeantMax: UInt32 = 1 << 30
  private static let entriesPerWord: UInt32 = 2
  private static let entriesPerBucket: UInt32 = 8
  /// Ticks of the ghosts' clock in as many evictions as there are entries.
  private static let ticks: UInt32 = 256
  /// Tables for so many times the entries there are can be given up.
  private static let excess: UInt64 = 8

  var hasTables: Bool { state.pointee.entriesMeant != 0 }

  var sketch: FrequencySketch {
    @inline(__always) get {
      FrequencySketch(state: ShardControl.sketch(in: memory.control), places: memory.sketch)
    }
  }
  var ghosts: GhostTable {
    @inline(__always) get { GhostTable(memory) }
  }
  var race: ShadowRace {
    @inline(__always) get { ShadowRace(memory) }
  }

  /// Makes room for the tables of so many entries.
  private func cover(entries: UInt32) -> Bool {
    let words = UInt64(entries / AdaptivePolicy.entriesPerWord)
    let buckets = UInt64(entries / AdaptivePolicy.entriesPerBucket)
    return memory.sketchSpan.cover(words * UInt64(MemoryLayout<UInt64>.size)) == .done
      && memory.ghostsSpan.cover(buckets * UInt64(MemoryLayout<GhostBucket>.size)) == .done
  }

  /// Whether tables are of the size that they have for so many entries.
  func areTables(for entries: UInt32) -> Bool {
    sketch.state.pointee.words == entries / AdaptivePolicy.entriesPerWord
      && ghosts.state.pointee.buckets == entries / AdaptivePolicy.entriesPerBucket
  }

  /// Makes tables for the first entries; again as entries come, if there is no memory
  /// for them now.
  @inline(never)
  func beginTables() {
    let meant = AdaptivePolicy.entriesMeantMin
    guard cover(entries: meant) else { return }
    sketch.state.pointee.words = meant / AdaptivePolicy.entriesPerWord
    let ghosts = ghosts.state
    ghosts.pointee.buckets = meant / AdaptivePolicy.entriesPerBucket
    ghosts.pointee.tickShift = 0
    ghosts.pointee.clock = max(ghosts.pointee.clock, 1)
    state.pointee.entriesMeant = meant
    state.pointee.random = 12345
    fitRace()
  }

  /// Doubles the tables, if there is memory for that.
  @inline(never)
  func growTables() {
    let meant = state.pointee.entriesMeant
    guard meant < AdaptivePolicy.entriesMeantMax, cover(entries: 2 * meant) else { return }
    sketch.double()
    let ticks = (2 * meant) >> ghosts.state.pointee.tickShift
    ghosts.double(tickDoubles: ticks > AdaptivePolicy.ticks)
    state.pointee.entriesMeant = 2 * meant
    fitRace()
  }

  /// Gives the shadows the size for the entries that are expected: for those of the
  /// bound, or of the tables where there is none.
  @inline(never)
  func fitRace() {
    var entries = ShadowRace.entriesMin
    if state.pointee.share == 0 { entries = state.pointee.entriesMeant }
    while entries < AdaptivePolicy.entriesMeantMax, UInt64(entries) < state.pointee.share {
      entries *= 2
    }
    let race = race
    if race.state.pointee.size != 0, race.state.pointee.entries == entries { return }
    race.end()
    let bytes = ShadowRace.bytes(of: ShadowRace.size(entries: entries))
    guard memory.shadowsSpan.cover(bytes) == .done else { return }
    race.begin(entries: entries)
  }

  /// Gives the tables' memory back if they are far too large, and with it what
  /// was learned. False if the system refused.
  func dropTables() -> Bool {
    let meant = state.pointee.entriesMeant
    let isFarTooLarge =
      meant > AdaptivePolicy.entriesMeantMin && UInt64(meant) > AdaptivePolicy.excess * count
    guard count == 0 || isFarTooLarge else { return true }
    state.pointee.entriesMeant = 0
    sketch.state.pointee.words = 0
    ghosts.state.pointee.buckets = 0
    race.end()
    let isSketchDone = memory.sketchSpan.shrink(to: 0) == .done
    let areGhostsDone = memory.ghostsSpan.shrink(to: 0) == .done
    return memory.shadowsSpan.shrink(to: 0) == .done && isSketchDone && areGhostsDone
  }

  var chargedPages: UInt64 {
    memory.sketchSpan.chargedPages + memory.ghostsSpan.chargedPages
      + memory.shadowsSpan.chargedPages
  }
}
