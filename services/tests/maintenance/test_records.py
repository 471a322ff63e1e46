"""What was known before a restart is known after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cachecore_services.maintenance import (
    Alert,
    ConsecutiveFailures,
    Every,
    Job,
    ManualClock,
    Outcome,
    Status,
    SuccessRate,
    Threshold,
    Workplace,
)

from .conftest import HOUR, bench, scripted

ERROR = OSError("disk")


class Restarting:
    """The same jobs in one process after the other, on one clock."""

    def __init__(self, directory: Path, *rules: Any, everywhere: bool = False) -> None:
        self.clock, self.rules, self.directory = ManualClock(), rules, directory
        self.everywhere = everywhere
        self.heard: list[Alert] = []

    async def hear(self, alert: Alert) -> None:
        self.heard.append(alert)

    async def process(self, *script: Any) -> Any:
        """Runs the job once an hour, as often as there is something in the script."""
        job, _ = scripted("sweep", *script, schedule=Every(HOUR), everywhere=self.everywhere)
        options = {"rules": self.rules, "on_alert": self.hear, "clock": self.clock}
        async with bench(job, workplace=Workplace(self.directory), history=30, **options) as at:
            await self.clock.advance(len(script) * HOUR)
            return at.runner


@pytest.mark.parametrize("everywhere", [False, True])
async def test_failures_in_a_row_across_restarts(tmp_path: Path, everywhere: bool) -> None:
    at = Restarting(tmp_path, ConsecutiveFailures(2), everywhere=everywhere)
    await at.process({}, ERROR)
    assert at.heard == []
    runner = await at.process(ERROR)
    assert [alert.firing for alert in at.heard] == [True]
    assert runner.histories["sweep"].consecutive_failures == 2
    runner = await at.process(ERROR)
    assert len(at.heard) == 1 and runner.alarm.firing  # told once, whoever told it
    assert not runner.health()["healthy"]
    runner = await at.process({})
    assert [alert.firing for alert in at.heard] == [True, False]
    history = runner.histories["sweep"]
    assert len(history) == 5 and history.success_rate == 40 and history.last_success is not None
    assert history.counts == {Status.SUCCEEDED: 1}  # of this process, as counters are


async def test_a_day_below_a_limit_across_restarts(tmp_path: Path) -> None:
    at = Restarting(tmp_path, Threshold("hitRate", below=50, for_seconds=24 * HOUR))
    for _ in range(8):
        await at.process(*({"hitRate": 40} for _ in range(3)))
    assert at.heard == []
    await at.process({"hitRate": 40})
    assert [alert.firing for alert in at.heard] == [True]


async def test_success_rates_across_restarts(tmp_path: Path) -> None:
    at = Restarting(tmp_path, SuccessRate(90, after_runs=10))
    for _ in range(3):
        await at.process(ERROR, {}, {})
    assert at.heard == []
    await at.process({})
    assert [alert.firing for alert in at.heard] == [True]


async def test_one_that_takes_over_knows_what_the_leader_knew(tmp_path: Path) -> None:
    clock = ManualClock()
    options = {"clock": clock, "election_interval": 60, "rules": [ConsecutiveFailures(2)]}
    job, _ = scripted("sweep", {}, ERROR, schedule=Every(HOUR))
    other, _ = scripted("sweep", ERROR, schedule=Every(HOUR))
    async with bench(other, workplace=Workplace(tmp_path), **options) as standby:
        # The standby was first, and leads; so it becomes one by stepping down.
        await standby.runner.stop()
        async with bench(job, workplace=Workplace(tmp_path), **options) as leader:
            await standby.runner.start()
            assert (leader.runner.leads, standby.runner.leads) == (True, False)
            await clock.advance(2 * HOUR)
        await clock.advance(60 + HOUR)
        assert standby.runner.leads and standby.runner.histories["sweep"].consecutive_failures == 2
        assert standby.runner.alarm.firing


async def test_what_is_kept_makes_no_sense(tmp_path: Path) -> None:
    at = Restarting(tmp_path, ConsecutiveFailures(2))
    await at.process(ERROR)
    path = tmp_path / "job-sweep.outcomes"
    good = path.read_text()
    path.write_text('\n[]\n{"job": 1}\n{"job": "sweep", "status": "odd"}\n7\nnull' + good)
    runner = await at.process(ERROR)
    assert runner.histories["sweep"].consecutive_failures == 2 and len(at.heard) == 1


async def test_nothing_is_kept_without_a_directory(tmp_path: Path) -> None:
    async with bench(Job("sweep", lambda run: None, everywhere=True)) as at:
        await at.runner.run("sweep")
    async with bench(Job("sweep", lambda run: None)) as again:
        assert len(again.runner.histories["sweep"]) == 0


def test_an_outcome_and_its_dict() -> None:
    one = Outcome("a", "manual", Status.TIMED_OUT, 1.25, 2.5, 3, True, {"n": [1]}, "late")
    assert Outcome.from_dict(one.to_dict()) == one
    for wrong in ({}, {**one.to_dict(), "status": "odd"}, {**one.to_dict(), "startedAt": "x"}):
        with pytest.raises((KeyError, ValueError)):
            Outcome.from_dict(wrong)
