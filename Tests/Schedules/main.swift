import CPlatform
@preconcurrency import Linearizability

/// Seeded schedules of threads on small caches, checked for everything that can
/// be checked (Scheduler, Scenario, Actor, Play):
///
///     schedules [COUNT [SEED]]     COUNT schedules from SEED on (random)
///     schedules 1 SEED             one again, exactly
///
/// Each hundredth is played twice, to see that it is the same again.

setlinebuf(stdout)
let arguments = CommandLine.arguments
let count = arguments.count > 1 ? Int(arguments[1]) ?? 1000 : 1000
let first =
  arguments.count > 2
  ? UInt64(arguments[2]) ?? 1 : platform_entropy() >> 20
print("\(count) schedules from SEED=\(first)")

/// Said when the engine traps, by whoever receives the signal.
nonisolated(unsafe) var seed = first
for trap in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGALRM] {
  signal(trap) { number in
    platform_schedule(nil)
    print("SEED=\(seed): signal \(number)")
    _exit(2)
  }
}

Scheduler.expectForks()
var steps = 0
for offset in 0..<UInt64(count) {
  seed = first &+ offset
  let result = Play(seed: seed).run()
  steps += result.steps
  if offset % 10_000 == 9_999 { print("\(offset + 1) schedules, \(steps) steps so far") }
  if offset % 100 == 0 || count == 1 {
    let again = Play(seed: seed).run()
    if again != result { Play.fail("not the same when played again", seed: seed, "replay") }
  }
}
print("\(count) schedules, \(steps) steps: all is well")
