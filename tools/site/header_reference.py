#!/usr/bin/env python3
"""The C reference as a page of Markdown, made from the header.

    tools/site/header_reference.py [HEADER]

The header is the manual: each comment becomes prose, each declaration the heading and the code that it
stands before.  Nothing is added.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HEADER = Path(__file__).resolve().parents[2] / "include/cachecore.h"
SECTION = re.compile(r"/\* -{4} (.+?) -+ \*/$")
#: "  Results    Zero is success": the beginning of a convention, and how far its text is indented.
CONVENTION = re.compile(r"  (?P<word>[A-Z][a-z]+|fork) +(?=\S)")
NOISE = re.compile(r"^#(include|ifn?def|endif|else|if)\b|^extern \"C\"|^}$|^#define (CACHECORE_H|CACHECORE_API)$")


def blocks(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Each comment that begins a line, and the code up to the next one or an empty line."""
    comment: list[str] = []
    code: list[str] = []
    depth, in_comment = 0, False
    for line in text.splitlines():
        if not in_comment and depth == 0 and (line.startswith("/*") or not line.strip()):
            if code:
                yield comment, code
                comment, code = [], []
            if line.startswith("/*"):
                if comment:
                    yield comment, []
                comment = []
        if in_comment or (line.startswith("/*") and depth == 0 and not code):
            comment.append(line)
            in_comment = "*/" not in line
        elif line.strip() and not NOISE.match(line):
            code.append(line)
            depth += line.count("{") - line.count("}")
    if comment or code:
        yield comment, code


def words(comment: list[str]) -> list[str]:
    """The lines of a comment without its stars."""
    text = "\n".join(comment).strip()
    text = re.sub(r"^/\*+ ?\n?|\s*\*/$", "", text)
    return [re.sub(r"^ ?\*( |$)| {3}(?=\S)", "", line, count=1).rstrip() for line in text.split("\n")]


def prose(lines: list[str]) -> Iterator[str]:
    """Paragraphs as they are, what is indented as code, and the conventions as headings."""
    position = 0
    while position < len(lines):
        line = lines[position]
        if match := CONVENTION.match(line):
            text = [line[match.end():]]
            position += 1
            while position < len(lines) and lines[position].startswith(" " * match.end()):
                text.append(lines[position].strip())
                position += 1
            yield f"\n**{match['word']}** {escape(' '.join(text))}\n"
        elif line.startswith("  "):
            yield "\n```text"
            while position < len(lines) and (lines[position].startswith("  ") or not lines[position]):
                yield lines[position]
                position += 1
            yield "```\n"
        else:
            yield escape(line)
            position += 1


def escape(text: str) -> str:
    """Outside code, names of the header as code, and what Markdown would take for its own as itself."""
    text = text.replace("<", "&lt;")
    return re.sub(r"(?<!`)(\b(?:cachecore_\w+|CACHECORE_\w+)|\*\w+|\b\w+_\w+\b)(?!`)", r"`\1`", text)


def title(code: list[str]) -> str:
    text = re.sub(r"/\*.*?\*/", "", " ".join(code))
    if functions := re.findall(r"\b(cachecore_\w+)\(", text):
        return ", ".join(functions)
    if match := re.search(r"\}\s*(\w+);$", text):
        return match[1]
    if match := re.match(r"typedef .*?(\w+);$", text):
        return match[1]
    if match := re.match(r"#define (\w+)", text):
        return match[1]
    if match := re.search(r"enum \{\s*(\w+)", text):
        names = re.findall(r"\b(CACHECORE_\w+) *=", text)
        return f"{names[0]}, ..." if len(names) > 1 else names[0]
    return ""


def page(header: str) -> str:
    out = ["# C reference", "", "Made from `include/cachecore.h`, which is the whole contract.", ""]
    for comment, code in blocks(header):
        if match := SECTION.match(" ".join(comment)):
            out += [f"## {match[1]}", ""]
            continue
        if heading := title(code):
            out += [f"### {heading}", ""]
        out += [*prose(words(comment)), ""] if comment else []
        out += ["```c", *code, "```", ""] if code else []
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(page(Path(sys.argv[1] if len(sys.argv) > 1 else HEADER).read_text()), end="")
