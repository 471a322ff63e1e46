import CPlatform
@preconcurrency import Glibc
import SeededRandom

/// Threads that die at every step of every operation, with the shard's lock, and what is
/// recovered from them (Sources/CacheCore/Shard/Shard+Recover.swift):
///
///     deaths [SECONDS [SEED [NAME]]]   steps and instructions by chance, for about so long
///     deaths 0 SEED [NAME]             every step of every operation, once
///     deaths 0 SEED NAME UNIT N ...    that one again: UNIT is step or instruction, the
///                                      first N the operation's, others those of recoveries
///
/// NAME is a part of the operations' names. Whoever dies does so alone, with a reader, or
/// with everything scrambled that recovery makes anew (Scramble).

setlinebuf(stdout)
let arguments = CommandLine.arguments
let seconds = arguments.count > 1 ? Double(arguments[1]) ?? 40 : 40
let firstSeed =
  arguments.count > 2 ? UInt64(arguments[2]) ?? 1 : platform_entropy() >> 40
let part = arguments.count > 3 ? arguments[3] : ""

/// What is played just now, said when something is wrong.
nonisolated(unsafe) var place = "at the beginning"
for trap in [SIGILL, SIGSEGV, SIGBUS, SIGABRT] {
  signal(trap) { number in
    platform_schedule(nil)
    print("\(place): signal \(number)")
    _exit(2)
  }
}

let scenes = Scene.all.filter { part.isEmpty || $0.name.contains(part) }
let stage = Stage()
nonisolated(unsafe) var (deaths, recoveries, lost): (Int, Int, UInt64) = (0, 0, 0)
nonisolated(unsafe) var random = Random(seed: firstSeed)
print("\(scenes.count) operations, SEED=\(firstSeed)")

func described(
  _ death: Death, _ unit: Stage.Unit, _ limits: [Int], of length: Int, _ hasReader: Bool,
  _ isScrambled: Bool
) -> String {
  "SEED=\(death.seed), \(death.scene.name): \(unit) \(limits) of \(length)"
    + (hasReader ? ", with a reader" : isScrambled ? ", scrambled" : "")
}

/// One death, and perhaps further ones of those who recover.
func die(_ death: Death, _ limit: Int, _ unit: Stage.Unit, of length: Int) {
  let variant = random.next()
  let (hasReader, isScrambled) = (variant & 1 != 0, variant & 2 != 0)
  place = described(death, unit, [limit], of: length, hasReader, isScrambled)
  let recovery = death.play(
    dyingAfter: limit, unit, thenAfter: [], hasReader: hasReader, isScrambled: isScrambled)
  deaths += 1
  guard recovery > 1 else { return }
  var others = [1 + random.below(recovery)]
  if random.chance(30) { others.append(1 + random.below(recovery)) }
  place = described(death, unit, [limit] + others, of: length, hasReader, isScrambled)
  death.play(
    dyingAfter: limit, unit, thenAfter: others, hasReader: hasReader, isScrambled: isScrambled)
  deaths += 1 + others.count
}

func count(_ death: Death) {
  recoveries += death.recoveries
  lost += death.lost
}

let startNs = clockNs()
func clockNs() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

if seconds == 0, arguments.count > 5 {
  let unit = arguments[4] == "step" ? Stage.Unit.step : .instruction
  let limits = arguments[5...].map { Int($0)! }
  for scene in scenes {
    let death = Death(scene, on: stage, seed: firstSeed)
    let length = death.rehearse(unit)
    for (hasReader, isScrambled) in [(false, false), (true, false), (false, true)] {
      place = described(death, unit, limits, of: length, hasReader, isScrambled)
      print(place)
      death.play(
        dyingAfter: limits[0], unit, thenAfter: Array(limits[1...]), hasReader: hasReader,
        isScrambled: isScrambled)
      deaths += limits.count
    }
    count(death)
  }
} else if seconds == 0 {
  for scene in scenes {
    place = scene.name
    let death = Death(scene, on: stage, seed: firstSeed)
    let length = death.rehearse(.step)
    for limit in 1...length { die(death, limit, .step, of: length) }
    count(death)
    print("\(scene.name): \(length) steps, \(death.recoveries) recoveries, \(death.lost) lost")
  }
} else {
  // In turns, so that each has its share however long it is.
  var round: UInt64 = 0
  while Double(clockNs() - startNs) < seconds * 1e9 {
    for scene in scenes {
      place = scene.name
      let death = Death(scene, on: stage, seed: firstSeed &+ round)
      let length = death.rehearse(.step)
      for _ in 0..<8 { die(death, 1 + random.below(length), .step, of: length) }
      // A trap for each instruction: of what is short, now and then.
      if round % 4 == 3, length < 500 {
        let length = death.rehearse(.instruction)
        for _ in 0..<4 { die(death, 1 + random.below(length), .instruction, of: length) }
      }
      count(death)
      if Double(clockNs() - startNs) >= seconds * 1e9, round > 0 { break }
    }
    round += 1
  }
  print("\(round) rounds")
}
print("\(deaths) deaths, \(recoveries) recoveries, \(lost) entries lost: all is well")
