#!/usr/bin/env python3
"""Which C test covers which function: docs/coverage.md.

    tools/coverage_table.py [--check]

A test covers a function that it calls itself, or through another function of its file or the harness.  --check fails
where the page is out of date, or a function of the header has no test at all.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/coverage.md"
TESTS = ROOT / "Tests/C"
SHOWN = 6
DEFINITION = re.compile(r"^(?:static )?[\w *]*?\b(\w+)\([^;{]*\)\s*\{(.*?)^\}", re.DOTALL | re.MULTILINE)
WORD = re.compile(r"\w+")
CALL = re.compile(r"\b(\w+)\(")


def functions() -> list[str]:
    header = re.sub(r"/\*.*?\*/", "", (ROOT / "include/cachecore.h").read_text(), flags=re.DOTALL)
    return re.findall(r"\b(cachecore_\w+)\(", header)


def calls(source: str, known: dict[str, set[str]]) -> dict[str, set[str]]:
    """What each function of a file calls, by others of that file or the harness as well."""
    bodies = dict(DEFINITION.findall(source))
    # A function of the file may also be handed on, to a thread for example.
    found = {name: set(CALL.findall(body)) | bodies.keys() & set(WORD.findall(body)) for name, body in bodies.items()}
    direct = known | found
    for name in found:
        waiting, seen = [name], set[str]()
        while waiting:
            for callee in direct.get(waiting.pop(), set()) - seen:
                seen.add(callee)
                waiting.append(callee)
        found[name] = seen
    return found


def table() -> tuple[str, list[str]]:
    harness = (TESTS / "harness.c").read_text()
    known = calls(harness, {})
    covered: dict[str, list[str]] = {name: [] for name in functions()}
    for path in sorted(TESTS.glob("*_test.c")):
        source = path.read_text()
        found = calls(source, known)
        for test in re.findall(r"\bT\((\w+)\)", source):
            for function in found.get(test, set()) & covered.keys():
                covered[function].append(f"{path.stem.removesuffix('_test')}: {test}")
        if not re.search(r"\bT\(\w+\)", source):
            for function in set.union(*found.values()) & covered.keys() if found else ():
                covered[function].append(path.stem.removesuffix("_test"))
    lines = [
        "# Which test covers which function", "",
        "Made by `tools/coverage_table.py` from the sources: the C tests that call a function,",
        "themselves or through a helper. `build/Tests/C/NAME_test TEST` runs one of them.",
        "Lines and branches are measured by `make coverage`.", "",
        "| function | tests | some of them (file: test) |", "|---|---|---|",
    ]
    for function, tests in covered.items():
        # Those named after the function first, then from as many files as there are.
        word = function.removeprefix("cachecore_").split("_")[0]
        tests = sorted(set(tests), key=lambda test: (word not in test, test))
        some = ", ".join(f"`{test}`" for test in tests[:SHOWN])
        lines.append(f"| `{function}` | {len(tests)} | {some} |")
    return "\n".join(lines) + "\n", [name for name, tests in covered.items() if not tests]


def main() -> int:
    text, bare = table()
    for name in bare:
        print(f"coverage_table.py: no C test calls {name}", file=sys.stderr)
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            print("coverage_table.py: docs/coverage.md is out of date: run tools/coverage_table.py", file=sys.stderr)
            return 1
    else:
        PAGE.write_text(text)
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
