"""_native.py says the same as cachecore.h: checked by a C compiler and by reading the header."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest
from conftest import HEADER

from cachecore import _library, _native

# Records that the package reads by struct.Struct.


class ScanRecord(ctypes.Structure):
    """cachecore_scan_record_t"""

    _fields_ = [
        ("record_size", ctypes.c_uint32),
        ("key_size", ctypes.c_uint32),
        ("value_size", ctypes.c_uint64),
        ("ttl_ms", ctypes.c_int64),
    ]


class ValueRecord(ctypes.Structure):
    """cachecore_value_record_t"""

    _fields_ = [
        ("record_size", ctypes.c_uint64),
        ("value_size", ctypes.c_uint64),
        ("ttl_ms", ctypes.c_int64),
        ("key_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class RemovalRecord(ctypes.Structure):
    """cachecore_removal_record_t"""

    _fields_ = [
        ("record_size", ctypes.c_uint64),
        ("value_size", ctypes.c_uint64),
        ("key_size", ctypes.c_uint32),
        ("cause", ctypes.c_uint32),
    ]


STRUCTS = {
    "cachecore_audit_options_t": _native.AuditOptions,
    "cachecore_audit_t": _native.Audit,
    "cachecore_claim_t": _native.Claim,
    "cachecore_options_t": _native.Options,
    "cachecore_value_t": _native.Value,
    "cachecore_entry_info_t": _native.EntryInfo,
    "cachecore_removal_record_t": RemovalRecord,
    "cachecore_scan_record_t": ScanRecord,
    "cachecore_shared_info_t": _native.SharedInfo,
    "cachecore_shared_options_t": _native.SharedOptions,
    "cachecore_stats_field_t": _native.StatsField,
    "cachecore_stats_t": _native.Stats,
    "cachecore_sweeper_options_t": _native.SweeperOptions,
    "cachecore_sweeper_status_t": _native.SweeperStatus,
    "cachecore_value_record_t": ValueRecord,
    "cachecore_window_t": _native.Window,
}


def header_code() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def prototypes() -> list[str]:
    return re.findall(r"CACHECORE_API[\w\s*]*?\b(cachecore_\w+)\s*\(", header_code())


def constants() -> list[str]:
    enums = re.findall(r"^\s+(CACHECORE_\w+) = ", header_code(), flags=re.MULTILINE)
    macros = re.findall(r"^#define (CACHECORE_\w+) +[\w(]", header_code(), flags=re.MULTILINE)
    return enums + [name for name in macros if not name.endswith("_INIT")]


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Every size, offset and constant, as a C compiler sees it."""
    lines = [f'P("{name}", {name});' for name in constants()]
    for name, struct in STRUCTS.items():
        lines.append(f'P("{name}", sizeof({name}));')
        for field in struct._fields_:
            lines.append(f'P("{name}.{field[0]}", offsetof({name}, {field[0]}));')
            lines.append(f'P("{name}.{field[0]} size", sizeof((({name} *)0)->{field[0]}));')
            lines.append(f'P("{name}.{field[0]} sign", (({name}){{0}}).{field[0]} - 1 < 0);')
    lines = [line for line in lines if not re.search(r"\.(data|owner|path|name|unit|help) sign", line)]
    folder = tmp_path_factory.mktemp("layout")
    source, program = folder / "layout.c", folder / "layout"
    source.write_text(
        "#include <stdio.h>\n#include <cachecore.h>\n"
        '#define P(name, value) printf("%s=%lld\\n", name, (long long)(value))\n'
        "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n"
    )
    include = f"-I{HEADER.parent}"
    subprocess.run(["gcc", "-std=gnu11", include, source, "-o", program], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in (line.split("=") for line in output.splitlines())}


@pytest.mark.parametrize("name", STRUCTS)
def test_struct_layout(name: str, truth: dict[str, int]) -> None:
    struct = STRUCTS[name]
    assert ctypes.sizeof(struct) == truth[name]
    for field in struct._fields_:
        descriptor = getattr(struct, field[0])
        assert descriptor.offset == truth[f"{name}.{field[0]}"], field
        assert descriptor.size == truth[f"{name}.{field[0]} size"], field
        if f"{name}.{field[0]} sign" in truth:
            signed = field[1](-1).value < 0
            assert signed == bool(truth[f"{name}.{field[0]} sign"]), field


def test_every_struct_and_field_of_the_header_is_there() -> None:
    code = header_code()
    bodies = {
        name: body
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", code, re.DOTALL)
    }
    assert set(bodies) == set(STRUCTS)
    for name, body in bodies.items():
        fields = re.findall(r"(\w+);", body)
        assert fields == [field[0] for field in STRUCTS[name]._fields_]


def test_records_read_by_struct() -> None:
    scanned = ScanRecord(1, 2, 3, -4)
    assert _native.SCAN_RECORD.size == ctypes.sizeof(scanned)
    assert _native.SCAN_RECORD.unpack(bytes(scanned)) == (1, 2, 3, -4)
    valued = ValueRecord(1, 2, -3, 4, 5)
    assert _native.VALUE_RECORD.size == ctypes.sizeof(valued)
    assert _native.VALUE_RECORD.unpack(bytes(valued)) == (1, 2, -3, 4, 5)
    removed = RemovalRecord(1, 2, 3, 4)
    assert _native.REMOVAL_RECORD.size == ctypes.sizeof(removed)
    assert _native.REMOVAL_RECORD.unpack(bytes(removed)) == (1, 2, 3, 4)


def test_constants(truth: dict[str, int]) -> None:
    for name in constants():
        if name == "CACHECORE_VERSION":
            assert truth[name] == _library.HEADER_VERSION
        else:
            ours = getattr(_native, name.removeprefix("CACHECORE_"))
            assert ours == truth[name] % 2**64 or ours == truth[name], name


def test_every_prototype_is_declared_once_in_the_headers_order() -> None:
    source = Path(_native.__file__).read_text()
    declared = re.findall(r'^(\w+) = _(?:quick|waits)\("(\w+)"', source, flags=re.MULTILINE)
    assert [name for _, name in declared] == prototypes()
    assert all(f"cachecore_{ours}" == name for ours, name in declared)


def test_number_of_arguments() -> None:
    for name, arguments in re.findall(r"\b(cachecore_\w+)\s*\(([^()]*)\);", header_code()):
        count = 0 if arguments.strip() == "void" else arguments.count(",") + 1
        function = getattr(_native, name.removeprefix("cachecore_"))
        assert len(function.__wrapped__.argtypes) == count, name


def test_init_functions_agree_with_the_constructors() -> None:
    options = _native.Options()
    _native.options_init(ctypes.byref(options), ctypes.sizeof(options))
    assert bytes(options) == bytes(_native.Options())
    sweeper = _native.SweeperOptions()
    _native.sweeper_options_init(ctypes.byref(sweeper), ctypes.sizeof(sweeper))
    assert bytes(sweeper) == bytes(_native.SweeperOptions())
