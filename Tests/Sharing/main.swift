// What processes do to each other in a shared file (Sources/CacheCore/Sharing), each
// scenario in a process that has one thread, so that it can fork: `sharing NAME`. Without
// a name it lists them. SharingTests runs each.

import Foundation

private let scenarios: [(name: String, run: (String) -> Void)] = [
  ("allAtOnce", FileScenarios.allAtOnce),
  ("killedMakers", FileScenarios.killedMakers),
  ("everyStep", Steps.run),
  ("patienceEnds", FileScenarios.patienceEnds),
  ("sizeLimit", FileScenarios.sizeLimit),
  ("full", FileScenarios.full),
  ("killed", ProcessScenarios.killed),
  ("unawaited", ProcessScenarios.unawaited),
  ("stopped", ProcessScenarios.stopped),
  ("firstThreadEnds", ProcessScenarios.firstThreadEnds),
  ("becomesAnotherProgram", ProcessScenarios.becomesAnotherProgram),
  ("forks", ProcessScenarios.forks),
  ("fullTable", ProcessScenarios.fullTable),
  ("reaperIsKilled", ProcessScenarios.reaperIsKilled),
  ("joinersAreKilled", ProcessScenarios.joinersAreKilled),
  ("overlay", FileScenarios.overlay),
  ("descriptorsAreClosed", ProcessScenarios.descriptorsAreClosed),
  ("withoutProc", ProcessScenarios.withoutProc),
  ("otherNamespace", ProcessScenarios.otherNamespace),
  ("storm", Storm.run),
]

guard CommandLine.arguments.count == 2 else {
  for scenario in scenarios { print(scenario.name) }
  exit(2)
}
guard let scenario = scenarios.first(where: { $0.name == CommandLine.arguments[1] }) else {
  fail("no such scenario")
}
alarm(120)
private let path = "/dev/shm/cachecore-\(scenario.name)-\(getpid())"
scenario.run(path)
unlink(path)
fflush(nil)
// Without a look for leaks: scenarios end with files open, as processes do.
_exit(0)
