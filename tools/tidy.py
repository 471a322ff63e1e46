#!/usr/bin/env python3
"""Style as a test: what no formatter looks at.

    tools/tidy.py

Files stay short, lines stay within their width, nothing trails, and the rooms
of the repository mention only what lies below them.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH_MAX = {".c": 80, ".h": 80, ".swift": 100, ".py": 120, ".sh": 100, ".cmake": 80}
LINES_MAX = {"tests": 800, "": 500}
LINES_EXEMPT = {"include/cachecore.h"}  # the book; it is meant to be read through

# Where these appear, the words on the right must not.
FORBIDDEN = [
    (r"^Sources/CacheCore/", r"^import (Foundation|Dispatch|Glibc|CCacheCore)\b"),
    # Places in memory are declared in Layout/, and shared words reached through `.word` (Atomics/Words.swift).
    (r"^Sources/CacheCore/(?!Layout/)", r"(from|to)ByteOffset:|\b(base|block|control|memory|\w+Base)\)? \+ \d"),
    (r"^Sources/CacheCore/(?!Layout/|Atomics/)", r"assumingMemoryBound\(to: (Atomic|UInt)\b"),
    (r"^Sources/CacheCore/", r"pointee\.\w+\.(load|store|exchange|compareExchange|weak\w+|wrapping\w+|bitwise\w+)\("),
    (r"^Sources/CacheCoreABI/", r"^import (Foundation|Dispatch|Glibc)\b"),
    (r"^Sources/CPlatform/", r"cachecore_\w+\("),
    (r"^(Tests/C|examples)/", r"#include .*(Sources|CPlatform)"),
    (r"^(bindings|examples)/", r"\bSources/"),
]


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, text=True, capture_output=True,
    ).stdout
    return [name for name in listing.splitlines() if (ROOT / name).is_file()]


def problems(name: str) -> list[str]:
    path = ROOT / name
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return []  # data
    lines, found = text.split("\n"), []
    width = WIDTH_MAX.get(path.suffix)
    rules = [words for place, words in FORBIDDEN if re.search(place, name)]
    if text and not text.endswith("\n"):
        found.append(f"{name}: no newline at the end")
    is_test = any(part.lower() == "tests" for part in name.split("/"))
    length = LINES_MAX["tests" if is_test else ""]
    if width and len(lines) > length + 1 and name not in LINES_EXEMPT:
        found.append(f"{name}: {len(lines) - 1} lines, {length} are allowed")
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if width and len(line) > width:
            found.append(f"{where}: {len(line)} columns, {width} are allowed")
        if width and line != line.rstrip():
            found.append(f"{where}: trailing space")
        if width and "\t" in line:
            found.append(f"{where}: tab")
        found += [f"{where}: {line.strip()} does not belong here" for words in rules if re.search(words, line)]
    return found


def main() -> int:
    found = [problem for name in tracked() for problem in problems(name)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
