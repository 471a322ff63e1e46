#!/usr/bin/env python3
"""Holds the built library against the header.

    tools/check_symbols.py build/lib/libcachecore.so

The exported functions are exactly the prototypes of cachecore.h, each of them
is called by the libffi test, and by the test of outputs if it has one; and the
library needs glibc alone, one of 2012 or later, names itself libcachecore.so.1
and stays small.  Of glibc it calls nothing where a cancelled thread could end.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SONAME = "libcachecore.so.1"
NEEDED = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
GLIBC = (2, 17)  # no symbol of a later one is asked for: what manylinux2014 has
STRIPPED_BYTES_MAX = 896 * 1024

# All that the library may call.  None of these is a cancellation point, but for two that
# CPlatform.h calls with cancellation disabled; a thread that ended in the library would leave a lock taken.
DISABLED = {"pthread_join", "sysconf"}
IMPORTED = DISABLED | {
    "__cxa_finalize", "__errno_location", "__register_atfork", "__stack_chk_fail", "bcmp", "calloc", "clock_gettime",
    "free", "madvise", "memcmp", "memcpy", "memmove", "memset", "mmap", "munmap", "posix_memalign",
    "pthread_attr_destroy", "pthread_attr_init", "pthread_attr_setstacksize", "pthread_create",
    "pthread_setcancelstate", "sched_yield", "sigfillset", "sigprocmask", "syscall", "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable", "__gmon_start__",
}


def output(*command: str) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def prototypes(header: str) -> set[str]:
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    return set(re.findall(r"CACHECORE_API[\s\w*]*?\b(cachecore_\w+)\s*\(", code))


def with_outputs(header: str) -> set[str]:
    """The functions that return something through a pointer; advice is not of the stable part."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    return set(re.findall(r"\b(cachecore_\w+)\s*\([^()]*_out\b[^()]*\);", code))


def exported(library: str) -> set[str]:
    lines = output("nm", "-D", "--defined-only", "--extern-only", library).splitlines()
    symbols = {line.split()[-1].split("@")[0] for line in lines}
    return symbols - {"CACHECORE_1"}  # the version's own name


def imported(library: str) -> set[str]:
    lines = output("nm", "-D", "--undefined-only", library).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines}


def dynamic(library: str, tag: str) -> set[str]:
    return set(re.findall(rf"\({tag}\).*\[(.+)\]", output("readelf", "-d", library)))


def unresolved(library: str) -> set[str]:
    """What no library that it names can give it: a call into libm, say."""
    result = subprocess.run(["ldd", "-r", library], text=True, capture_output=True)
    return set(re.findall(r"undefined symbol: (\w+)", result.stdout + result.stderr))


def newer_than_glibc(library: str) -> set[str]:
    """The symbols of later versions that it asks for."""
    symbols = re.findall(r"\(GLIBC_([\d.]+)\)\s+(\w+)", output("objdump", "-T", library))
    return {f"{name} of glibc {version}" for version, name in symbols if tuple(map(int, version.split("."))) > GLIBC}


def stripped_size(library: str) -> int:
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, library], check=True)
        return Path(copy.name).stat().st_size


def problems(library: str) -> list[str]:
    header = (ROOT / "include/cachecore.h").read_text()
    declared, filling = prototypes(header), with_outputs(header)
    symbols = exported(library)
    ffi_test = (ROOT / "Tests/C/ffi_test.c").read_text()
    outputs_test = (ROOT / "Tests/C/outputs_test.c").read_text()
    needed, soname = dynamic(library, "NEEDED"), dynamic(library, "SONAME")
    size = stripped_size(library)
    found = [f"{name}: in the header, not exported" for name in sorted(declared - symbols)]
    found += [f"{name}: exported, not in the header" for name in sorted(symbols - declared)]
    found += [f"{name}: not called by ffi_test.c" for name in sorted(declared) if f'"{name}"' not in ffi_test]
    found += [f"{name}: not called by outputs_test.c" for name in sorted(filling) if f"{name}(" not in outputs_test]
    found += [f"{name}: used, and nowhere to be had" for name in sorted(unresolved(library))]
    found += [f"{name}: imported; is it a cancellation point?" for name in sorted(imported(library) - IMPORTED)]
    found += [f"{name}: newer than {GLIBC}" for name in sorted(newer_than_glibc(library))]
    if not needed <= NEEDED:
        found.append(f"it needs {', '.join(sorted(needed - NEEDED))}")
    if soname != {SONAME}:
        found.append(f"its SONAME is {soname or 'missing'}, not {SONAME}")
    if size >= STRIPPED_BYTES_MAX:
        found.append(f"it has {size} bytes stripped, {STRIPPED_BYTES_MAX} are allowed")
    print(f"{len(symbols)} symbols for {len(declared)} prototypes; needs {needed}; {size} bytes stripped")
    return found


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = problems(sys.argv[1])
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
