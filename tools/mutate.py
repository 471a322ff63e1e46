#!/usr/bin/env python3
"""Mutation testing of the engine's core: would the tests notice?

    tools/mutate.py [--minutes 30] [--count N] [--seed N] [--files REGEX]

Makes one small mistake at a time in a scratch copy of the tree (build/mutation):
flips a comparison, a condition or a choice, drops a statement, is off by one.
Then builds and runs the engine's own tests, and what they let pass against the C
tests. A mutant is killed when a test fails, the process dies, or the time limit
passes; what does not compile does not count. Which mistakes are tried is drawn by
the seed. The report, build/mutation/report.txt, lists the survivors.
"""

import argparse
import os
import random
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build/mutation"
TREE = SCRATCH / "tree"
CORE = r"Sources/CacheCore/(Shard|Memory|Index|Time|Policy)/.*\.swift"
# Asked by tests and by `attach` alone; a mistake there is not one of the cache.
NOT_CORE = r"\+Invariants\.swift$|/CorruptRegion\.swift$"

SECONDS_MAX = 240  # the tests take a tenth of that
BUILD_SECONDS_MAX = 600
C_TESTS = "model|bounds|read|write|stats|scan|batch|lease|removals|scenarios|attack"

SWIFT_BUILD = ["swift", "build", "--build-tests", "--scratch-path", "build/swift-tests", "-j", "1"]
SWIFT_TEST = ["swift", "test", "--disable-xctest", "--skip-build", "--scratch-path", "build/swift-tests"]
C_BUILD = ["cmake", "--build", "build", "-j", "1"]
C_TEST = ["ctest", "--test-dir", "build", "--stop-on-failure", "-R", f"^({C_TESTS})_test$"]

# What is looked for in a line of code, and what is put there.
SWAPS = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ 1\b", " + 0"), (r" - 1\b", " - 0"), (r" \+= 1\b", " += 2"), (r" -= 1\b", " -= 2"),
    (r" &\+ ", " &- "), (r" \+= (?!1\b)", " -= "), (r" -= (?!1\b)", " += "),
    (r"\bmin\(", "max("), (r"\bmax\(", "min("),
    (r"\breturn true\b", "return false"), (r"\breturn false\b", "return true"),
    (r"(?<=[ (])!(?=[a-z])", ""),
]  # fmt: skip
STATEMENT = re.compile(r"^\s+(_ = )?[\w.\[\]()]+(\(.*\)| [-+&|]*= .+)$")
# Advice to the processor and to the compiler changes nothing that a test could see.
UNSEEN = re.compile(r"prefetch|@inline|precondition|^\s*(///|//|import |package let |private static)")
# A line that is part of a larger statement cannot be dropped.
OPEN_END = re.compile(r"([,({\[?:=+\-*&|<]|\b(in|return|where|guard|if|let))$")


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        after = self.after.strip() or "(dropped)"
        return f"{self.file}:{self.line}\n    - {self.before.strip()}\n    + {after}"


def mutants_of(name: str) -> list[Mutant]:
    found: list[Mutant] = []
    previous, is_checking = "", False
    for number, line in enumerate((ROOT / name).read_text().split("\n"), 1):
        if "func checkInvariants" in line:
            is_checking = True  # they come last in a file
        if not line.strip() or is_checking or UNSEEN.search(line):
            previous = ""
            continue
        for pattern, replacement in SWAPS:
            for match in re.finditer(pattern, line):
                after = line[: match.start()] + replacement + line[match.end() :]
                found.append(Mutant(name, number, line, after))
        is_whole = line.count("(") == line.count(")") and not OPEN_END.search(previous.rstrip())
        if STATEMENT.match(line) and is_whole and not OPEN_END.search(line.rstrip()):
            found.append(Mutant(name, number, line, ""))
        previous = line
    return found


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, text=True, capture_output=True).stdout
    return [name for name in listing.splitlines() if (ROOT / name).is_file()]


def run(command: list[str], seconds: float) -> tuple[bool, str]:
    """Whether it went well, and how it ended. Ends at the first failure it prints."""
    process = subprocess.Popen(
        command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    os.set_blocking(process.stdout.fileno(), False)
    end, tail, verdict = time.monotonic() + seconds, b"", ""
    while not verdict:
        if not selector.select(timeout=max(0.0, end - time.monotonic())):
            verdict = "too slow"
            break
        chunk = process.stdout.read()
        if not chunk:
            break
        tail = (tail + chunk)[-4000:]
        if "\u2718".encode() in tail:  # Swift Testing's mark of a failure
            verdict = "test failed"
    if verdict:
        kill_session(process.pid)
        process.wait()
        return False, verdict
    return process.wait() == 0, "test failed" if b"FAIL" in tail.upper() else "died"


def kill_session(leader: int) -> None:
    """Ends a command and whatever it started, which may be in groups of its own."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone meanwhile
        if int(fields[3]) == leader:
            os.kill(int(entry.parent.name), signal.SIGKILL)


def prepare() -> None:
    for name in tracked():
        (TREE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, TREE / name)
    # Faults that end a process need no report of where.
    os.environ["SWIFT_BACKTRACE"] = "enable=no"
    subprocess.run(["cmake", "-S", ".", "-B", "build", "-G", "Ninja"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    for command, limit in ((SWIFT_BUILD, BUILD_SECONDS_MAX), (SWIFT_TEST, SECONDS_MAX)) + (
        (C_BUILD, BUILD_SECONDS_MAX), (C_TEST, SECONDS_MAX)
    ):  # fmt: skip
        is_well, how = run(command, limit)
        if not is_well:
            sys.exit(f"mutate: {' '.join(command)}: {how} without any mutant")


def verdict_on(mutant: Mutant) -> str:
    path = TREE / mutant.file
    text = path.read_text()
    lines = text.split("\n")
    lines[mutant.line - 1] = mutant.after
    path.write_text("\n".join(lines))
    try:
        if not run(SWIFT_BUILD, BUILD_SECONDS_MAX)[0]:
            return "does not compile"
        is_well, how = run(SWIFT_TEST, SECONDS_MAX)
        if not is_well:
            return f"killed ({how})"
        if not run(C_BUILD, BUILD_SECONDS_MAX)[0]:
            return "does not compile"
        is_well, how = run(C_TEST, SECONDS_MAX)
        return "survived" if is_well else f"killed in C ({how})"
    finally:
        path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--count", type=int, default=sys.maxsize, help="stop after so many mutants")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--files", default=CORE, help="which files, a regular expression")
    options = parser.parse_args()

    os.environ["PATH"] += ":/opt/swift/usr/bin"
    chosen = [name for name in tracked() if re.search(options.files, name) and not re.search(NOT_CORE, name)]
    mutants = [mutant for name in chosen for mutant in mutants_of(name)]
    random.Random(options.seed).shuffle(mutants)
    print(f"seed {options.seed}: {len(mutants)} mutants in {len(chosen)} files", flush=True)
    prepare()

    end = time.monotonic() + 60 * options.minutes
    survivors: list[Mutant] = []
    tried = killed = 0
    report = SCRATCH / "report.txt"
    for mutant in mutants[: options.count]:
        if time.monotonic() > end:
            break
        verdict = verdict_on(mutant)
        print(f"{verdict}: {mutant}", flush=True)
        if verdict == "does not compile":
            continue
        tried += 1
        killed += verdict.startswith("killed")
        if verdict == "survived":
            survivors.append(mutant)
        share = f"{killed} of {tried} mutants killed ({100 * killed / tried:.1f} %), seed {options.seed}"
        report.write_text("\n".join([share, "", "survivors:"] + [str(mutant) for mutant in survivors]) + "\n")
    print(report.read_text() if tried else "nothing tried")
    return 0


if __name__ == "__main__":
    sys.exit(main())
