#!/usr/bin/env python3
"""The header as flat declarations: include/cachecore.cdef.

    tools/cdef.py [--check]

LuaJIT, PHP and CFFI read C declarations and have no preprocessor.  This takes the comments and directives out of
cachecore.h and puts numbers in the place of constant expressions.  --check fails if the file is out of date.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include/cachecore.h"
FLAT = ROOT / "include/cachecore.cdef"
HEAD = """\
/* The declarations of cachecore.h without comments and macros, for LuaJIT's and
 * PHP's FFI and for CFFI in ABI mode.  Made by tools/cdef.py.
 *
 * cachecore.h says what each function does.  Three things are not here, since no
 * declaration can say them.  Set struct_size of each struct to its size.  Pass
 * {never} as a ttl_ms for "never expires", and
 * {keep} to keep the deadline that an entry has. */
"""


def number(expression: str) -> int:
    """The value of an integer constant expression of the header."""
    text = expression.replace("UINT64_MAX", str(2**64 - 1))
    text = re.sub(r"\((?:u?int\d+_t)\)", "", text)
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]*\b", r"\1", text)
    if not re.fullmatch(r"[\s()\-<0-9xa-fA-F]+", text):
        raise SystemExit(f"cdef.py: this is no number: {expression}")
    return int(eval(text, {"__builtins__": {}}))


def macros(code: str) -> dict[str, int]:
    """The numbers that the header defines."""
    defined = re.findall(r"^#define (CACHECORE_\w+)[ \t]+(\S[^\n]*)$", code, re.MULTILINE)
    return {name: number(value) for name, value in defined if not name.endswith("_INIT")}


def flat(header: str) -> str:
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    numbers = macros(code)
    code = code.replace("\\\n", " ")
    code = re.sub(r"#ifdef __cplusplus\n.*?#endif", "", code, flags=re.DOTALL)
    code = re.sub(r"^[ \t]*#.*$", "", code, flags=re.MULTILINE)
    code = re.sub(r"CACHECORE_API\s+", "", code)
    code = re.sub(r"^(\s+CACHECORE_\w+ = )([^,\n]+)", lambda found: found[1] + str(number(found[2])), code, flags=re.M)
    code = re.sub(r"[ \t]+$", "", code, flags=re.MULTILINE)
    code = re.sub(r"\n{2,}", "\n\n", code).strip()
    code = re.sub(r"\{[^{}]*\}", lambda body: re.sub(r"\n{2,}", "\n", body[0]), code)
    never, keep = (numbers.pop(f"CACHECORE_TTL_{name}") for name in ("NEVER", "KEEP"))
    constants = ",\n".join(f"  {name} = {value}" for name, value in numbers.items())
    return f"{HEAD.format(never=never, keep=keep)}\nenum {{\n{constants}\n}};\n\n{code}\n"


def main() -> int:
    text = flat(HEADER.read_text())
    if "--check" not in sys.argv[1:]:
        FLAT.write_text(text)
    elif not FLAT.exists() or FLAT.read_text() != text:
        print("cdef.py: include/cachecore.cdef is out of date: run tools/cdef.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
