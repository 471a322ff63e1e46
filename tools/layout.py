#!/usr/bin/env python3
"""docs/layout.md, made from the declarations in Sources/CacheCore/Layout.

    tools/layout.py            fails if the page is out of date, or lacks a layout
    tools/layout.py --write    fills its tables anew

Each table stands between `<!-- layout: NAME -->` and `<!-- end -->`; the words around it are written by
hand.  A struct is laid out by the rules that Swift has for structs without classes: fields in order, each
on a multiple of its alignment.  LayoutTests compares the page with what the compiler made.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYOUT = ROOT / "Sources/CacheCore/Layout"
PAGE = ROOT / "docs/layout.md"

SCALARS = {"UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8, "Int32": 4, "Int64": 8, "Float": 4, "Ref": 4}

FIELD = re.compile(r"^  (?:package |private )?(?:let|var) (\w+)(?:: ([^={]+?))?(?: = ([^{]+))?$")
PART = re.compile(
    r"^  package static let (\w+)(?:: Part<(.+)>)? = (?:Part<(.+)>\(at: 0\)|(\w+)\.next\((?:on: (\d+))?\))$")
TYPE = re.compile(r"^package (struct|enum) (\w+)(?!<)\b")


@dataclass
class Row:
    name: str
    type: str
    meaning: str
    offset: int = 0
    size: int = 0


@dataclass
class Layout:
    name: str
    is_area: bool
    meaning: str
    rows: list[Row] = field(default_factory=list)
    size: int = 0
    alignment: int = 1


def split(text: str) -> tuple[str, str]:
    """A generic type's name and what is between its brackets."""
    name, _, inner = text.partition("<")
    return name, inner[:-1]


class Layouts:
    def __init__(self) -> None:
        self.known: dict[str, Layout] = {}
        self.boundaries: dict[tuple[str, str], tuple[str, int]] = {}
        for path in sorted(LAYOUT.glob("*.swift")):
            self.read(path)
        for layout in self.known.values():
            self.lay_out(layout)

    def read(self, path: Path) -> None:
        layout: Layout | None = None
        comment: list[str] = []
        # A declaration that is broken after its "=" is one line.
        for line in re.sub(r" =\n +", " = ", path.read_text()).splitlines():
            if match := TYPE.match(line):
                layout = Layout(match[2], match[1] == "enum", " ".join(comment))
                comment = []
            elif line == "}" and layout:
                if layout.rows:
                    self.known[layout.name] = layout
                layout = None
            elif match := re.match(r" *//(?:/)? (.*)", line):
                comment.append(match[1])
            elif layout and layout.is_area and (match := PART.match(line)):
                name, later, first, before, boundary = match.groups()
                layout.rows.append(Row(name, later or first, " ".join(comment)))
                self.boundaries[layout.name, name] = (before or "", int(boundary or 8))
                comment = []
            elif layout and not layout.is_area and (match := FIELD.match(line)):
                name, type_, value = match.groups()
                if not type_:
                    type_ = re.sub(r"\(.*", "", value)
                layout.rows.append(Row(name, type_.strip(), " ".join(comment)))
                comment = []
            else:
                comment = []

    def measure(self, type_: str) -> tuple[int, int]:
        """The size and the alignment of a type."""
        name, inner = split(type_)
        if name in SCALARS:
            return SCALARS[name], SCALARS[name]
        if name.startswith("Unsafe"):
            return 8, 8
        if name == "Atomic":
            return self.measure(inner)
        if name == "InlineArray":
            count, element = inner.split(", ", 1)
            size, alignment = self.measure(element)
            return int(count) * rounded(size, alignment), alignment
        if name not in self.known:
            sys.exit(f"layout: what is {type_}?")
        layout = self.known[name]
        self.lay_out(layout)
        return layout.size, layout.alignment

    def lay_out(self, layout: Layout) -> None:
        if layout.size:
            return
        ends: dict[str, int] = {}
        at = 0
        for row in layout.rows:
            row.size, alignment = self.measure(row.type)
            if layout.is_area:
                before, boundary = self.boundaries[layout.name, row.name]
                at = rounded(ends[before], boundary) if before else 0
            row.offset = rounded(at, alignment)
            at = ends[row.name] = row.offset + row.size
            layout.alignment = max(layout.alignment, alignment)
            layout.size = max(layout.size, at)


def rounded(size: int, boundary: int) -> int:
    return (size + boundary - 1) // boundary * boundary


def table(layout: Layout) -> str:
    lines = [f"`{layout.name}`, {layout.size} bytes. {layout.meaning}".rstrip(), ""]
    lines += ["| offset | bytes | name | type | meaning |", "|---|---|---|---|---|"]
    lines += [f"| {row.offset} | {row.size} | `{row.name}` | `{row.type}` | {row.meaning} |" for row in layout.rows]
    return "\n" + "\n".join(lines) + "\n\n"


def main() -> int:
    layouts = Layouts().known
    text = PAGE.read_text()
    shown = re.findall(r"^<!-- layout: (\w+) -->$", text, re.M)
    problems = [f"docs/layout.md: {name} is not shown" for name in layouts if shown.count(name) == 0]
    problems += [f"docs/layout.md: what is {name}?" for name in shown if name not in layouts]
    problems += [f"docs/layout.md: {name} is shown twice" for name in set(shown) if shown.count(name) > 1]
    if not problems:
        now = re.sub(
            r"^<!-- layout: (\w+) -->\n.*?^<!-- end -->$",
            lambda match: f"<!-- layout: {match[1]} -->\n{table(layouts[match[1]])}<!-- end -->",
            text, flags=re.M | re.S,
        )
        if sys.argv[1:] == ["--write"]:
            PAGE.write_text(now)
        elif now != text:
            problems.append("docs/layout.md is out of date: tools/layout.py --write")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
