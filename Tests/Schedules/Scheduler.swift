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
/// unlikely changes. A thread that waits, for a lock or to be woken, becomes the
/// last as well; there is no sleep, only others' turn.
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
  }

  private(set) var random: Random
  private(set) var steps = 0
  private(set) var nowNs: UInt64 = 1_000_000_000
  /// A digest of every choice made.
  private(set) var digest: UInt64 = 0
  private var threads: [Thread] = []
  private var current = 0
  private let home: OpaquePointer
  private let choice: Choice
  private var changes: [Int] = []
  private var lowest = 0
  /// Not yet to be interrupted: before the first turn and after the last.
  private var isPlaying = false
  /// What to do when no thread gets anywhere.
  private let fail: (String) -> Never

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
    for body in bodies { _ = add(body) }
    current = random.below(threads.count)
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
    threads[current].isOver = true
    turn(to: next() ?? -1)
    fatalError("a thread that is over had a turn")
  }

  func step() {
    guard isPlaying else { return }
    steps += 1
    nowNs += 50
    if steps > Scheduler.stepsMax { fail("no progress") }
    switch choice {
    case .random(let oneIn):
      if random.below(oneIn) == 0 { turn(to: anyThread()) }
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
    // Time passes when somebody waits for it: now and then, and then all of it.
    if ns != UInt64.max, ns < 1_000_000 || random.below(4) == 0 { nowNs += ns }
    switch choice {
    case .random: turn(to: anyThread())
    case .priorities:
      demote()
      turn(to: next()!)
    }
  }

  private func demote() {
    lowest -= 1
    threads[current].priority = lowest
  }

  /// The thread of the highest priority; nil if all are over.
  private func next() -> Int? {
    var best: Int?
    for number in threads.indices where !threads[number].isOver {
      if best == nil || threads[number].priority > threads[best!].priority { best = number }
    }
    return best
  }

  private func anyThread() -> Int {
    var number = random.below(threads.count)
    while threads[number].isOver { number = (number + 1) % threads.count }
    return number
  }

  private func turn(to number: Int) {
    digest = (digest ^ UInt64(truncatingIfNeeded: steps * 16 + number)) &* 0x100_0000_01B3
    if number == current { return }
    let from = threads[current].fiber
    current = number
    fiber_switch(from, number < 0 ? home : threads[number].fiber)
  }

  func wait(forEndOf number: Int) {
    while !threads[number].isOver { wait(ns: UInt64.max) }
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
