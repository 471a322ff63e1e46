"""Every status that is not an answer has its exception."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys

import pytest
from conftest import HEADER

import cachecore
from cachecore import Cache, _native, errors
from cachecore.handle import open_handle

BUILTIN = {
    cachecore.ArgumentError: ValueError,
    cachecore.NoMemoryError: MemoryError,
    cachecore.StateError: RuntimeError,
    cachecore.ClosedError: ValueError,
    cachecore.TimedOutError: TimeoutError,
    cachecore.NotANumberError: TypeError,
    cachecore.RangeError: OverflowError,
    cachecore.LayoutError: ValueError,
    cachecore.AccessError: PermissionError,
    cachecore.NoFileError: FileNotFoundError,
}


def statuses() -> dict[str, int]:
    found = re.findall(
        r"^  (CACHECORE_(?:E_\w+|REFUSED)) = (-?\d+)", HEADER.read_text(), re.MULTILINE
    )
    return {name: int(value) for name, value in found}


@pytest.mark.parametrize(("name", "status"), statuses().items())
def test_exception_of_status(name: str, status: int) -> None:
    error = errors.error_for(status, "trying")
    assert type(error) is not cachecore.CacheCoreError
    assert (error.code, error.status, type(error).code) == (status, name, status)
    assert str(error) == f"trying: {_native.status_text(status).decode()}"
    assert isinstance(error, BUILTIN.get(type(error), cachecore.CacheCoreError))
    assert error.keys == ()


def test_each_status_has_a_class_of_its_own() -> None:
    classes = {type(errors.error_for(status, "")) for status in statuses().values()}
    assert len(classes) == len(statuses()) == 12


def test_builtin_relatives() -> None:
    for ours, builtin in BUILTIN.items():
        assert issubclass(ours, builtin) and issubclass(ours, cachecore.CacheCoreError)


def test_unknown_status() -> None:
    error = errors.error_for(-1234, "trying")
    assert type(error) is cachecore.CacheCoreError and error.code == -1234
    assert str(error).startswith("trying: ")


def test_all_errors_are_exported() -> None:
    assert set(errors.__all__) <= set(cachecore.__all__)


def test_version_error_from_the_library() -> None:
    class Newer(ctypes.Structure):
        _fields_ = [("options", _native.Options), ("unknown", ctypes.c_uint64)]

    newer = Newer(_native.Options(max_entries=1), 0)
    newer.options.struct_size = ctypes.sizeof(Newer)
    known = ctypes.cast(ctypes.byref(newer), ctypes.POINTER(_native.Options))
    handle = ctypes.c_void_p()
    assert _native.open(known, ctypes.byref(handle)) == _native.OK
    _native.close(handle)
    newer.unknown = 1
    assert _native.open(known, ctypes.byref(handle)) == _native.E_VERSION


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "a cache needs a bound"),
        ({"max_entries": 1, "policy": 9}, "policy"),
        ({"max_entries": 1, "flags": 1 << 31}, "flags"),
        ({"max_entries": 1, "shard_count": 257}, "shard_count"),
        ({"max_bytes": 65535}, "max_bytes is below"),
    ],
)
def test_a_refused_open_says_why(options: dict[str, int], why: str) -> None:
    with pytest.raises(cachecore.ArgumentError, match=f"^cachecore_open: .*{why}"):
        open_handle(_native.Options(**options))
    open_handle(_native.Options(max_entries=1))
    assert _native.open_error() == b""


def test_no_address_space() -> None:
    program = """if True:
        import resource, cachecore
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
        try:
            cachecore.Cache(max_bytes=1 << 40)
        except cachecore.NoMemoryError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "cachecore_open: the system refused address space" in done.stdout


@pytest.mark.parametrize("key", ["", b"", b"k" * 65536, "ä" * 40000])
def test_key_sizes(cache: Cache, key: str | bytes) -> None:
    size = len(key.encode() if isinstance(key, str) else key)
    calls = [
        lambda: cache.get(key),
        lambda: cache.set(key, b""),
        lambda: cache.add(key, b""),
        lambda: cache.replace(key, b""),
        lambda: cache.compare_and_set(key, b"", 1),
        lambda: cache.set_until(key, b"", 4e9),
        lambda: cache.delete(key),
        lambda: cache.contains(key),
        lambda: cache.ttl(key),
        lambda: cache.touch(key),
        lambda: cache.inspect(key),
        lambda: cache.get_with_info(key),
        lambda: cache.increment(key),
        lambda: cache.acquire(key),
        lambda: cache[key],
        lambda: key in cache,
    ]
    for call in calls:
        with pytest.raises(
            cachecore.ArgumentError, match=f"a key has 1 to 65535 bytes, this one {size}"
        ):
            call()
    assert len(cache) == 0


@pytest.mark.parametrize("key", [None, 1, 1.5, bytearray(b"k"), memoryview(b"k"), ["k"]])
def test_key_types(cache: Cache, key: object) -> None:
    calls = [
        lambda: cache.get(key),
        lambda: cache.set(key, b""),
        lambda: cache.delete(key),
        lambda: key in cache,
        lambda: cache.get_many([key]),
        lambda: cache.delete_many([key]),
        lambda: next(cache.scan(key)),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="a key must be bytes or str, not"):
            call()


@pytest.mark.parametrize("value", ["text", None, 1, [1]])
def test_value_types(cache: Cache, value: object) -> None:
    for call in (cache.set, cache.add, cache.replace):
        with pytest.raises(TypeError, match="a value must be bytes-like, not"):
            call("k", value)
    with pytest.raises(TypeError, match="a value must be bytes-like, not"):
        cache.set_many({"a": b"", "k": value})
    assert len(cache) == 0  # nothing of the batch either
