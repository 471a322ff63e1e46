#!/usr/bin/env python3
"""Lets a program in each language share one cache.

    bindings/tools/test_together.py

A process of Python's fills a cache in a file. Then the examples named `shared` are started at the same moment: in C, in
Python, and in every language whose `tools/test.sh` has built its own. Each must print what Python stored, and the value
that one of them, and only one, computed. There is a round for each language, which is started first; and one in which
it computes before the others are started.

It is called like a binding's tests (bindings/README.md), after them; CACHECORE_BUILD is the folder in which they have
theirs. A program that is not there is left out with a message; with CACHECORE_NO_SKIPS that is a failure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.get("CACHECORE_LIBRARY", ROOT / "build/lib/libcachecore.so")).resolve()
INCLUDE = os.environ.get("CACHECORE_INCLUDE", str(ROOT / "include"))
BUILD = Path(os.environ.get("CACHECORE_BUILD", ROOT / "build/bindings")).resolve()

ENVIRONMENT = {
    **os.environ,
    "CACHECORE_LIBRARY": str(LIBRARY),
    "CACHECORE_ADDON": str(BUILD / "node/cachecore.node"),
    "LD_LIBRARY_PATH": str(LIBRARY.parent),
    "PYTHONPATH": str(ROOT / "bindings/python/src"),
}

GREETING = "hello from Python"
FILL = f"""
import sys, cachecore
with cachecore.Cache(max_bytes=16 << 20, shared=sys.argv[1]) as cache:
    cache["greeting"] = {GREETING!r}.encode()
"""

SECONDS = 60  # a program that takes longer hangs


def build_c() -> Path:
    program, compiler = BUILD / "c/shared", os.environ.get("CC", "cc")
    program.parent.mkdir(parents=True, exist_ok=True)
    if shutil.which(compiler) is None:
        return program
    command = [compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Wpedantic"]
    command += ["-Werror", f"-I{INCLUDE}", str(ROOT / "examples/c/shared.c"), "-o", str(program)]
    subprocess.run([*command, f"-L{LIBRARY.parent}", "-lcachecore"], check=True)
    return program


def programs() -> dict[str, list[str]]:
    """The command of each language's program, whether or not it is there."""
    classes = [BUILD / "java/cachecore.jar", BUILD / "java/test-classes"]
    return {
        "c": [str(build_c())],
        "cpp": [str(BUILD / "cpp/shared")],
        "go": [str(BUILD / "go/shared")],
        "java": ["java", "-cp", ":".join(map(str, classes)), "Shared"],
        "node": ["node", str(ROOT / "bindings/node/example/shared.js")],
        "python": [sys.executable, str(ROOT / "examples/python/shared_value.py")],
        "rust": [str(BUILD / "rust/target/debug/examples/shared")],
        "swift": [str(BUILD / "swift/debug/Shared")],
    }


def is_there(language: str, command: list[str]) -> bool:
    built = {"java": BUILD / "java/test-classes/Shared.class", "node": BUILD / "node/cachecore.node"}
    return shutil.which(command[0]) is not None and built.get(language, ROOT).exists()


def play(commands: dict[str, list[str]], first: str | None = None) -> list[str]:
    """One round, in which `first`, if there is one, ends before the others start; what was wrong with it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="cachecore-") as folder:
        path, log = f"{folder}/cache", Path(folder) / "log"
        subprocess.run([sys.executable, "-c", FILL, path], env=ENVIRONMENT, check=True)
        log.touch()
        started: dict[str, subprocess.Popen[str]] = {}
        printed = {}
        try:
            for language, command in commands.items():
                started[language] = subprocess.Popen([*command, path, str(log)], env=ENVIRONMENT, text=True,
                                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                if language == first:
                    started[language].wait(SECONDS)
            for language, process in started.items():
                printed[language] = process.communicate(timeout=SECONDS)[0]
        finally:
            for process in started.values():
                process.kill()
        computed = log.read_text().split()
    order = " ".join(commands) + (", after the first" if first else "")
    print(f"together: {order}: computed by {' '.join(computed) or 'nobody'}", flush=True)
    if len(computed) != 1 or computed[0] not in ([first] if first else commands):
        return [f"computed by {computed}, not by {first or 'one of them'}"]
    expected = f"greeting: {GREETING}\nanswer: computed by {computed[0]}\n"
    return [
        f"{language} ended with {process.returncode} and printed {printed[language]!r}, not {expected!r}"
        for language, process in started.items()
        if (process.returncode, printed[language]) != (0, expected)
    ]


def main() -> int:
    found = programs()
    commands = {language: command for language, command in found.items() if is_there(language, command)}
    wrong = []
    for language in found.keys() - commands.keys():
        print(f"together: {language} is left out: it has not been built")
        if os.environ.get("CACHECORE_NO_SKIPS"):
            wrong.append(f"{language} is missing")
    order = list(commands)
    for at, first in enumerate(order):
        turned = {language: commands[language] for language in order[at:] + order[:at]}
        wrong += play(turned) + play(turned, first)
    for line in wrong:
        print(f"together: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
