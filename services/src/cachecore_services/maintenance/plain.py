"""What an action reports, as JSON has it, whatever it is.

A report is kept, shown on pages, written to files and compared with limits.  One value that JSON does
not have would fail all of these later, far from who made it, so it is replaced when the run ends.
"""

from __future__ import annotations

import enum
import math
import numbers
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from typing import Any, Final

_DEPTH_MAX: Final = 16
_WHOLE_MAX: Final = 2**63


def plain(value: object, around: tuple[int, ...] = ()) -> Any:
    """The value as text, number, bool, None, list or dict.

    NaN, infinities and what is too large are None; moments are ISO 8601, a timedelta seconds, bytes
    text, names of a mapping text; any other object is its ``str``.  What is nested deeper than 16
    levels, or contains itself, is "...".

    around: identities of the containers that the value is in.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, around)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, numbers.Number):
        return _number(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode(errors="backslashreplace")
    if not isinstance(value, Iterable) or not hasattr(value, "__len__"):
        return _text(value)
    if id(value) in around or len(around) == _DEPTH_MAX:
        return "..."
    inside = (*around, id(value))
    try:
        if isinstance(value, Mapping):
            return {_text(name): plain(each, inside) for name, each in value.items()}
        return [plain(each, inside) for each in value]
    except Exception:  # it cannot be walked
        return _text(value)


def described(error: BaseException) -> str:
    """The error's class, and what it says, if it can say it."""
    name = type(error).__name__
    said = _text(error)
    return f"{name}: {said}" if said else name


def _number(value: Any) -> int | float | str | None:
    try:
        if isinstance(value, numbers.Integral) and -_WHOLE_MAX < int(value) < _WHOLE_MAX:
            return int(value)
        real = float(value)
    except OverflowError:
        return None
    except (TypeError, ValueError):  # a complex number
        return _text(value)
    return real if math.isfinite(real) else None


def _text(value: object) -> str:
    try:
        return str(value).encode(errors="backslashreplace").decode()
    except Exception:  # what cannot say what it is
        return f"a {type(value).__name__}"
