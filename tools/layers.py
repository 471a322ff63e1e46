#!/usr/bin/env python3
"""Layers as a test: which room of the engine may know of which.

    tools/layers.py            no arrow runs back, README's map is up to date, Python's imports are in order
    tools/layers.py --write    draws the map in Sources/CacheCore/README.md anew

The order of the rooms is ROOMS, and nowhere else.  A file may mention what is declared in its own room and
in rooms below; rooms on one floor do not know of one another.  What a file mentions is read from its text,
without comments and strings: the top-level types and functions of other files, and members that a room adds
to a type of another room by an extension.

In a Python package no module leads back to itself by its imports, those inside functions and for types alone
included.  A package sees of the one below it what is public, and nothing of one above.
"""

import ast
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "Sources/CacheCore"
README = ENGINE / "README.md"

#: Where the Python packages are, and what each may import of the others.
PACKAGES = {
    "bindings/python/src": ("cachecore", r"(?!)"),
    "services/src": ("cachecore_services", r"cachecore(\.tiered|\.contrib(\.[a-z]\w*)*)?"),
}

# From the ground up, a line a floor; each room with what it knows.
ROOMS = [
    {"Atomics": "words that threads share; the lock"},
    {"Layout": "what lies in a region, in a handle, in a caller's buffer: every field, once"},
    {"Sharing": "the file of a shared cache, and who uses it: locks that end with their process"},
    {"Memory": "the region, its parts and bounds; blocks and pages"},
    {"Readers": "threads' numbers; what readers leave behind; how hits went",
     "Time": "the clock; which page is due when",
     "Index": "from the hash of a key to a reference",
     "Policy": "which entry to forget",
     "Claims": "who computes which missing value, and who waits for it"},
    {"Shard": "one lock's worth of all that: reading, storing, making room, expiring"},
    {"Cache": "shards behind one door; the whole cache"},
    {"Saving": "a cache in a file: the format, saving, loading"},
    {"Sweeper": "the thread that removes what has expired"},
    {"Lifecycle": "opening, attaching, closing, fork"},
]
ABI = "CacheCoreABI"
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms} | {ABI: len(ROOMS)}

DECLARATION = re.compile(r"\b(struct|enum|class|protocol|actor|typealias|func|var|let|case|extension)\s+`?(\w+)")

PATTERN = re.compile(r"\b(?:let|var)\s*\(([^)]*)\)|\{\s*\(?([\w\s,]+?)\)?\s*(?:->[^{]*?)?\bin\b")


def may_know(room: str, other: str) -> bool:
    return room == other or FLOOR[other] < FLOOR[room]


# ---- Swift -------------------------------------------------------------------


def stripped(text: str) -> str:
    """The text without comments and the insides of strings; lines stay where they are."""
    out, i, depth = [], 0, 0
    while i < len(text):
        two = text[i:i + 2]
        if depth or two == "/*":
            depth += {"/*": 1, "*/": -1}.get(two, 0)
            step = 2 if two in ("/*", "*/") else 1
            out.append("\n" * text.count("\n", i, i + step))
            i += step
        elif two == "//":
            i = text.find("\n", i) if "\n" in text[i:] else len(text)
        elif text[i] == '"':
            quote = '"""' if text.startswith('"""', i) else '"'
            end = i + len(quote)
            while end < len(text) and not text.startswith(quote, end):
                end += 2 if text[end] == "\\" else 1
            out.append('""' + "\n" * text.count("\n", i, end))
            i = end + len(quote)
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


@dataclass
class Source:
    name: str
    room: str
    text: str
    #: Top-level types and functions.
    declares: set[str] = field(default_factory=set)
    #: Type that it adds members to, or declares: the members.
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Types inside types, which hide top-level ones of the same name.
    nested: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Every name that it declares anywhere; with parameters.
    names: set[str] = field(default_factory=set)
    locals: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        depth, owner, at = 0, "", 0
        for match in DECLARATION.finditer(self.text):
            between = self.text[at:match.start()]
            depth += between.count("{") - between.count("}")
            at = match.start()
            kind, name = match.groups()
            self.names.add(name)
            if depth == 0:
                owner = name if kind not in ("func", "var", "let") else ""
                if kind != "extension":
                    self.declares.add(name)
                if owner:
                    self.members[owner]
            elif depth == 1 and owner:
                self.members[owner].add(name)
                if kind in ("struct", "enum", "class", "typealias"):
                    self.nested[owner].add(name)
        # Parameters, captures and names in patterns.
        self.locals = self.names | set(re.findall(r"\b(\w+)\s*:", self.text))
        for pattern in PATTERN.findall(self.text):
            self.locals |= set(re.findall(r"\w+", " ".join(pattern)))


def sources() -> list[Source]:
    found = []
    for path in sorted(ENGINE.rglob("*.swift")) + sorted((ROOT / "Sources" / ABI).glob("*.swift")):
        name = str(path.relative_to(ROOT))
        room = path.parent.name
        if room not in FLOOR:
            sys.exit(f"layers: {name}: {room}/ has no floor in tools/layers.py")
        found.append(Source(name, room, stripped(path.read_text())))
    return found


@dataclass(frozen=True)
class Arrow:
    source: str
    line: int
    name: str
    room: str
    target: str


def arrows(files: list[Source]) -> list[Arrow]:
    """What each file mentions of other rooms."""
    places: dict[str, set[str]] = defaultdict(set)       # top-level name: rooms
    nested: dict[str, set[str]] = defaultdict(set)       # type: types inside it
    members: dict[str, set[str]] = defaultdict(set)      # name that might be a member's: rooms
    added: dict[str, dict[str, str]] = defaultdict(dict)  # type: member added by another room
    for source in files:
        for name in source.declares:
            places[name].add(source.room)
        for owner, names in source.nested.items():
            nested[owner] |= names
        for name in source.names:
            members[name].add(source.room)
    for source in files:
        for owner, names in source.members.items():
            if source.room not in places[owner]:
                for name in names:
                    added[owner][name] = source.room
    extra = {name for names in added.values() for name in names}

    found = []
    for source in files:
        hidden = {name for owner in source.members for name in nested[owner]}
        own = {name: room for owner in source.members for name, room in added[owner].items()}
        for match in re.finditer(r"(\.\s*)?(?<![\w`@#$])(\w+)", source.text):
            dot, name = match.groups()
            rooms: set[str] = set()
            if dot and name in extra:
                rooms = members[name]
            elif not dot and name in places and name not in hidden and source.room not in places[name]:
                is_call = source.text[match.end():match.end() + 1] in "(<"
                if name[0].isupper() or (is_call and name not in source.locals):
                    rooms = places[name]
            elif not dot and name in own and name not in source.locals:
                rooms = {own[name]}
            # Of several that it could be, one that it may know of.
            rooms = {room for room in rooms if may_know(source.room, room)} or rooms
            if rooms and source.room not in rooms:
                room = max(rooms, key=lambda room: (FLOOR[room], room))
                line = source.text.count("\n", 0, match.start()) + 1
                found.append(Arrow(source.name, line, name, source.room, room))
    return found


def run_back(files: list[Source], found: list[Arrow]) -> list[str]:
    return [
        f"{arrow.source}:{arrow.line}: {arrow.room} must not know of {arrow.target}: {arrow.name}"
        for arrow in found if not may_know(arrow.room, arrow.target)
    ]


# ---- The map -----------------------------------------------------------------

BEGIN, END = "<!-- drawn by tools/layers.py -->\n", "<!-- end -->\n"


def drawn(files: list[Source], found: list[Arrow]) -> str:
    uses: dict[str, set[str]] = defaultdict(set)
    for arrow in found:
        uses[arrow.room].add(arrow.target)
    lines = ["| room | what it knows | uses |", "|---|---|---|"]
    for rooms in ROOMS:
        for room, knows in rooms.items():
            below = sorted(uses[room], key=lambda other: (-FLOOR[other], other))
            lines.append(f"| `{room}/` | {knows} | {', '.join(below)} |")
    return BEGIN + "\n" + "\n".join(lines) + "\n\n" + END


def with_map(text: str, new: str) -> str:
    start, end = text.index(BEGIN), text.index(END) + len(END)
    return text[:start] + new + text[end:]


# ---- Python ------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    """Modules of the packages under a source directory, by their dotted names."""
    found = {}
    for path in sorted(root.glob("*/**/*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules that one ever imports: those that are known, and others by the names it gives."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[:len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([node.module] if node.module else []))
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(), str(path)))
    return found - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Modules that lead back to themselves, in groups (Tarjan's components)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def python_problems() -> list[str]:
    found = []
    packages = {package for package, _ in PACKAGES.values()}
    everywhere = {name: path for place in PACKAGES for name, path in modules(ROOT / place).items()}
    for place, (package, allowed) in PACKAGES.items():
        known = modules(ROOT / place)
        graph = {name: imports(name, path, everywhere) for name, path in known.items()}
        found += [
            f"{known[name].relative_to(ROOT)}: {package} must not know of {other}"
            for name, others in graph.items() for other in sorted(others)
            if other.split(".")[0] in packages - {package} and not re.fullmatch(allowed, other)
        ]
        inside = {name: others & known.keys() for name, others in graph.items()}
        found += [f"{place}: a circle of imports: {', '.join(group)}" for group in circles(inside)]
    return found


def main() -> int:
    if sys.argv[1:] not in ([], ["--write"]):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    files = sources()
    found = arrows(files)
    problems = run_back(files, found)
    text = README.read_text()
    now = with_map(text, drawn(files, found))
    if sys.argv[1:] == ["--write"]:
        README.write_text(now)
    elif now != text:
        problems.append(f"{README.relative_to(ROOT)}: the map is out of date: tools/layers.py --write")
    problems += python_problems()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
