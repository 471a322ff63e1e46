#!/usr/bin/env python3
"""Compiles and runs the C of the documentation.

    tools/doc_examples.py [PAGE...]

The blocks of a page that has a `main` are one program.  Any other block is the body of a program that
opens a cache first, unless the block does so itself.  Files in /dev/shm are made in a folder that is
removed.  The Python of the pages is run by the tests of the Python packages (bindings/python/tests/test_docs.py,
bindings/python/tests/contrib/test_page.py and tiered/test_page.py, services/tests/test_pages.py).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD") or ROOT / "build")
PAGES = ["README.md", "docs/tutorial.md", "docs/howto.md", "docs/stampedes.md", "docs/sharing.md"]
BLOCK = re.compile(r"^```c\n(.*?)^```", re.DOTALL | re.MULTILINE)
OPEN = """cachecore_t *cache;
cachecore_options_t cache_options = CACHECORE_OPTIONS_INIT;
cache_options.max_entries = 1000;
if (cachecore_open(&cache_options, &cache) != CACHECORE_OK) return 1;
"""


def programs(page: Path) -> list[str]:
    blocks = BLOCK.findall(page.read_text())
    if any("int main(" in block for block in blocks):
        return ["\n".join(blocks)]
    return [body(block) for block in blocks]


def body(block: str) -> str:
    lines = block.splitlines()
    directives = [line for line in lines if line.startswith("#")]
    rest = [line for line in lines if not line.startswith("#")]
    opening = "" if re.search(r"cachecore_open(_shared)?\(", block) else OPEN
    head = [*directives, "#include <cachecore.h>", "#include <stdio.h>", "#include <string.h>"]
    return "\n".join([*head, "int main(void) {", opening, *rest, "return 0; }", ""])


def unlisted() -> list[str]:
    """Pages with C that nobody would run."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, text=True, capture_output=True,
    ).stdout.splitlines()
    pages = [ROOT / name for name in listing if name not in PAGES]
    return [str(page.relative_to(ROOT)) for page in pages if page.is_file() and BLOCK.search(page.read_text())]


def run(program: str, directory: Path) -> None:
    source, binary = directory / "example.c", directory / "example"
    source.write_text(program.replace("/dev/shm/", f"{directory}/"))
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c99", "-Wall", "-Wextra", "-Werror", source, f"-I{ROOT / 'include'}",
         f"-L{BUILD / 'lib'}", "-lcachecore", f"-Wl,-rpath,{BUILD / 'lib'}", "-o", binary],
        check=True,
    )
    subprocess.run([binary], check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    failed = 0
    for name in unlisted():
        print(f"{name}: has C, and is not in PAGES of tools/doc_examples.py", file=sys.stderr)
        failed = 1
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        for name in sys.argv[1:] or PAGES:
            found = programs(ROOT / name)
            for number, program in enumerate(found, 1):
                try:
                    run(program, Path(directory))
                except subprocess.CalledProcessError as error:
                    print(f"{name}: the C block {number} of {len(found)} fails: {error}", file=sys.stderr)
                    failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
