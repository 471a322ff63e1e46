"""The options of a tier."""

from __future__ import annotations

from typing import Any, Final, Literal, TypedDict

from ..durations import Duration


class Options(TypedDict, total=False):
    """Any of them may be left out.  Durations are seconds or a timedelta.

    prefix: of the keys on the server.  Only changes to such keys are listened to.
    local_ttl: most seconds that a value is served from here before the server is asked again, 60; less if
        the server keeps it for less.
    jitter: each such time is shortened by a random part of up to this one, from 0 to 1; 0.1.
    max_lag: nothing is served from here if the server has not told for so many seconds, 2, that nothing is
        missing.  So long may an old value be served where the connection is lost.  The same in all
        processes of the machine.
    stale_if_error: while the server is away, values may be served for so many seconds more; None, which is
        the default: they may not.
    on_error: what a read does that needs the server while that is away: find nothing ("miss"), or raise
        ServerAwayError ("raise").
    queue_writes: so many writes wait in this process for a server that is away; 0: they raise
        ServerAwayError at once, as do those that find the queue full.
    listen_on: a synchronous client whose address the listener takes; None: that of ``remote``.  An
        asynchronous client behind a Sentinel needs one.
    """

    prefix: str | bytes
    local_ttl: Duration
    jitter: float
    max_lag: Duration
    stale_if_error: Duration | None
    on_error: Literal["miss", "raise"]
    queue_writes: int
    listen_on: Any


DEFAULTS: Final[dict[str, Any]] = {
    "prefix": b"",
    "local_ttl": 60.0,
    "jitter": 0.1,
    "max_lag": 2.0,
    "stale_if_error": None,
    "on_error": "miss",
    "queue_writes": 0,
    "listen_on": None,
}
