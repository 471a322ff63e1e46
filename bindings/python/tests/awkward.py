"""Arguments of all kinds, most of them wrong: what both paths are called with."""

from __future__ import annotations

import ctypes
import math
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any


class Text(str):
    def encode(self, *arguments: Any, **named: Any) -> bytes:
        return b"something else"


class Content(bytes):
    def __len__(self) -> int:
        return 40

    def __bytes__(self) -> bytes:
        return b"something else"

    def __getitem__(self, at: Any) -> Any:
        return b"something else"


class Raising:
    """Raises in whatever is asked of it."""

    def __hash__(self) -> int:
        raise LookupError("hash")

    def __eq__(self, other: object) -> bool:
        raise LookupError("eq")

    def __index__(self) -> int:
        raise LookupError("index")


class Unequal:
    """Can be hashed, not compared."""

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        raise LookupError("eq")


class Seven:
    """Equal to all that has its hash."""

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return True

    def __index__(self) -> int:
        return 7


class Whole(int):
    pass


class Keyed:
    """A mapping to ``dict.update``, which has no items() and iterates over something else."""

    def keys(self) -> list[Any]:
        return ["a", b"b", "a"]

    def __getitem__(self, key: Any) -> Any:
        return b"of " + (key if isinstance(key, bytes) else key.encode())

    def __iter__(self) -> Iterator[Any]:
        return iter([1, 2, 3])


class WrongItems(dict[Any, Any]):
    def items(self) -> Any:
        return [("x", b"from items")]


class Failing(UserDict[Any, Any]):
    def __getitem__(self, key: Any) -> Any:
        raise LookupError("getitem")


KEYS = [
    *["a", "b", b"a", b"b", "", b"", "é", "\udce9", "k" * 65536, b"k" * 65535, Text("t"), Content(b"c")],
    *[bytearray(b"a"), memoryview(b"a"), None, 1, 1.0, True, -1, -2, 7, Whole(7), 2**70, math.nan],
    *[(), ("a", 1), ("t",), [], {}, frozenset({1}), Raising(), Unequal(), Seven(), object, KeyError("e")],
]
VALUES = [
    *[b"", b"1", b"-12", b"x", b"v" * 500, b"v" * 5000, b"9223372036854775807", bytearray(b"ba")],
    *[memoryview(b"mv"), memoryview(b"strided")[::2], Content(b"12"), "text", None, 3, [1, 2]],
    *[{"a": (1, 2)}, ctypes.c_uint32(5), Raising(), "\udce9"],
]
TIMES = [
    *[None, math.inf, -math.inf, math.nan, 0, 0.0, -1, 0.001, 1e-9, 0.0015, 1, 1.5, 2**31, 2**70],
    *[1e300, True, False, Whole(2), timedelta(seconds=1), timedelta(0), timedelta(days=-1)],
    *["1", b"", [], Raising(), timedelta.max, 1e9, 999_999_999, 10**9],
]
NUMBERS = [
    *[0, 1, -1, 7, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 2**100],
    *[True, None, 1.5, "1", Whole(3), Seven(), Raising(), math.inf],
]
MAPPINGS = [
    *[{}, {"a": b"1", "b": b"2"}, {"a": "wrong"}, {1: b"1"}, {"": b"1"}, {"a": b"1", "": b"2"}, Keyed()],
    *[OrderedDict(a=b"1"), defaultdict(bytes, a=b"1"), WrongItems(a=b"real"), UserDict(a=b"1")],
    *[Failing(a=b"1"), [("a", b"1")], [1], None, 5, "text", iter([]), Raising(), {"a": b"v" * 5000}],
]
LISTS = [
    *[[], ["a", "b"], ["a", b"a", "absent"], [1], [None], "ab", b"ab", ("a",), {"a": 1}, None, 5],
    *[["a", ""], [Content(b"c"), Text("t")], [[]], [Unequal(), Seven()], ["a"] * 300, Raising()],
]
MOMENTS = [0, 1, -1, 2**40, -(2**70), 1e300, math.nan, datetime(2100, 1, 1, tzinfo=UTC), "x", None]
