"""What a call is remembered by in a cache that processes share: the same bytes in every process.

The function's name and its arguments as text, which ``python -m cachecore keys`` shows: ``shop.prices.price('a',3)``.
A key from here holds no address, and no hash that differs from process to process.  A key that is long is
the name and a digest of the rest.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import os
import sys
import types
from collections.abc import Callable, Collection, Hashable
from datetime import date, datetime, time, timedelta, timezone
from hashlib import blake2b
from typing import Any, Final

from .callables import name_of
from .keys import TOKENS, CallKey

_LONG: Final = 1000  # bytes of a key that is kept as it is
_SMALL: Final = 2**63
_EXACT: Final = frozenset({date, timedelta, timezone, complex, types.EllipsisType})
_NAMED: Final = frozenset(
    {("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")}
    | {("pathlib", name) for name in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")}
)  # which need not be imported to be known


def function_name(function: Callable[..., Any], given: str | None) -> str:
    """What a function is called in every process; ValueError if it has no such name."""
    if given is not None:
        return given.replace("(", "%28")
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    what = None
    if not (isinstance(name, str) and isinstance(module, str)):
        what = "is no function"
    elif "<lambda>" in name:
        what = "is a lambda"
    elif "<locals>" in name and inspect.unwrap(function).__code__.co_freevars:
        what = "uses variables of the function around it"
    elif not isinstance(getattr(function, "__self__", None), (type, types.ModuleType, type(None))):
        what = "belongs to an object"
    if what is not None:
        raise ValueError(
            f"shared: {name_of(function)}() {what}, and has no name that is the same in every process:"
            " give it one by name="
        )
    return f"{_module_name(str(module))}.{name}".replace("(", "%28")


def _module_name(module: str) -> str:
    """The program itself has another name in the children of multiprocessing, and its name is not its own."""
    if module not in ("__main__", "__mp_main__"):
        return module
    main = sys.modules.get(module)
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return "__main__" if file is None else os.path.realpath(file)


class StableKeys:
    """Makes bytes of the keys that keys.py makes of the calls of one function."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.name = name
        self.prefix = f"{name}(".encode(errors="backslashreplace")
        #: defaults of no stable form, such as ``object()``: one stands for itself
        self._stand_ins = [default for default in _defaults(function) if not _is_stable(default)]

    def of(self, key: Hashable) -> bytes:
        """TypeError for arguments that are not the same in every process."""
        parts: Collection[Any] = key if isinstance(key, (CallKey, tuple)) else (key,)
        text = ",".join([self._text(part) for part in parts])
        found = self.prefix + text.encode() + b")"
        if len(found) <= _LONG:
            return found
        digest = blake2b(found, digest_size=32).hexdigest()
        return self.prefix + b"#" + digest.encode() + b")"

    def _text(self, part: Any) -> str:
        if any(part is default for default in self._stand_ins):
            return "<default>"
        try:
            return text_of(part)
        except TypeError as error:
            raise TypeError(
                f"shared: {self.name}(): {error} is not the same in every process:"
                " leave it out by ignore=, or make a key by key="
            ) from None


def _defaults(function: Callable[..., Any]) -> list[Any]:
    try:
        return [parameter.default for parameter in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return []


def _is_stable(value: Any) -> bool:
    try:
        text_of(value)
    except TypeError:
        return False
    return True


def text_of(part: Any) -> str:
    """An argument as ASCII.  Numbers that are equal are alike, as in a dict.  TypeError with what cannot be."""
    kind = type(part)
    if kind is str:
        return ascii(part)
    if part is None or kind is bytes or kind in _EXACT:
        return repr(part)
    if isinstance(part, enum.Enum):
        return f"{_type_name(kind)}.{part.name or text_of(part.value)}"
    for base, text in _BASES.items():
        if isinstance(part, base):
            if kind.__eq__ is not base.__eq__:  # pyright: ignore[reportUnknownMemberType]
                raise TypeError(_called(part))
            return text(part)
    if isinstance(part, type):
        return _type_name(part)
    if kind in (datetime, time):
        return _time(part)
    if (kind.__module__.partition(".")[0], kind.__qualname__) in _NAMED:
        return f"{kind.__name__}({str(part)!a})"
    if dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen:  # noqa: B009
        fields = [field.name for field in dataclasses.fields(kind) if field.compare]
        return f"{_type_name(kind)}({','.join([text_of(getattr(part, name)) for name in fields])})"
    token = TOKENS.get(id(part))
    if token is None:
        raise TypeError(_called(part))
    return token


def _int(number: int) -> str:
    return str(int(number)) if -_SMALL <= number < _SMALL else hex(number)


def _float(number: float) -> str:
    return _int(int(number)) if number.is_integer() else float.__repr__(number)


def _sequence(parts: tuple[Any, ...]) -> str:
    return f"({''.join([text_of(part) + ',' for part in parts])})"


def _set(parts: frozenset[Any]) -> str:
    return f"{{{','.join(sorted(text_of(part) for part in parts))}}}"


def _bytes(content: bytes) -> str:
    return bytes.__repr__(content)


def _str(text: str) -> str:
    return ascii(str.__str__(text))


# Types whose subclasses are equal to them, unless they say otherwise.
_BASES: Final[dict[type, Callable[[Any], str]]] = {
    int: _int, float: _float, tuple: _sequence, str: _str, bytes: _bytes, frozenset: _set,
}  # fmt: skip


def _time(part: datetime | time) -> str:
    zone = part.tzinfo
    kind = type(zone)
    by_key = kind.__module__ == "zoneinfo" and getattr(zone, "key", None) is not None
    if zone is None or kind is timezone or by_key:
        return repr(part)
    raise TypeError(_called(part))


def _type_name(kind: type) -> str:
    if "<locals>" in kind.__qualname__:
        raise TypeError(f"the local class {kind.__qualname__}")
    return f"{_module_name(kind.__module__)}.{kind.__qualname__}"


def _called(part: Any) -> str:
    return f"an argument of type {type(part).__qualname__!r}"
