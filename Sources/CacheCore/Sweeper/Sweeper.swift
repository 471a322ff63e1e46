import CPlatform
import Synchronization

/// The thread that removes expired entries, and its controls.
///
/// Everything is decided under one small lock: what the thread should do (the
/// phase, the time of the next sweep, triggers that wait), and what it has done.
/// It sleeps on a word that every change increments, so it notices stop,
/// trigger, pause and a new interval at once, however long it meant to sleep;
/// and it looks at the phase between slices of a sweep.
///
/// **Pace**: a sweep begins no sooner than one interval after the last one ended,
/// triggers apart. The interval in force is in the state, and what `status` tells.
/// Without one asked for it is chosen after each sweep from the lifetimes stored; a
/// write has it chosen anew before that if it seems to be too long.
///
/// **Sharing**: of the processes that have a cache in common each may have a sweeper, and
/// one of them leads (Sweeper+Leader.swift): it sweeps by its schedule. The others stand
/// by, and look every second whether it still lives.
///
/// A view of the state in the cache's handle: a thread belongs to a process,
/// not to the region.
package struct Sweeper {
  package enum Phase {
    package static let stopped: UInt32 = 0
    package static let running: UInt32 = 1
    package static let paused: UInt32 = 2
    /// Told to end, and not yet ended.
    package static let stopping: UInt32 = 3
  }

  package static let runAtOnce: UInt32 = 1 << 0
  package static let restartAfterFork: UInt32 = 1 << 1
  package static let knownFlags = runAtOnce | restartAfterFork

  package struct Options {
    package var flags: UInt32 = 0
    package var intervalMs: UInt64 = 0
    package var maxSliceUs: UInt64 = 0
    package init(flags: UInt32 = 0, intervalMs: UInt64 = 0, maxSliceUs: UInt64 = 0) {
      self.flags = flags
      self.intervalMs = intervalMs
      self.maxSliceUs = maxSliceUs
    }
  }

  let handle: CacheHandle

  init(_ handle: CacheHandle) { self.handle = handle }

  var state: UnsafeMutablePointer<SweeperState> { Workspace.sweeper(in: handle.workspace) }
  var cache: Cache { Cache(handle) }

  private var words: UnsafeMutablePointer<SweeperWords> { handle.sweeperWords }
  package var lock: Lock { Lock(words.pointee.lock.word) }
  private var wakeWord: UnsafeMutablePointer<Atomic<UInt32>> { words.pointee.wake.word }
  var phaseWord: UnsafeMutablePointer<Atomic<UInt32>> { words.pointee.phase.word }
  private var exitedWord: UnsafeMutablePointer<Atomic<UInt32>> { words.pointee.exited.word }
  private var sliceStart: UnsafeMutablePointer<Atomic<UInt64>> { words.pointee.sliceStartNs.word }
  private var isTriggered: UnsafeMutablePointer<Atomic<UInt32>> { words.pointee.isTriggered.word }
  private var isHastened: UnsafeMutablePointer<Atomic<UInt32>> { words.pointee.isHastened.word }

  private func setPhase(_ phase: UInt32) {
    phaseWord.pointee.store(phase, ordering: .releasing)
  }

  /// Has the thread look at the state again. Under the lock.
  private func signal() {
    wakeWord.pointee.wrappingAdd(1, ordering: .releasing)
    platform_futex_wake(wakeWord, 1)
  }

  // MARK: Controls

  package func start(_ options: Options) -> Outcome {
    guard options.flags & ~Sweeper.knownFlags == 0 else { return .argument }
    return lock.withLock { startLocked(options) }
  }

  private static let defaultSliceUs: UInt64 = 200
  /// Longest interval and slice: what fits the arithmetic in nanoseconds.
  private static let intervalMsMax: UInt64 = 1 << 40
  private static let sliceUsMax: UInt64 = 1 << 40
  /// It needs a few KB, and the program's thread-local variables.
  private static let stackSize = 256 << 10

  private func startLocked(_ options: Options) -> Outcome {
    if phaseWord.relaxed == Phase.stopping, exitedWord.relaxed == state.pointee.run {
      // It has ended since somebody gave up waiting for that.
      platform_thread_join(state.pointee.thread)
      setPhase(Phase.stopped)
    }
    guard phaseWord.relaxed == Phase.stopped else { return .state }
    state.pointee.flags = options.flags
    state.pointee.askedMs = min(options.intervalMs, Sweeper.intervalMsMax)
    let sliceUs = options.maxSliceUs == 0 ? Sweeper.defaultSliceUs : options.maxSliceUs
    state.pointee.sliceNs = min(sliceUs, Sweeper.sliceUsMax) * 1000
    let now = platform_now_ns()
    beginInterval(at: now)
    if options.flags & Sweeper.runAtOnce != 0 { state.pointee.nextRunNs = now }
    state.pointee.run &+= 1
    setPhase(Phase.running)
    let error = platform_thread_start(
      &state.pointee.thread, Sweeper.stackSize,
      { context in
        Sweeper(CacheHandle(context!)).run()
        return nil
      }, handle.base)
    if error != 0 {
      exitedWord.relaxed = state.pointee.run
      setPhase(Phase.stopped)
      return .noMemory
    }
    return .ok
  }

  package func stop(timeoutMs: UInt32) -> Outcome {
    lock.acquire()
    if phaseWord.relaxed == Phase.stopped {
      lock.release()
      return .state
    }
    let run = state.pointee.run
    setPhase(Phase.stopping)
    signal()
    lock.release()
    let limit = timeoutMs == 0 ? UInt64.max : UInt64(timeoutMs) * 1_000_000
    let start = platform_now_ns()
    while true {
      // A later run may have begun, or ended, by the time this thread wakes.
      let exited = exitedWord.pointee.load(ordering: .acquiring)
      if Int32(bitPattern: exited &- run) >= 0 { break }
      let passed = platform_now_ns() - start
      if passed >= limit { return .timeout }
      platform_futex_wait(exitedWord, exited, limit == UInt64.max ? limit : limit - passed)
    }
    // Of several who stop it, one joins it.
    lock.acquire()
    let isMine = phaseWord.relaxed == Phase.stopping && state.pointee.run == run
    if isMine {
      platform_thread_join(state.pointee.thread)
      setPhase(Phase.stopped)
    }
    lock.release()
    return .ok
  }

  /// For `close`.
  package func shutDown() { _ = stop(timeoutMs: 0) }

  package func pause() -> Outcome {
    lock.withLock {
      guard phaseWord.relaxed == Phase.running else { return .state }
      setPhase(Phase.paused)
      signal()
      return .ok
    }
  }

  package func resume() -> Outcome {
    lock.withLock {
      guard phaseWord.relaxed == Phase.paused else { return .state }
      setPhase(Phase.running)
      signal()
      return .ok
    }
  }

  package func setInterval(ms: UInt64) -> Outcome {
    lock.withLock {
      let phase = phaseWord.relaxed
      guard phase == Phase.running || phase == Phase.paused else { return .state }
      state.pointee.askedMs = min(ms, Sweeper.intervalMsMax)
      beginInterval(at: platform_now_ns())
      signal()
      return .ok
    }
  }

  /// Waits for a sweep of its own.
  package func trigger(removed: inout UInt64) -> Outcome {
    var trigger = SweepTrigger()
    return withUnsafeMutablePointer(to: &trigger) { trigger in
      let done = trigger.pointee.done.word
      lock.acquire()
      let phase = phaseWord.relaxed
      guard phase == Phase.running || phase == Phase.paused else {
        lock.release()
        return .state
      }
      if let last = state.pointee.lastTrigger {
        last.pointee.next = trigger
      } else {
        state.pointee.firstTrigger = trigger
      }
      state.pointee.lastTrigger = trigger
      isTriggered.relaxed = 1
      signal()
      lock.release()
      while true {
        let state = done.pointee.load(ordering: .acquiring)
        if state == 1 {
          removed = trigger.pointee.removed
          return .ok
        }
        if state == 2 { return .state }
        platform_futex_wait(done, 0, UInt64.max)
      }
    }
  }

  // MARK: The thread

  private func run() {
    platform_thread_name("cachecore-sweep")
    lock.acquire()
    while phaseWord.relaxed != Phase.stopping {
      shortenInterval()
      if let trigger = takeTrigger() {
        let (removed, isWhole) = sweep { phaseWord.relaxed != Phase.stopping }
        finish(trigger, removed: removed, isDone: isWhole)
      } else if standsBy() {
        sleep(atMost: Sweeper.standByNs, isScheduled: false)
      } else if phaseWord.relaxed == Phase.running,
        platform_now_ns() >= state.pointee.nextRunNs
      {
        _ = sweep { phaseWord.relaxed == Phase.running && isTriggered.relaxed == 0 }
        beginInterval(at: platform_now_ns())
      } else {
        sleep(
          atMost: cache.region.isShared ? Sweeper.standByNs : UInt64.max,
          isScheduled: phaseWord.relaxed == Phase.running)
      }
    }
    resign()
    cache.region.hastenBefore.relaxed = 0
    while let trigger = takeTrigger() { finish(trigger, removed: 0, isDone: false) }
    let run = state.pointee.run
    lock.release()
    exitedWord.pointee.store(run, ordering: .releasing)
    platform_futex_wake(exitedWord, Int32.max)
  }

  /// Waits for the next sweep, or so long, or the next change, without the lock.
  private func sleep(atMost limitNs: UInt64, isScheduled: Bool) {
    let seen = wakeWord.pointee.load(ordering: .acquiring)
    if isHastened.relaxed != 0 { return }
    let now = platform_now_ns()
    let next = max(now, state.pointee.nextRunNs)
    let wait = isScheduled ? min(limitNs, next - now) : limitNs
    state.pointee.wakeDueNs = isScheduled ? now + wait : 0
    lock.release()
    if wait > 0 { platform_futex_wait(wakeWord, seen, wait) }
    lock.acquire()
    state.pointee.wakeDueNs = 0
  }

  /// A full sweep, unless told to end early: what was removed, and whether it
  /// was full. Entered and left with the lock held, which is free meanwhile.
  private func sweep(mayGoOn: () -> Bool) -> (removed: UInt64, isWhole: Bool) {
    let start = platform_now_ns()
    var pace = Cache.Pace(sliceNs: state.pointee.sliceNs)
    lock.release()
    let (removed, isTrimmed) = cache.removeExpired(limit: UInt64.max, pace: &pace) {
      // Asked between slices: the health of this thread is told from it.
      sliceStart.relaxed = platform_now_ns()
      return mayGoOn()
    }
    sliceStart.relaxed = 0
    let isWhole = mayGoOn()
    lock.acquire()
    let end = platform_now_ns()
    state.pointee.report.add(
      removed: removed, durationNs: end - start, pace: pace,
      hasFailed: !isTrimmed, endNs: end)
    return (removed, isWhole)
  }

  // MARK: Triggers

  private func takeTrigger() -> UnsafeMutablePointer<SweepTrigger>? {
    guard let trigger = state.pointee.firstTrigger else { return nil }
    state.pointee.firstTrigger = trigger.pointee.next
    if trigger.pointee.next == nil {
      state.pointee.lastTrigger = nil
      isTriggered.relaxed = 0
    }
    return trigger
  }

  /// Lets the caller go. Its stack may be gone right after the store; waking an
  /// address where nobody sleeps is harmless.
  private func finish(
    _ trigger: UnsafeMutablePointer<SweepTrigger>, removed: UInt64, isDone: Bool
  ) {
    let done = trigger.pointee.done.word
    trigger.pointee.removed = removed
    done.pointee.store(isDone ? 1 : 2, ordering: .releasing)
    platform_futex_wake(done, 1)
  }

  // MARK: Pace

  /// An automatic sweeper's intervals in a lifetime: an entry is removed by about a
  /// fifth of its lifetime after its end.
  private static let intervalsPerLifetime: UInt64 = 5

  /// The interval asked for, or a fifth of the average lifetime; while none has been
  /// seen, of the longest that makes a difference.
  private func chosenIntervalMs() -> UInt64 {
    if state.pointee.askedMs != 0 { return state.pointee.askedMs }
    var (sum, count): (UInt64, UInt64) = (0, 0)
    cache.forEachShard { shard in
      let lifetime = shard.withLock { shard.averageLifetimeMs } ?? 0
      sum += lifetime
      if lifetime != 0 { count += 1 }
    }
    var lifetime = count == 0 ? Shard.longLifetimeMs : sum / count
    let tti = cache.region.header.pointee.defaultTtiMs
    if tti != 0 { lifetime = max(Shard.shortLifetimeMs, min(lifetime, tti)) }
    return lifetime / Sweeper.intervalsPerLifetime
  }

  /// Has the next sweep come one interval from now.
  private func beginInterval(at nowNs: UInt64) {
    state.pointee.intervalStartNs = nowNs
    setInterval(inForce: chosenIntervalMs())
    let lifetime = state.pointee.intervalMs * Sweeper.intervalsPerLifetime
    let isShortest = state.pointee.askedMs != 0 || lifetime <= Shard.shortLifetimeMs
    cache.region.hastenBefore.relaxed = isShortest ? 0 : cache.clock.coarse + lifetime
  }

  private func setInterval(inForce ms: UInt64) {
    state.pointee.intervalMs = ms
    state.pointee.nextRunNs = state.pointee.intervalStartNs + ms * 1_000_000
  }

  /// If a deadline was stored for which the interval may be too long, chooses it
  /// anew. Under the lock, by the thread or whoever asks for the status before it.
  private func shortenInterval() {
    guard isHastened.relaxed != 0 else { return }
    isHastened.relaxed = 0
    guard phaseWord.relaxed == Phase.running, state.pointee.askedMs == 0 else { return }
    let chosen = chosenIntervalMs()
    guard chosen < state.pointee.intervalMs else { return }
    let due = state.pointee.nextRunNs
    setInterval(inForce: chosen)
    state.pointee.nextRunNs = min(due, state.pointee.nextRunNs)
  }

  // MARK: Status

  /// A slice or an overdue wake-up of so long is a thread that has hung.
  private static let hungNs: UInt64 = 5_000_000_000

  package func status() -> SweeperStatus {
    let backlog = cache.backlog()
    return lock.withLock {
      shortenInterval()
      let now = platform_now_ns()
      let phase = phaseWord.relaxed
      let sliceStart = sliceStart.relaxed
      let wakeDue = state.pointee.wakeDueNs
      let isHung =
        (sliceStart != 0 && now > sliceStart + Sweeper.hungNs)
        || (wakeDue != 0 && now > wakeDue + Sweeper.hungNs)
      let isThere = phase != Phase.stopped && exitedWord.relaxed != state.pointee.run
      return SweeperStatus(
        phase: isThere ? (phase == Phase.paused ? Phase.paused : Phase.running) : Phase.stopped,
        isHealthy: isThere && !isHung, leads: isThere && leads,
        intervalMs: isThere ? state.pointee.intervalMs : chosenIntervalMs(),
        report: state.pointee.report,
        lastRunAgeMs: state.pointee.report.lastEndNs == 0
          ? -1 : Int64((now - state.pointee.report.lastEndNs) / 1_000_000),
        backlog: backlog)
    }
  }

  // MARK: fork

  /// In the child there is no thread; starts one if that was asked for.
  package func adoptAfterFork() {
    let wasThere = phaseWord.relaxed == Phase.running || phaseWord.relaxed == Phase.paused
    let isPaused = phaseWord.relaxed == Phase.paused
    state.pointee.firstTrigger = nil
    state.pointee.lastTrigger = nil
    isTriggered.relaxed = 0
    state.pointee.wakeDueNs = 0
    sliceStart.relaxed = 0
    cache.region.hastenBefore.relaxed = 0
    setPhase(Phase.stopped)
    guard wasThere, state.pointee.flags & Sweeper.restartAfterFork != 0 else { return }
    let options = Options(
      flags: state.pointee.flags, intervalMs: state.pointee.askedMs,
      maxSliceUs: state.pointee.sliceNs / 1000)
    if start(options) != .ok {
      state.pointee.report.errors += 1
    } else if isPaused {
      _ = pause()
    }
  }
}

extension Cache {
  package var sweeper: Sweeper { Sweeper(handle) }
}
