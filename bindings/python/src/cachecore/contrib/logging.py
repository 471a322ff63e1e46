"""Structured logs, without a dependency.

The package logs through the standard library: loggers under ``cachecore``, the event's name as the
message, its details as ``extra`` fields.  structlog's ExtraAdder picks them up, and so does
this formatter, which writes one JSON object a line::

    handler.setFormatter(JSONFormatter())
    logging.getLogger("cachecore").addHandler(handler)
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from .measures import Caches, by_name, readings

_STANDARD: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message")
)


class JSONFormatter(logging.Formatter):
    """A record and its extra fields as one line of JSON; what JSON cannot say is its ``str``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_stats(caches: Caches, level: int = logging.INFO) -> None:
    """One event ``cache_stats`` for each open cache, with its statistics as fields."""
    log = logging.getLogger("cachecore.stats")
    for name, reading in readings(by_name(caches)).items():
        fields = {**asdict(reading.stats), "hit_rate": reading.stats.hit_rate}
        log.log(level, "cache_stats", extra={"cache": name, **fields})
