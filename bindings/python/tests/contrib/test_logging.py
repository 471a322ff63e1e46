"""Structured logs."""

from __future__ import annotations

import io
import json
import logging

from cachecore import Cache
from cachecore.contrib.cleanup import CacheCleanupTask
from cachecore.contrib.logging import JSONFormatter, log_stats

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
        task = CacheCleanupTask(Cache(1), interval=30)
        task.reset_metrics()
    begun, reset = written.lines
    assert begun["event"] == "cache_cleanup_task_initialized" and begun["interval_seconds"] == 30
    assert (reset["level"], reset["logger"]) == ("info", "cachecore.cleanup")
    assert reset["event"] == "cache_cleanup_metrics_reset"


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
