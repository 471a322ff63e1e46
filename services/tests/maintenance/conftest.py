"""What the tests of the runner share: time that they move, and jobs that do as they are told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("croniter")
pytest.importorskip("tenacity")

from cachecore_services.maintenance import Job, ManualClock, Outcome, Run, Runner  # noqa: E402

HOUR = 3600.0


class Scripted:
    """An action that returns or raises what it was given, one thing a run; then nothing."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.runs: list[Run] = []

    async def __call__(self, run: Run) -> Any:
        self.runs.append(run)
        outcome = self.script.pop(0) if self.script else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def triggers(self) -> list[str]:
        return [run.trigger for run in self.runs]


def scripted(name: str, *script: Any, **options: Any) -> tuple[Job, Scripted]:
    action = Scripted(*script)

    async def perform(run: Run) -> Any:
        return await action(run)

    return Job(name, perform, **options), action


class Bench:
    """A started runner, its clock, and what it said."""

    def __init__(self, jobs: list[Job], **options: Any) -> None:
        self.clock = options.setdefault("clock", ManualClock())
        self.outcomes: list[Outcome] = []
        options.setdefault("chance", random.Random(1))
        self.runner = Runner(jobs, on_outcome=self.outcomes.append, **options)

    async def until(self, count: int) -> None:
        """Waits for so many outcomes, of threads too."""
        async with asyncio.timeout(20):
            while len(self.outcomes) < count:
                await asyncio.sleep(0.001)


@asynccontextmanager
async def bench(*jobs: Job, **options: Any) -> AsyncIterator[Bench]:
    made = Bench(list(jobs), **options)
    async with made.runner:
        await made.clock.settle()
        yield made
