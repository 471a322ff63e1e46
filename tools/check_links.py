#!/usr/bin/env python3
"""Whether every relative link in the repository's Markdown leads somewhere.

    tools/check_links.py

A link to a file or folder must name one that is there, and an anchor a heading of that page.  The pages of
the documentation site are checked again by MkDocs, as they are rendered.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
MADE = {"docs/reference/c.md"}  # when the site is built


def pages() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, text=True, capture_output=True,
    ).stdout
    return [ROOT / name for name in listing.splitlines() if (ROOT / name).is_file()]


def anchors(page: Path) -> set[str]:
    """As GitHub and MkDocs make them of headings."""
    found = set()
    for heading in HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)):
        text = re.sub(r"[^\w\- ]", "", heading.lower().strip())
        found.add(re.sub(r" ", "-", text))
        found.add(re.sub(r"[\s-]+", "-", text))
    return found


def problems(page: Path) -> list[str]:
    found = []
    for match in LINK.finditer(CODE.sub("", page.read_text())):
        target = match["target"]
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        where = f"{page.relative_to(ROOT)}: {target}"
        if not place.is_relative_to(ROOT):
            found.append(f"{where} leaves the repository")
        elif str(place.relative_to(ROOT)) in MADE:
            continue
        elif not place.exists():
            found.append(f"{where}: there is no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            found.append(f"{where}: there is no such heading")
    return found


def main() -> int:
    found = [problem for page in pages() for problem in problems(page)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
