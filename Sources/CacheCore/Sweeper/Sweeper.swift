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

  /// Guarded by `lock`. Lies behind the words below, which are atomic.
  struct State {
    /// Counts starts: which run a thread, or who stops it, belongs to.
    var run: UInt32
    var flags: UInt32
    var thread: UInt64
    var intervalMs: UInt64
    var sliceNs: UInt64
    /// When the next scheduled sweep is due.
    var nextRunNs: UInt64
    /// When the thread means to wake; 0: when told.
    var wakeDueNs: UInt64
    var firstTrigger: UnsafeMutablePointer<Trigger>?
    var lastTrigger: UnsafeMutablePointer<Trigger>?
    var report: SweeperReport
  }

  /// A caller who waits for a sweep; on its stack.
  struct Trigger {
    /// 0: waiting, 1: done, 2: the sweeper was stopped instead. First, so that
    /// its address is the trigger's.
    var doneWord: UInt32
    var removed: UInt64
    var next: UnsafeMutablePointer<Trigger>?
  }

  let handle: CacheHandle

  init(_ handle: CacheHandle) { self.handle = handle }

  var state: UnsafeMutablePointer<State> {
    (handle.sweeper + 64).assumingMemoryBound(to: State.self)
  }
  var cache: Cache { Cache(handle) }

  package var lock: Lock { Lock(handle.sweeper.atomic32(0)) }
  /// Incremented by every change the thread should notice; it sleeps on it.
  private var wakeWord: UnsafeMutablePointer<Atomic<UInt32>> { handle.sweeper.atomic32(4) }
  /// Changed under the lock, read without it between slices.
  private var phaseWord: UnsafeMutablePointer<Atomic<UInt32>> { handle.sweeper.atomic32(8) }
  /// The last run whose thread has nothing more to do with the cache.
  private var exitedWord: UnsafeMutablePointer<Atomic<UInt32>> { handle.sweeper.atomic32(12) }
  /// When the present slice began; 0: none. Written without the lock.
  private var sliceStart: UnsafeMutablePointer<Atomic<UInt64>> { handle.sweeper.atomic64(16) }
  /// Whether a trigger waits. Read without the lock.
  private var isTriggered: UnsafeMutablePointer<Atomic<UInt32>> { handle.sweeper.atomic32(24) }

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

  private func startLocked(_ options: Options) -> Outcome {
    if phaseWord.relaxed == Phase.stopping, exitedWord.relaxed == state.pointee.run {
      // It has ended since somebody gave up waiting for that.
      platform_thread_join(state.pointee.thread)
      setPhase(Phase.stopped)
    }
    guard phaseWord.relaxed == Phase.stopped else { return .state }
    state.pointee.flags = options.flags
    state.pointee.intervalMs = min(options.intervalMs, Sweeper.intervalMsMax)
    let sliceUs = options.maxSliceUs == 0 ? Sweeper.defaultSliceUs : options.maxSliceUs
    state.pointee.sliceNs = min(sliceUs, Sweeper.sliceUsMax) * 1000
    let now = platform_now_ns()
    let isAtOnce = options.flags & Sweeper.runAtOnce != 0
    state.pointee.nextRunNs = isAtOnce ? now : plannedRun(after: now)
    state.pointee.run &+= 1
    setPhase(Phase.running)
    let error = platform_thread_start(
      &state.pointee.thread,
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
      state.pointee.intervalMs = min(ms, Sweeper.intervalMsMax)
      state.pointee.nextRunNs = plannedRun(after: platform_now_ns())
      signal()
      return .ok
    }
  }

  /// Waits for a sweep of its own.
  package func trigger(removed: inout UInt64) -> Outcome {
    var trigger = Trigger(doneWord: 0, removed: 0, next: nil)
    return withUnsafeMutablePointer(to: &trigger) { trigger in
      let done = UnsafeMutableRawPointer(trigger).atomic32(0)
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

  /// Something is due before an automatic sweeper means to wake.
  package func wake(by deadline: UInt64) {
    lock.acquire()
    let now = cache.clock.coarse
    let waitMs = max(deadline > now ? deadline - now : 0, Sweeper.automaticPaceMs)
    let runNs = platform_now_ns() + waitMs * 1_000_000
    if phaseWord.relaxed == Phase.running, runNs < state.pointee.nextRunNs {
      state.pointee.nextRunNs = runNs
      cache.region.plannedSweep.relaxed = deadline
      signal()
    }
    lock.release()
  }

  // MARK: The thread

  private func run() {
    lock.acquire()
    while phaseWord.relaxed != Phase.stopping {
      if let trigger = takeTrigger() {
        let (removed, isWhole) = sweep { phaseWord.relaxed != Phase.stopping }
        finish(trigger, removed: removed, isDone: isWhole)
      } else if phaseWord.relaxed == Phase.running,
        platform_now_ns() >= state.pointee.nextRunNs
      {
        _ = sweep { phaseWord.relaxed == Phase.running && isTriggered.relaxed == 0 }
        state.pointee.nextRunNs = plannedRun(after: platform_now_ns())
      } else {
        sleep()
      }
    }
    cache.region.plannedSweep.relaxed = 0
    while let trigger = takeTrigger() { finish(trigger, removed: 0, isDone: false) }
    let run = state.pointee.run
    lock.release()
    exitedWord.pointee.store(run, ordering: .releasing)
    platform_futex_wake(exitedWord, Int32.max)
  }

  /// Waits for the next sweep or the next change, without the lock.
  private func sleep() {
    let seen = wakeWord.relaxed
    let isScheduled = phaseWord.relaxed == Phase.running
    let now = platform_now_ns()
    let next = state.pointee.nextRunNs
    state.pointee.wakeDueNs = isScheduled ? next : 0
    lock.release()
    if !isScheduled {
      platform_futex_wait(wakeWord, seen, UInt64.max)
    } else if next > now {
      platform_futex_wait(wakeWord, seen, next - now)
    }
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

  private func takeTrigger() -> UnsafeMutablePointer<Trigger>? {
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
    _ trigger: UnsafeMutablePointer<Trigger>, removed: UInt64, isDone: Bool
  ) {
    let done = UnsafeMutableRawPointer(trigger).atomic32(0)
    trigger.pointee.removed = removed
    done.pointee.store(isDone ? 1 : 2, ordering: .releasing)
    platform_futex_wake(done, 1)
  }

  // MARK: Pace

  /// An automatic sweeper wakes no oftener than this.
  private static let automaticPaceMs: UInt64 = 5
  private static let automaticMinMs: UInt64 = 10
  private static let automaticMaxMs: UInt64 = 60_000
  /// While no lifetime has been seen.
  private static let automaticUnknownMs: UInt64 = 1_000

  /// The interval in force: the one asked for, or a fifth of the typical
  /// lifetime.
  func intervalMs() -> UInt64 {
    if state.pointee.intervalMs != 0 { return state.pointee.intervalMs }
    var (sum, count): (UInt64, UInt64) = (0, 0)
    cache.forEachShard { shard in
      let typical = shard.lock.withLock { shard.counters.pointee.typicalTtlMs }
      if typical != 0 {
        sum += min(typical, Clock.farthest)
        count += 1
      }
    }
    let tti = cache.region.header.pointee.defaultTtiMs
    var typical = count == 0 ? 0 : sum / count
    if tti != 0 { typical = typical == 0 ? tti : min(typical, tti) }
    if typical == 0 { return Sweeper.automaticUnknownMs }
    return max(Sweeper.automaticMinMs, min(Sweeper.automaticMaxMs, typical / 5))
  }

  /// When to sweep next: after the interval, or, if automatic, when the next
  /// page is due if that is sooner.
  private func plannedRun(after nowNs: UInt64) -> UInt64 {
    var waitMs = intervalMs()
    let isAutomatic = state.pointee.intervalMs == 0
    let now = cache.clock.coarse
    if isAutomatic {
      var due = Clock.never
      cache.forEachShard { shard in
        due = min(due, shard.lock.withLock { shard.wheel.state.pointee.nextDue })
      }
      if due > now, due <= cache.clock.exact {
        waitMs = 1  // its time has come, and the coarse clock will soon know
      } else {
        waitMs = min(waitMs, max(due > now ? due - now : 0, Sweeper.automaticPaceMs))
      }
    }
    cache.region.plannedSweep.relaxed = isAutomatic ? now + waitMs : 0
    return nowNs + waitMs * 1_000_000
  }

  // MARK: Status

  /// A slice or an overdue wake-up of so long is a thread that has hung.
  private static let hungNs: UInt64 = 5_000_000_000

  package func status() -> SweeperStatus {
    let backlog = cache.backlog()
    return lock.withLock {
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
        isHealthy: isThere && !isHung, intervalMs: intervalMs(), report: state.pointee.report,
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
    cache.region.plannedSweep.relaxed = 0
    setPhase(Phase.stopped)
    guard wasThere, state.pointee.flags & Sweeper.restartAfterFork != 0 else { return }
    let options = Options(
      flags: state.pointee.flags, intervalMs: state.pointee.intervalMs,
      maxSliceUs: state.pointee.sliceNs / 1000)
    if start(options) != .ok {
      state.pointee.report.errors += 1
    } else if isPaused {
      _ = pause()
    }
  }
}
