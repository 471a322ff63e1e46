"""What the tests of the services share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

for module in ("croniter", "tenacity", "fastapi", "sqlalchemy", "pydantic_settings", "jwt"):
    pytest.importorskip(module)

_OF_SERVICES = (
    *("TOKEN_", "JWT_", "NARRATION_", "PERMISSION_", "AGGRESSIVE_", "POLICY_", "REDIS_URL"),
    *("CACHE_INACTIVITY_", "CACHECORE_WORKPLACE", "CACHECORE_ALERT", "CACHECORE_JOB"),
    *("CACHECORE_ALLOWED", "CACHECORE_OPERATOR"),
    *("CACHECORE_SHARED", "CACHECORE_TIERED", "CACHECORE_MAX_LAG"),
)

HOUR = 3600.0
DAY = 24 * HOUR


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for something that a thread does; the bound is only there to end the test."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def cancelled_at_the_end(work: Any) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith(_OF_SERVICES):
            monkeypatch.delenv(name)


def said(caplog: pytest.LogCaptureFixture, logger: str) -> list[str]:
    """What one logger has said; asyncio's warns of a slow machine in between."""
    return [record.getMessage() for record in caplog.records if record.name == logger]
