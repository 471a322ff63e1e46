import CPlatform
import CacheCore
import Fibers
import SeededRandom

/// Plays several threads by itself: one runs at a time, and at every step of the
/// engine (an access to memory that threads share) a seeded generator says
/// whether another goes on. The same seed is the same schedule, access for
/// access.
///
/// Two ways to choose. *At random*: at each step with some chance, from every
/// other step to one in hundreds. *By priority*: always the first that can, with
/// a few places in the whole run where it becomes the last (Burckhardt, Kothari,
/// Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic
/// Guarantees of Finding Bugs", ASPLOS 2010), which finds what takes few but
/// unlikely changes. A thread that waits becomes the last as well.
///
/// Who sleeps on a futex has no turn until somebody wakes that word or its time is up,
/// so a wake-up that is missed shows: in the end all threads sleep. Time passes with the
/// steps; it goes on to the next one's time when all sleep, and now and then when one
/// begins to. Times of an hour or more never come.
///
/// Interleavings are those of one processor: what weak memory could do beyond
/// them is for ThreadSanitizer and the histories to find.
final class Scheduler {
  /// The one that plays at present.
  nonisolated(unsafe) static var playing: Scheduler!

  /// Where a run that makes no progress is given up.
  private static let stepsMax = 5_000_000

  private enum Choice {
    case random(oneIn: Int)
    case priorities
  }

  private struct Thread {
    let fiber: OpaquePointer
    let body: () -> Void
    var priority: Int
    var isOver = false
    /// The word on which it sleeps.
    var sleepsOn: UnsafeRawPointer?
    var wakesAtNs = UInt64.max
  }

  /// What a sleep is limited to that is not to end by itself.
  static let neverNs: UInt64 = 3_600_000_000_000

  private(set) var random: Random
  private(set) var steps = 0
  private(set) var nowNs: UInt64 = 1_000_000_000
  /// A digest of every choice made.
  private(set) var digest: UInt64 = 0
  private var threads: [Thread] = []
  private var current = 0
  /// The threads that do not belong to the engine.
  private var played = 0..<0
  private let home: OpaquePointer
  private let choice: Choice
  private var changes: [Int] = []
  private var lowest = 0
  /// Not yet to be interrupted: before the first turn and after the last.
  private var isPlaying = false
  /// What to do when no thread gets anywhere.
  private let fail: (String) -> Never
  /// Called when all threads sleep, but for those that the engine started and that only
  /// wait for their time: may wake some. Nobody has a turn meanwhile.
  var onStall: () -> Void = {}
  /// Whether the current thread stops here for ever; asked at every step but that between
  /// what it changed and the wake-up that goes with it.
  var stopsHere: (() -> Bool)?

  init(seed: UInt64, fail: @escaping (String) -> Never) {
    random = Random(seed: seed)
    home = Fibers.home
    self.fail = fail
    if random.chance(50) {
      choice = .random(oneIn: [2, 8, 32, 200][random.below(4)])
    } else {
      choice = .priorities
      let length = [400, 2000, 8000][random.below(3)]
      for _ in 0..<1 + random.below(5) { changes.append(random.below(length)) }
    }
  }

  var threadNumber: Int { current }
  /// A moment of its own: later ones are larger.
  func moment() -> UInt64 {
    steps += 1
    return UInt64(steps)
  }

  // MARK: Playing

  /// Runs all bodies, and the threads that they start, to their ends.
  func play(_ bodies: [() -> Void]) {
    Scheduler.playing = self
    played = threads.count..<threads.count + bodies.count
    for body in bodies { _ = add(body) }
    current = played.lowerBound + random.below(played.count)
    isPlaying = true
    withUnsafePointer(to: Scheduler.hooks) { hooks in
      platform_schedule(hooks)
      fiber_switch(home, threads[current].fiber)
      platform_schedule(nil)
    }
    isPlaying = false
  }

  /// A new thread, which has its first turn when it is chosen.
  func add(_ body: @escaping () -> Void) -> Int {
    let fiber = Fibers.fiber(threads.count)
    threads.append(Thread(fiber: fiber, body: body, priority: random.below(1000)))
    fiber_prepare(fiber, { _ in Scheduler.playing.begin() }, nil)
    return threads.count - 1
  }

  private func begin() -> Never {
    threads[current].body()
    end()
  }

  /// The current thread has no turn any more.
  private func end() -> Never {
    threads[current].isOver = true
    wake(Scheduler.endWord(of: current), count: .max)
    turn(to: next() ?? -1)
    fatalError("a thread that is over had a turn")
  }

  func step() { step(mayStop: true) }

  private func step(mayStop: Bool) {
    guard isPlaying else { return }
    steps += 1
    nowNs += 50
    if steps > Scheduler.stepsMax { fail("no progress") }
    if mayStop, let stopsHere, stopsHere() { end() }
    switch choice {
    case .random(let oneIn):
      if random.below(oneIn) == 0 { turn(to: next()!) }
    case .priorities:
      if changes.contains(steps) { demote() }
      turn(to: next()!)
    }
  }

  /// The current thread can do nothing at present.
  func wait(ns: UInt64) {
    guard isPlaying else { return }
    steps += 1
    if steps > Scheduler.stepsMax { fail("all threads wait") }
    passTime(ns)
    if case .priorities = choice { demote() }
    turn(to: next()!)
  }

  /// Time passes when somebody waits for it: now and then, and then all of it.
  private func passTime(_ ns: UInt64) {
    if ns < Scheduler.neverNs, ns < 1_000_000 || random.below(4) == 0 { nowNs += ns }
  }

  // MARK: Sleeping

  func futexWait(_ word: UnsafeRawPointer, _ expected: UInt32, ns: UInt64) {
    guard isPlaying else { return }
    step()
    if word.load(as: UInt32.self) == expected { sleep(on: word, ns: ns) }
  }

  private func sleep(on word: UnsafeRawPointer, ns: UInt64) {
    threads[current].sleepsOn = word
    threads[current].wakesAtNs = ns < Scheduler.neverNs ? nowNs + ns : UInt64.max
    passTime(ns)
    if case .priorities = choice { demote() }
    if ns < Scheduler.neverNs, !played.contains(current), played.allSatisfy(isStuck) {
      quietly(onStall)
    }
    turn(to: next()!)
    threads[current].sleepsOn = nil
  }

  private func isStuck(_ number: Int) -> Bool {
    let thread = threads[number]
    return thread.isOver || (thread.sleepsOn != nil && thread.wakesAtNs == UInt64.max)
  }

  func futexWake(_ word: UnsafeRawPointer, count: Int) {
    step(mayStop: false)
    wake(word, count: count)
  }

  private func wake(_ word: UnsafeRawPointer, count: Int) {
    var left = count
    for number in threads.indices where left > 0 {
      guard !threads[number].isOver, threads[number].sleepsOn == word else { continue }
      threads[number].sleepsOn = nil
      left -= 1
    }
  }

  /// What a thread sleeps on that nobody has woken.
  func sleepsOn(_ number: Int) -> UnsafeRawPointer? {
    threads[number].isOver ? nil : threads[number].sleepsOn
  }

  /// Looks at something; nobody has a turn meanwhile.
  func quietly<Result>(_ body: () -> Result) -> Result {
    let wasPlaying = isPlaying
    isPlaying = false
    defer { isPlaying = wasPlaying }
    return body()
  }

  // MARK: Who goes on

  private func demote() {
    lowest -= 1
    threads[current].priority = lowest
  }

  /// The thread that has the next turn; nil if all are over.
  private func next() -> Int? {
    if let ready = nextReady() { return ready }
    if threads.allSatisfy(\.isOver) { return nil }
    let earliest = threads.lazy.filter { !$0.isOver }.map(\.wakesAtNs).min()!
    if earliest != UInt64.max {
      nowNs = max(nowNs, earliest)
    } else {
      quietly(onStall)
    }
    guard let ready = nextReady() else { fail("all threads sleep: a wake-up was missed") }
    return ready
  }

  /// The one of the highest priority of those that do not sleep, or any of them.
  private func nextReady() -> Int? {
    var best: Int?
    if case .random = choice {
      var number = random.below(threads.count)
      for _ in threads.indices {
        if isReady(number) { return number }
        number = (number + 1) % threads.count
      }
    } else {
      for number in threads.indices where isReady(number) {
        if best == nil || threads[number].priority > threads[best!].priority { best = number }
      }
    }
    return best
  }

  private func isReady(_ number: Int) -> Bool {
    if threads[number].isOver { return false }
    return threads[number].sleepsOn == nil || threads[number].wakesAtNs <= nowNs
  }

  private func turn(to number: Int) {
    digest = (digest ^ UInt64(truncatingIfNeeded: steps * 16 + number)) &* 0x100_0000_01B3
    if number == current { return }
    let from = threads[current].fiber
    current = number
    fiber_switch(from, number < 0 ? home : threads[number].fiber)
  }

  func wait(forEndOf number: Int) {
    while !threads[number].isOver { sleep(on: Scheduler.endWord(of: number), ns: UInt64.max) }
  }

  /// What those sleep on who wait for a thread's end: an address that nobody has.
  private static func endWord(of number: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: 1 + number)!
  }

  // MARK: fork

  /// In the child of a fork there is the thread that forked, and nobody else: said
  /// before the engine's own handlers run there, by being installed before them.
  static func expectForks() {
    _ = platform_at_fork(
      {}, {},
      {
        guard let playing = Scheduler.playing else { return }
        for number in playing.threads.indices where number != playing.current {
          playing.threads[number].isOver = true
        }
      })
  }

  // MARK: What the engine asks

  private static let hooks = platform_scheduler_t(
    step: { Scheduler.playing.step() },
    wait: { Scheduler.playing.wait(ns: $0) },
    futex_wait: { Scheduler.playing.futexWait($0!, $1, ns: $2) },
    futex_wake: { Scheduler.playing.futexWake($0!, count: Int($1)) },
    now_ns: { Scheduler.playing.nowNs },
    thread_number: { UInt32(Scheduler.playing.current + 1) },
    thread_start: { number, main, context in
      nonisolated(unsafe) let context = context
      number!.pointee = UInt64(Scheduler.playing.add { _ = main!(context) })
      return 0
    },
    thread_join: { Scheduler.playing.wait(forEndOf: Int($0)) })
}

/// Stacks, which are used again by every schedule.
enum Fibers {
  nonisolated(unsafe) static let home: OpaquePointer = fiber_of_this_thread()!
  nonisolated(unsafe) private static var pool: [OpaquePointer] = []

  static func fiber(_ number: Int) -> OpaquePointer {
    while pool.count <= number { pool.append(fiber_new()!) }
    return pool[number]
  }
}
