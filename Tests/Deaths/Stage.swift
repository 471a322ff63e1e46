import CPlatform
import CacheCore
import Fibers
@preconcurrency import Glibc
import SeededRandom

/// Where one thread dies at a step or an instruction, another recovers what it held, and a
/// reader looks on. All of it is one thread: fibers, of which one that is dead is never
/// continued.
final class Stage {
  nonisolated(unsafe) static var current: Stage!

  enum End: Equatable {
    /// After so many steps or instructions.
    case finished(Int)
    case died
  }

  enum Unit { case step, instruction }

  private let home = fiber_of_this_thread()!
  private let reader = fiber_new()!
  private var workers: [OpaquePointer] = []
  private var worker: OpaquePointer
  private var body: () -> Void = {}
  private var unit = Unit.step
  private var limit = Int.max
  private var steps = 0
  private var waits = 0
  private var isPlaying = false
  private(set) var nowNs: UInt64 = 1_000_000_000

  // The reader.
  private var random = Random(seed: 1)
  private var look: (() -> Void)?
  private var oneIn = 1
  private var left = 0
  private var isReading = false
  private var isLast = false
  private var isOver = true
  /// The step at which the reader goes on for a while, and then no more until it is woken.
  private var once: Int?
  private var canReaderLeave = true
  private var areLocksTaken: () -> Bool = { false }

  init() {
    worker = home
    workers = (0..<8).map { _ in fiber_new()! }
    Stage.current = self
    let hooks = UnsafeMutablePointer<platform_scheduler_t>.allocate(capacity: 1)
    hooks.initialize(to: Stage.hooks)
    platform_schedule(hooks)
  }

  // MARK: Working

  /// Runs `body` until it ends or dies after `limit` steps or instructions.
  func run(dyingAfter limit: Int = Int.max, _ unit: Unit = .step, _ body: @escaping () -> Void)
    -> End
  {
    worker = workers.removeFirst()
    workers.append(worker)
    self.body = body
    self.limit = limit
    self.unit = unit
    (steps, waits) = (0, 0)
    var hasFinished = false
    ended = { hasFinished = true }
    fiber_prepare(worker, { _ in Stage.current.begin() }, nil)
    isPlaying = unit == .step
    fiber_switch(home, worker)
    isPlaying = false
    return hasFinished ? .finished(steps) : .died
  }

  private var ended: () -> Void = {}

  private func begin() -> Never {
    if unit == .instruction {
      if fiber_step_begin(home, limit) != 0 { fail("no single steps here") }
      body()
      steps = fiber_step_end()
    } else {
      body()
    }
    ended()
    fiber_leave(home)
  }

  private func step() {
    guard isPlaying else { return }
    if isReading { return readerStep() }
    steps += 1
    nowNs += 50
    if steps == limit { fiber_leave(home) }
    if isOver { return }
    if let once {
      guard steps == once else { return }
      self.once = -1
      read(1 + random.below(40))
    } else if random.below(oneIn) == 0 {
      read(1 + random.below(60))
    }
  }

  /// The one that runs can do nothing at present.
  private func wait() {
    guard isPlaying else { fail("waits where nobody else is") }
    if isReading { return leaveReader() }
    waits += 1
    if isOver || waits > 10_000 { fail("waits for ever") }
    read(100)
  }

  // MARK: Reading

  /// From now on there is a reader who does `look` again and again, now and then; or who
  /// begins shortly before a step and does not go on before `wakeReader`.
  func beginReading(
    seed: UInt64, before step: Int, areLocksTaken: @escaping () -> Bool,
    _ look: @escaping () -> Void
  ) {
    random = Random(seed: seed)
    oneIn = [3, 20, 100][random.below(3)]
    once = random.chance(50) ? max(1, step - random.below(30)) : nil
    self.look = look
    self.areLocksTaken = areLocksTaken
    (isLast, isOver) = (false, false)
    fiber_prepare(reader, { _ in Stage.current.readOn() }, nil)
  }

  func wakeReader() { once = nil }

  /// Lets the reader come to an end.
  func endReading() {
    guard !isOver else { return }
    isLast = true
    isPlaying = true
    worker = home
    for _ in 0..<10_000 where !isOver { read(1000) }
    isPlaying = false
    if !isOver { fail("a reader waits for ever") }
    look = nil
  }

  private func readOn() -> Never {
    while !isLast { look!() }
    isOver = true
    fiber_leave(worker)
  }

  private func read(_ count: Int) {
    left = count
    // One who takes a lock does not stop before it is free again.
    canReaderLeave = quietly(areLocksTaken)
    isReading = true
    fiber_switch(worker, reader)
    isReading = false
  }

  private func readerStep() {
    left -= 1
    if left <= 0, canReaderLeave || !quietly(areLocksTaken) { leaveReader() }
  }

  private func leaveReader() { fiber_switch(reader, worker) }

  func quietly<Result>(_ body: () -> Result) -> Result {
    let wasPlaying = isPlaying
    isPlaying = false
    defer { isPlaying = wasPlaying }
    return body()
  }

  private static let hooks = platform_scheduler_t(
    step: { Stage.current.step() },
    wait: { _ in Stage.current.wait() },
    futex_wait: { _, _, _ in Stage.current.wait() },
    futex_wake: { _, _ in },
    now_ns: { Stage.current.nowNs },
    thread_number: { 1 },
    thread_start: { _, _, _ in 1 },
    thread_join: { _ in })
}

func fail(_ message: String) -> Never {
  platform_schedule(nil)
  print("\(place): \(message)")
  fflush(nil)
  _exit(1)
}
