"""Time as Python says it, seconds, and as the library says it, whole milliseconds.

A duration is an ``int`` or ``float`` of seconds, or a ``timedelta``.  It is read to the
microsecond, the resolution of timedelta, and rounded *up* to the millisecond, so that nothing
ends before its time.  ``NEVER`` (``math.inf``) stands for no end, ``None`` for the default.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, TypeAlias

from . import _native

Duration: TypeAlias = float | timedelta

#: A lifetime without end.
NEVER: Final = math.inf


class Kept(Enum):
    """What stands for a lifetime that is none."""

    DEADLINE = "the deadline that the entry has"


#: In place of a lifetime, where an entry is written back: its deadline stays.
KEEP: Final = Kept.DEADLINE

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = _native.TTL_NEVER - 1


def _microseconds(time: Duration, name: str) -> int:
    if isinstance(time, timedelta):
        return time // _MICROSECOND
    if not isinstance(time, (int, float)):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(time).__name__!r}")
    if isinstance(time, int):
        return time * 1_000_000
    if not math.isfinite(time):
        raise ValueError(f"{name} cannot be {time}")
    return round(min(time, _LONGEST) * 1_000_000.0) or int(time > 0)  # the shortest is not none


def _round_up(count: int, unit: int) -> int:
    return -(-count // unit)


def _whole(duration: Duration, name: str, unit: int) -> int:
    microseconds = _microseconds(duration, name)
    if microseconds <= 0:
        raise ValueError(f"{name} must be greater than 0")
    return min(_round_up(microseconds, unit), _LONGEST)


def ttl_ms(ttl: Duration | None, name: str = "ttl") -> int:
    """A lifetime: None is 0, the cache's default; NEVER is CACHECORE_TTL_NEVER.

    Zero is a ValueError, because in C it means "the default" and in other caches "at once" or
    "never": whoever writes it should say which.  A negative lifetime is one, too.
    """
    if ttl is None:
        return 0
    if ttl == NEVER:
        return _native.TTL_NEVER
    return _whole(ttl, name, 1000)


def result_ttl(ttl: Duration) -> float:
    """A lifetime in seconds that was computed from a result: not above 0, which is to say over."""
    if isinstance(ttl, float) and math.isinf(ttl):
        return ttl
    return max(-1, min(_round_up(_microseconds(ttl, "ttl"), 1000), _LONGEST)) / 1000


def lifetime_ms(ttl: Duration | Kept | None) -> int:
    """As ``ttl_ms``, for an entry that is there: KEEP is CACHECORE_TTL_KEEP."""
    return _native.TTL_KEEP if isinstance(ttl, Kept) else ttl_ms(ttl)


def default_ms(duration: Duration | None, name: str) -> int:
    """A lifetime in the options, where None and NEVER alike are 0: no end."""
    return 0 if duration is None or duration == NEVER else _whole(duration, name, 1000)


def jitter_permille(jitter: float | None) -> int:
    """The part of a lifetime that chance may take off it; None is none, and the least is not."""
    if jitter is None:
        return 0
    if not isinstance(jitter, (int, float)):
        raise TypeError(f"jitter must be a part of the lifetime, not {type(jitter).__name__!r}")
    if not 0 <= jitter <= 1:
        raise ValueError(f"jitter is the part of a lifetime, from 0 to 1, not {jitter}")
    return round(jitter * 1000) or int(jitter > 0)


def interval_ms(interval: Duration | None) -> int:
    """The sweeper's pace: None is 0, automatic."""
    return 0 if interval is None else _whole(interval, "interval", 1000)


def slice_us(duration: Duration | None) -> int:
    """The longest hold of a lock: None is 0, the library's default."""
    return 0 if duration is None else _whole(duration, "max_slice", 1)


def timeout_ms(timeout: Duration | None) -> int:
    """A wait that fits 32 bits: None and NEVER are 0, as long as it takes."""
    if timeout is None or timeout == NEVER:
        return 0
    return min(_whole(timeout, "timeout", 1000), 2**32 - 1)


def step_ms(step: Duration) -> int:
    """How far to move a manual clock; 0 is allowed."""
    microseconds = _microseconds(step, "seconds")
    if microseconds < 0:
        raise ValueError("seconds must not be negative: a manual clock only moves forward")
    return min(_round_up(microseconds, 1000), _LONGEST)


def deadline_ms(when: datetime | float) -> int:
    """A point of the wall clock, in milliseconds since 1970."""
    seconds = when.timestamp() if isinstance(when, datetime) else when
    milliseconds = _round_up(_microseconds(seconds, "when"), 1000)
    return max(-(2**63), min(milliseconds, 2**63 - 1))


def seconds_of(ttl_ms: int) -> float:
    """A lifetime as ``ttl_ms`` has it."""
    return NEVER if ttl_ms == _native.TTL_NEVER else ttl_ms / 1000


def seconds_default(default_ms: int) -> float:
    """A lifetime in the options: 0 is NEVER."""
    return default_ms / 1000 if default_ms else NEVER


def seconds_left(ttl_ms: int) -> float:
    """What the library reports as time left: -1 is NEVER."""
    return NEVER if ttl_ms < 0 else ttl_ms / 1000
