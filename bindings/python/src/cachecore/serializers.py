"""How a cache of bytes keeps other values."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

V = TypeVar("V")


class Serializer(Protocol[V]):
    """Any object, or module, with these two; ``msgpack`` or ``orjson``, say."""

    @property
    def dumps(self) -> Callable[[V], Any]: ...  # bytes-like, or str
    @property
    def loads(self) -> Callable[[bytes], V]: ...


#: "json": what ``json.dumps`` takes; back comes ``json.loads`` of it: lists for tuples, strings for the
#: keys of a dict.  "str": text that has a UTF-8 encoding.  "pickle": any object, to be used only where
#: else can write to the cache.
Named: TypeAlias = Literal["json", "pickle", "str"]

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_escaped = json.JSONEncoder(separators=(",", ":")).encode


def _json_dumps(value: Any) -> bytes:
    try:
        return _compact(value).encode()
    except UnicodeEncodeError:  # a lone surrogate, as of a file's name, has no UTF-8
        return _escaped(value).encode()


_NAMED: Final[dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]]] = {
    "json": (_json_dumps, json.loads),
    "pickle": (partial(pickle.dumps, protocol=pickle.HIGHEST_PROTOCOL), pickle.loads),
    "str": (str.encode, bytes.decode),
}


def functions(
    serializer: Named | Serializer[Any] | None,
) -> tuple[Callable[[Any], Any] | None, Callable[[bytes], Any] | None]:
    """``dumps`` and ``loads``, or None twice where values are bytes."""
    if serializer is None:
        return None, None
    if isinstance(serializer, str):
        try:
            return _NAMED[serializer]
        except KeyError:
            known = ", ".join(map(repr, _NAMED))
            raise ValueError(f"serializer must be one of {known}, not {serializer!r}") from None
    dumps, loads = getattr(serializer, "dumps", None), getattr(serializer, "loads", None)
    if not (callable(dumps) and callable(loads)):
        raise TypeError("a serializer is a name, or has the functions dumps and loads")

    def encoded(value: Any) -> Any:
        made = dumps(value)
        return made.encode() if isinstance(made, str) else made

    return encoded, loads
