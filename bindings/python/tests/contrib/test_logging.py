"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
import re

from cachecore import Cache
from cachecore.contrib.logging import JSONFormatter, log_stats
from cachecore.policy import PolicyCache

from .conftest import used


class Written:
    """What the package logs, as lines of JSON."""

    def __enter__(self) -> Written:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(JSONFormatter())
        self._log = logging.getLogger("cachecore")
        self._log.addHandler(self._handler)
        self._log.setLevel(logging.INFO)
        return self

    def __exit__(self, *error: object) -> None:
        self._log.removeHandler(self._handler)
        self._log.setLevel(logging.NOTSET)

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


async def test_events_are_names_and_details_fields() -> None:
    with Written() as written:
        policy = PolicyCache(ttl_seconds=30)
        await policy.close()
        await policy.get("a user", "an action", "a resource")
    begun, failed = written.lines
    assert begun["event"] == "policy_cache_initialized" and begun["ttl_seconds"] == 30
    assert (failed["level"], failed["logger"]) == ("warning", "cachecore.policy")
    assert failed["event"] == "policy_cache_get_error" and failed["error_type"] == "ClosedError"
    assert not re.search("a user|an action|a resource", str(failed))  # who asked what is not logged


def test_statistics_and_what_json_cannot_say(cache: Cache[bytes]) -> None:
    used(cache)
    with Written() as written:
        log_stats({"sessions": cache})
        try:
            raise OSError("away")
        except OSError:
            logging.getLogger("cachecore.x").exception("failed", extra={"what": object})
    stats, failed = written.lines
    assert (stats["cache"], stats["hits"], stats["entries"]) == ("sessions", 2, 1)
    assert failed["what"] == "<class 'object'>" and "OSError: away" in str(failed["exception"])
