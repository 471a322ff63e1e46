#!/usr/bin/env python3
"""Says which of a tool's reports concern us, and fails if one does.

    tools/own_reports.py DIRECTORY [--planted OBJECT...]

DIRECTORY holds what AddressSanitizer, LeakSanitizer, ThreadSanitizer or valgrind
wrote, a file for each process.  The tools are told to suppress nothing.  A report
is ours if one of its stacks, of an access, an allocation or a thread's start, has
a frame in our library or compiled path; the others are CPython's, of programs that
tests start, and are counted.  A memory error stops its process and is ours always.

With --planted it is the other way round: each OBJECT must be in some report.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

OURS = ("libcachecore.so", "_fast.abi3.so")
FRAME = re.compile(r"^ +(?:#\d+ |(?:at|by) 0x).*", re.M)
FATAL = re.compile(r"ERROR: AddressSanitizer|(?:FATAL|CHECK failed): \w+Sanitizer|DEADLYSIGNAL")


def reports(text: str) -> list[str]:
    """The parts of a log that have a stack: TSan's between bars, the others' paragraphs."""
    if FATAL.search(text):
        return [text]
    text = re.sub(r"^==\d+== ?", "", text, flags=re.M)
    bar = r"^={10,}$" if "ThreadSanitizer" in text else r"^\s*$"
    return [part.strip("\n") for part in re.split(bar, text, flags=re.M) if FRAME.search(part)]


def objects(report: str) -> set[str]:
    """Which of our files the report's stacks go through."""
    frames = "\n".join(FRAME.findall(report))
    return {name for name in OURS if name in frames}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--planted", nargs="+", default=[], choices=OURS)
    arguments = parser.parse_args()

    found = []
    for log in sorted(arguments.directory.iterdir()):
        found += reports(log.read_text(errors="replace"))
    if arguments.planted:
        seen = {name for report in found for name in objects(report)}
        missing = sorted(set(arguments.planted) - seen)
        print(f"own_reports.py: planted and not reported: {', '.join(missing) or 'nothing'}")
        return bool(missing)
    ours = [report for report in found if objects(report) or FATAL.search(report)]
    for report in ours:
        print(report, end="\n\n")
    print(f"own_reports.py: {len(found)} reports, {len(ours)} with a frame of ours")
    return bool(ours)


if __name__ == "__main__":
    sys.exit(main())
