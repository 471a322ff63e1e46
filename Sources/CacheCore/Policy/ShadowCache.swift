import CPlatform

/// What a cache would hold now if its window had always had a given size: a cache
/// of a few hundred sampled keys, without values, under the rules of AdaptivePolicy.
///
///     residents   protected | probation | window       each from the newest to the oldest
///     ghosts      keys that fell out of the window, in a ring
///
/// A key is 16 bits of its hash. Residents lie in one array, beside the times at
/// which they came into probation. An entry moves by a move of those before it, which
/// for so few costs less than links would, and takes four bytes.
struct ShadowCache {
  private let state: UnsafeMutablePointer<ShadowState>
  private let keys: UnsafeMutablePointer<UInt16>
  private let times: UnsafeMutablePointer<UInt16>
  private let ghosts: UnsafeMutablePointer<UInt16>
  private let ghostCount: UInt32
  /// How many keys it may hold, and how many of them in its window.
  private let capacity: UInt32
  private let windowTarget: UInt32
  private let protectedLimit: UInt32
  private let sketch: FrequencySketch

  static let bytesPerKey = 8

  /// `size`: the number of keys that there is memory for at `base`, a power of two.
  init(
    state: UnsafeMutablePointer<ShadowState>, base: UnsafeMutableRawPointer, size: UInt32,
    capacity: UInt32, window: WindowSize, sketch: FrequencySketch
  ) {
    self.state = state
    keys = base.assumingMemoryBound(to: UInt16.self)
    times = keys + Int(size)
    ghosts = times + Int(size)
    ghostCount = 2 * size
    self.capacity = capacity
    windowTarget = UInt32(truncatingIfNeeded: window.target(of: UInt64(capacity)))
    protectedLimit = UInt32(truncatingIfNeeded: window.protectedLimit(of: UInt64(capacity)))
    self.sketch = sketch
  }

  /// A key is used. Whether it was there.
  func use(_ key: UInt16) -> Bool {
    let place = platform_find16(keys, state.pointee.count, key)
    if place < state.pointee.count {
      if place >= state.pointee.mainCount {
        move(place, to: state.pointee.mainCount)
      } else {
        move(place, to: 0)
        if place >= state.pointee.protectedCount { enteredProtected() }
      }
      return true
    }
    let isPromotion = isUsedMoreCloselyThanMain(key)
    while state.pointee.count >= capacity { forget(for: isPromotion ? 0 : 1) }
    let last = state.pointee.count
    keys[Int(last)] = key
    state.pointee.count += 1
    if isPromotion {
      move(last, to: 0)
      state.pointee.mainCount += 1
      enteredProtected()
    } else {
      move(last, to: state.pointee.mainCount)
    }
    // While main has room, what falls out of the window goes there.
    while windowCount > windowTarget, state.pointee.mainCount + windowTarget < capacity {
      admitOldestOfWindow()
    }
    return false
  }

  private var windowCount: UInt32 { state.pointee.count - state.pointee.mainCount }

  /// Takes the ghost of a key, if there is one.
  private func isUsedMoreCloselyThanMain(_ key: UInt16) -> Bool {
    guard windowTarget < capacity else { return false }
    let place = platform_find16(ghosts, ghostCount, key)
    guard place < ghostCount else { return false }
    ghosts[Int(place)] = 0
    guard state.pointee.mainCount > state.pointee.protectedCount else { return false }
    let age = (state.pointee.clock &- 1 &- place) & (ghostCount - 1)
    let ageOfMain = now &- times[Int(state.pointee.mainCount) - 1]
    return age < UInt32(ageOfMain)
  }

  private var now: UInt16 { UInt16(truncatingIfNeeded: state.pointee.clock) }

  private func forget(for incoming: UInt32) {
    if windowCount == 0
      || state.pointee.mainCount > 0 && windowCount + incoming <= windowTarget
    {
      return forgetOldestOfMain()
    }
    let candidate = keys[Int(state.pointee.count) - 1]
    if state.pointee.mainCount > 0,
      AdaptivePolicy.isPreferred(
        sketch.count(ShadowRace.spread(candidate)),
        over: sketch.count(ShadowRace.spread(keys[Int(state.pointee.mainCount) - 1])))
    {
      forgetOldestOfMain()
      return admitOldestOfWindow()
    }
    state.pointee.count -= 1
    guard windowTarget < capacity else { return }
    ghosts[Int(state.pointee.clock & (ghostCount - 1))] = candidate
    state.pointee.clock &+= 1
  }

  private func forgetOldestOfMain() {
    let place = Int(state.pointee.mainCount) - 1
    let bytes = Int(windowCount) * MemoryLayout<UInt16>.size
    memmove(keys + place, keys + place + 1, bytes)
    memmove(times + place, times + place + 1, bytes)
    state.pointee.count -= 1
    state.pointee.mainCount -= 1
    state.pointee.protectedCount = min(
      state.pointee.protectedCount, state.pointee.mainCount)
  }

  private func admitOldestOfWindow() {
    let last = state.pointee.count - 1
    times[Int(last)] = now
    move(last, to: state.pointee.protectedCount)
    state.pointee.mainCount += 1
  }

  /// One more is protected. What is too much there is the newest in probation.
  @inline(__always)
  private func enteredProtected() {
    state.pointee.protectedCount += 1
    while state.pointee.protectedCount > protectedLimit {
      state.pointee.protectedCount -= 1
      times[Int(state.pointee.protectedCount)] = now
    }
  }

  /// Moves a resident forward, and those between one place back.
  @inline(__always)
  private func move(_ from: UInt32, to place: UInt32) {
    let (from, place) = (Int(from), Int(place))
    let (key, time) = (keys[from], times[from])
    let bytes = (from - place) * MemoryLayout<UInt16>.size
    memmove(keys + place + 1, keys + place, bytes)
    memmove(times + place + 1, times + place, bytes)
    keys[place] = key
    times[place] = time
  }
}
