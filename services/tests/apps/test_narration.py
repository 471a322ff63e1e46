"""The cleanup service of the third seed: its shapes, numbers, log lines and areas of tests."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2")

from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from cachecore_services.maintenance import ManualClock, Status  # noqa: E402
from cachecore_services.narration import (  # noqa: E402
    AudioCache,
    NarrationCleanupService,
    NarrationRequests,
    Priority,
    State,
    TooLong,
)
from cachecore_services.narration import speech  # noqa: E402
from cachecore_services.narration.app import cleanup_router, create_app  # noqa: E402
from cachecore_services.narration.settings import NarrationSettings  # noqa: E402

from .conftest import DAY, HOUR, eventually, said  # noqa: E402


class Studio:
    """The service with all its parts; audio is made when the test says so."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.clock = ManualClock(wall=float(round(time.time())))
        self.outcomes: list[Any] = []
        self.alerts: list[Any] = []
        self.audio = AudioCache(directory, clock=self.clock, manual_clock=True)
        self.release = asyncio.Event()
        self.made: list[str] = []
        self.requests = NarrationRequests(
            self.audio, self._generate, clock=self.clock, manual_clock=True
        )
        self.cleanup = NarrationCleanupService(
            self.audio,
            self.requests,
            clock=self.clock,
            on_outcome=self.outcomes.append,
            on_alert=self.alerts.append,
            **options,
        )

    async def _generate(self, content: str, voice: str) -> bytes:
        self.made.append(content)
        await self.release.wait()
        if content == "unspeakable":
            raise ValueError("no voice for that")
        return content.encode()

    async def later(self, seconds: float) -> None:
        self.audio.index.advance_clock(seconds)
        self.requests.finished.advance_clock(seconds)
        await self.clock.advance(seconds)

    async def finish(self) -> None:
        self.release.set()
        await eventually(lambda: not self.requests._open)
        self.release.clear()

    async def cleaned(self, count: int) -> None:
        await eventually(lambda: len(self.outcomes) >= count)
        await self.clock.settle()


@asynccontextmanager
async def studio(directory: Path, **options: Any) -> AsyncIterator[Studio]:
    made = Studio(directory, **options)
    await made.requests.start()
    try:
        yield made
    finally:
        await made.cleanup.stop()
        await made.requests.stop()
        made.audio.close()


# -- Lifecycle -----------------------------------------------------------------------------------


async def test_cleans_at_the_start_and_every_six_hours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "cachecore.narration"):
        async with studio(tmp_path) as at:
            await at.cleanup.start()
            await at.cleaned(1)
            await at.cleanup.start()
            assert "Cleanup service is already running" in caplog.text
            await at.later(6 * HOUR - 1)
            assert len(at.outcomes) == 1
            await at.later(1)
            await at.cleaned(2)
            assert [one.trigger for one in at.outcomes] == ["start", "schedule"]
    assert "Started cleanup service (interval: 6.0h, abandoned timeout: 1.0h)" in caplog.text
    assert said(caplog, "cachecore.narration")[-1] == "Stopped cleanup service"


async def test_the_seeds_log_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with studio(tmp_path) as at:
        for number in range(5):
            at.audio.put(str(number), "en", bytes(2_587_852))  # 12.34 MB in all
        await at.later(7 * DAY)
        at.requests.submit("one", "en")
        at.requests.submit("two", "en")
        await at.clock.settle()
        await at.later(HOUR + 1)
        with caplog.at_level(logging.INFO, "cachecore.narration"):
            await at.cleanup.run_cleanup()
    assert said(caplog, "cachecore.narration")[:6] == [
        "Starting cleanup tasks",
        "Cleaning up expired cache entries",
        "Removed 5 expired cache entries, freed 12.34 MB",
        "Cleaning up abandoned requests",
        "Cancelled 2 abandoned requests",
        "Cleanup tasks completed successfully",
    ]


# -- Abandoned requests --------------------------------------------------------------------------


async def test_queued_or_generating_for_more_than_an_hour(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        five = [at.requests.submit(str(number), "en") for number in range(5)]
        await at.clock.settle()
        states = [request.state for request in five]
        assert states.count(State.GENERATING) == 3 and states.count(State.QUEUED) == 2
        await at.later(HOUR)
        assert (await at.cleanup.run_cleanup()).report["cancelled"] == 0
        await at.later(1)
        late = at.requests.submit("late", "en")
        assert (await at.cleanup.run_cleanup()).report["cancelled"] == 5
        await at.clock.settle()
        assert all(request.state is State.CANCELLED for request in five)
        assert late.state is State.GENERATING  # room was made for it: cancelling is real
        await at.finish()
        assert at.audio.get("late", "en") == b"late" and at.audio.get("0", "en") is None


async def test_a_long_queue_does_not_kill_what_has_just_begun(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        first = [at.requests.submit(str(number), "en") for number in range(3)]
        await at.clock.settle()
        waiting = at.requests.submit("waiting", "en")
        await at.later(HOUR - 1)
        for request in first:
            at.requests.cancel(request)
        await at.clock.settle()
        assert waiting.state is State.GENERATING
        await at.later(HOUR - 1)
        assert (await at.cleanup.run_cleanup()).report["cancelled"] == 0
        await at.finish()
        assert waiting.state is State.COMPLETED


async def test_finished_requests_are_forgotten_after_a_day(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        request = at.requests.submit("hello", "en")
        await at.finish()
        assert at.requests.find(request.id) is request and at.requests.stats()["total"] == 1
        await at.later(DAY)
        assert at.requests.find(request.id) is None and at.requests.stats()["total"] == 0


async def test_priorities_failures_and_the_same_question_twice(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        for number in range(3):
            at.requests.submit(str(number), "en")
        await at.clock.settle()
        low = at.requests.submit("low", "en", Priority.LOW)
        assert at.requests.submit("low", "en", Priority.HIGH) is low
        at.requests.submit("high", "en", Priority.HIGH)
        bad = at.requests.submit("unspeakable", "en", Priority.LOW)
        await at.finish()
        assert at.made == ["0", "1", "2", "high", "low", "unspeakable"]
        assert bad.state is State.FAILED and bad.error == "ValueError: no voice for that"
        assert at.requests.submit("low", "en") is not low
        for content, error in (("", ValueError), ("x" * 10_001, TooLong)):
            with pytest.raises(error):
                at.requests.submit(content, "en")


@pytest.mark.parametrize("how", ["cancelled", "exits", "interrupts", "from outside", "silent"])
async def test_a_generation_that_ends_oddly_is_a_failed_one(tmp_path: Path, how: str) -> None:
    """Not one that goes on for ever, nor the end of the server."""
    audio = AudioCache(tmp_path)
    ended = asyncio.Event()

    async def generate(content: str, voice: str) -> bytes:
        if content == "good":
            return b"audio"
        if how == "exits":
            raise SystemExit(2)
        if how == "interrupts":
            raise KeyboardInterrupt
        if how == "silent":
            return b""
        if how == "cancelled":
            raise asyncio.CancelledError
        await ended.wait()
        return b""

    requests = NarrationRequests(audio, generate, max_concurrent=1)
    await requests.start()
    bad = requests.submit("bad", "en")
    if how == "from outside":
        await eventually(lambda: bad.work is not None)
        assert bad.work is not None
        bad.work.cancel()
    for _ in range(200):
        await asyncio.sleep(0)
    await eventually(lambda: bad.state is State.FAILED)
    assert bad.error and requests.submit("bad", "en") is not bad
    good = requests.submit("good", "en", Priority.HIGH)
    ended.set()
    await eventually(lambda: good.state is State.COMPLETED)
    await requests.stop()
    audio.close()


# -- Statistics, dry runs, history, alerts -------------------------------------------------------


async def test_statistics_have_exactly_the_seeds_shape(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        await at.cleanup.start()
        await at.cleaned(1)
        at.audio.put("hello", "en", bytes(1024 * 1024 // 2))
        for number in range(5):
            at.requests.submit(str(number), "en")
        await at.clock.settle()
        assert at.cleanup.get_cleanup_stats() == {
            "running": True,
            "cleanup_interval_hours": 6,
            "abandoned_timeout_hours": 1,
            "cache": {
                "entry_count": 1,
                "total_size_mb": 0.5,
                "max_size_mb": 500,
                "ttl_days": 7,
            },
            "requests": {
                "total": 5,
                "by_status": {"completed": 0, "queued": 2, "generating": 3, "failed": 0},
                "active": 3,
                "queued": 2,
            },
        }


async def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    async with studio(tmp_path) as at:
        at.audio.put("hello", "en", b"audio")
        await at.later(7 * DAY)
        at.requests.submit("waiting", "en")
        await at.later(HOUR + 1)
        dry = await at.cleanup.run_cleanup(dry_run=True)
        real = await at.cleanup.run_cleanup()
        assert dict(dry.report) == dict(real.report)
        assert real.report["removed"] == real.report["cancelled"] == 1


async def test_one_step_fails_the_other_is_done_and_somebody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(tmp_path) as at:
        await at.cleanup.start()
        await at.cleaned(1)
        at.requests.submit("waiting", "en")
        await at.clock.settle()
        await at.later(HOUR + 1)

        def fail(dry_run: bool) -> None:
            raise OSError("disk")

        monkeypatch.setattr(at.audio, "cleanup", fail)
        outcome = await at.cleanup.run_cleanup()
        assert outcome.status is Status.FAILED and outcome.error == "CleanupFailed: OSError: disk"
        assert at.requests.stats()["by_status"]["cancelled"] == 1
        await eventually(lambda: len(at.alerts) == 1)
        assert at.cleanup.runner.status()["narration-cleanup"]["history"][-1]["error"]


# -- The endpoints -------------------------------------------------------------------------------


async def echo(content: str, voice: str) -> bytes:
    return content.encode()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = NarrationSettings(cache_dir=tmp_path)
    with TestClient(create_app(settings, echo)) as client:
        yield client


def spoken(client: TestClient, content: str) -> str:
    """Asks for audio and waits for it; the request's last state."""
    asked = client.post("/api/narration", json={"content": content})
    assert asked.status_code == 202
    end = time.monotonic() + 20
    while time.monotonic() < end:
        state = str(client.get(f"/api/narration/requests/{asked.json()['id']}").json()["status"])
        if state not in ("queued", "generating"):
            return state
    raise AssertionError("it did not end")


def test_the_two_endpoints(client: TestClient) -> None:
    assert spoken(client, "hello") == "completed"
    stats = client.get("/api/narration/cleanup/stats").json()
    assert set(stats) == {
        "running",
        "cleanup_interval_hours",
        "abandoned_timeout_hours",
        "cache",
        "requests",
    }
    assert stats["running"] is True and stats["requests"]["by_status"]["completed"] == 1
    answer = client.post("/api/narration/cleanup/run")
    assert answer.status_code == 200 and set(answer.json()) == {"success", "message", "stats"}
    assert answer.json()["success"] is True
    assert answer.json()["message"] == "Cleanup tasks completed successfully"
    assert answer.json()["stats"] == stats
    dry = client.post("/api/narration/cleanup/run", params={"dry_run": True}).json()
    assert dry["message"].startswith("Dry run: ")
    history = client.get("/api/narration/cleanup/history").json()["narration-cleanup"]["history"]
    assert [run["dryRun"] for run in history][-2:] == [False, True]


def test_without_the_service_and_when_it_fails(client: TestClient) -> None:
    bare = FastAPI()
    bare.include_router(cleanup_router())
    with TestClient(bare) as alone:
        answer = alone.get("/api/narration/cleanup/stats")
        assert (answer.status_code, answer.json()) == (
            503,
            {"detail": "Cleanup service is not available"},
        )
        assert alone.post("/api/narration/cleanup/run").status_code == 503
    client.app.state.audio.index.close()  # type: ignore[attr-defined]
    answer = client.get("/api/narration/cleanup/stats")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Failed to get cleanup stats: ")
    answer = client.post("/api/narration/cleanup/run")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Failed to run cleanup: ")


def test_listening(client: TestClient) -> None:
    spoken(client, "hello")
    heard = client.get("/api/narration/audio", params={"content": "hello"})
    assert heard.content == b"hello" and heard.headers["content-length"] == "5"
    assert client.get("/api/narration/audio", params={"content": "bye"}).status_code == 404
    assert client.get("/api/narration/requests/none").status_code == 404
    for body in ({"content": "\ud800"}, {"content": "x", "voice": "\udfff"}, {"content": "x", "vioce": "de"}):
        headers = {"content-type": "application/json"}
        answer = client.post("/api/narration", content=json.dumps(body), headers=headers)
        assert answer.status_code == 422
    for file in client.app.state.audio.index.values():  # type: ignore[attr-defined]
        file.path.write_bytes(b"hel")
    assert client.get("/api/narration/audio", params={"content": "hello"}).status_code == 404
    assert client.post("/api/narration", json={"content": "x" * 10_001}).status_code == 422
    assert "cachecore_job_runs_total" in client.get("/metrics").text


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = NarrationSettings()
    assert (defaults.max_size_mb, defaults.ttl_days) == (500, 7)
    assert (defaults.max_concurrent, defaults.max_content_length) == (3, 10_000)
    assert (defaults.interval_hours, defaults.timeout_hours) == (6, 1)
    for name, value in (
        ("NARRATION_CACHE_DIR", "/tmp/x"),
        ("NARRATION_CACHE_MAX_SIZE_MB", "10"),
        ("NARRATION_CLEANUP_INTERVAL_HOURS", "0.5"),
    ):
        monkeypatch.setenv(name, value)
    told = NarrationSettings()
    assert (str(told.cache_dir), told.max_size_mb, told.interval_hours) == ("/tmp/x", 10, 0.5)
    monkeypatch.setenv("NARRATION_MAX_CONCURRENT", "none")
    with pytest.raises(ValueError, match="NARRATION_MAX_CONCURRENT"):
        NarrationSettings()


async def test_a_beep_for_every_word() -> None:
    audio = await speech.beeps("two words", "en")
    assert audio[:4] == b"RIFF" and len(audio) == 44 + 2 * 2 * 1600
    with pytest.raises(ValueError, match="no voice"):
        await speech.espeak("hello", "--help")
