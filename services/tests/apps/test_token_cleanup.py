"""The seven scenarios of the second seed, its endpoints and log lines, and what it wished for."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from cachecore_services.maintenance import Cron, Every, ManualClock, Workplace  # noqa: E402
from cachecore_services.blacklist import (  # noqa: E402
    TokenBlacklist,
    TokenTable,
    cleanup_expired_tokens,
    cleanup_job,
    periodic_token_cleanup,
)
from cachecore_services.blacklist.app import create_app  # noqa: E402
from cachecore_services.blacklist.settings import BlacklistSettings  # noqa: E402

from .conftest import DAY, HOUR, cancelled_at_the_end, eventually, said  # noqa: E402


SECRET = "a secret of thirty-two bytes or more"


class Counted:
    """A blacklist that counts its cleanups, and fails when told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.cleanups = 0

    def remove_expired(self) -> int:
        self.cleanups += 1
        if self.failures:
            raise self.failures.pop(0)
        return 3


@pytest.fixture
def settings(tmp_path: Path) -> BlacklistSettings:
    return BlacklistSettings(
        database_url=f"sqlite:///{tmp_path}/tokens.db",
        jwt_secret=SECRET,
        demo_login=True,
    )


@pytest.fixture
def client(settings: BlacklistSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


def login(client: TestClient, user: str = "ann") -> dict[str, str]:
    token = client.post("/api/v1/auth/login", params={"user": user}).json()["access_token"]
    return {"authorization": f"Bearer {token}"}


# -- The seven -----------------------------------------------------------------------------------


def test_app_starts_with_cleanup_task(
    settings: BlacklistSettings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), TestClient(create_app(settings)) as client:
        runner = client.app.state.runner  # type: ignore[attr-defined]
        assert runner.running and "token-cleanup" in runner.jobs
    assert not runner.running
    assert said(caplog, "cachecore.blacklist") == [
        "Starting background task for token cleanup...",
        "Token cleanup task started. Will run every 24 hours.",
        "Token cleanup task cancelled successfully",
    ]


async def test_periodic_cleanup_runs_on_interval(caplog: pytest.LogCaptureFixture) -> None:
    clock, blacklist = ManualClock(), Counted()
    with caplog.at_level(logging.INFO, "cachecore.blacklist"):
        async with cancelled_at_the_end(periodic_token_cleanup(blacklist, clock=clock)):  # type: ignore[arg-type]
            await clock.advance(DAY - 1)
            assert blacklist.cleanups == 0
            for day in (1, 2, 3):
                await clock.advance(2 if day == 1 else DAY)
                await eventually(lambda: blacklist.cleanups == day)
                await clock.settle()
    assert said(caplog, "cachecore.blacklist")[:6] == [
        "Token cleanup task started. Will run every 24 hours.",
        "Running scheduled token cleanup...",
        "Starting cleanup of expired tokens from blacklist",
        "Successfully removed 3 expired token(s) from blacklist",
        "Scheduled cleanup completed: removed 3 expired token(s)",
        "Running scheduled token cleanup...",
    ]


async def test_periodic_cleanup_handles_errors_gracefully(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, blacklist = ManualClock(), Counted(OSError("locked"))
    async with cancelled_at_the_end(periodic_token_cleanup(blacklist, clock=clock)) as task:  # type: ignore[arg-type]
        await clock.advance(DAY + 1)
        await eventually(lambda: "again in 60 s" in caplog.text)
        assert "Error during token cleanup: locked" in caplog.text
        await clock.advance(60)  # a minute, not another day
        await eventually(lambda: blacklist.cleanups == 2)
        await clock.settle()
        assert not task.done()


async def test_periodic_cleanup_respects_custom_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, blacklist = ManualClock(), Counted()
    with caplog.at_level(logging.INFO):
        work = periodic_token_cleanup(blacklist, 12, clock=clock)  # type: ignore[arg-type]
        async with cancelled_at_the_end(work):
            await clock.advance(12 * HOUR + 1)
            await eventually(lambda: blacklist.cleanups == 1)
    assert "Will run every 12 hours." in caplog.text
    for hours in (0, -1):
        with pytest.raises(ValueError, match="interval"):
            await periodic_token_cleanup(blacklist, hours)  # type: ignore[arg-type]


async def test_periodic_cleanup_cancellation(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    with caplog.at_level(logging.INFO):
        work = periodic_token_cleanup(Counted(), clock=clock)  # type: ignore[arg-type]
        async with cancelled_at_the_end(work) as task:
            await clock.settle()
        assert task.cancelled() and "Token cleanup task cancelled successfully" in caplog.text


def test_application_health_check_works(client: TestClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


def test_application_root_endpoint_works(client: TestClient) -> None:
    assert set(client.get("/").json()) == {"message", "version", "docs", "redoc"}
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 200


# -- Logging out ---------------------------------------------------------------------------------


def test_a_token_is_not_accepted_after_logging_out(client: TestClient) -> None:
    ann, bob = login(client, "ann"), login(client, "bob")
    assert client.get("/api/v1/auth/me", headers=ann).json() == {"user": "ann"}
    answer = client.post("/api/v1/auth/logout", headers=ann)
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully logged out"})
    for refused in (
        client.get("/api/v1/auth/me", headers=ann),
        client.post("/api/v1/auth/logout", headers=ann),
    ):
        body = refused.json()
        assert refused.status_code == 401
        assert datetime.fromisoformat(body.pop("timestamp")).tzinfo is not None
        assert body == {"detail": "Token has been invalidated", "error_type": "token_blacklisted"}
    assert client.get("/api/v1/auth/me", headers=bob).status_code == 200


def test_also_after_a_restart(settings: BlacklistSettings) -> None:
    with TestClient(create_app(settings)) as client:
        ann = login(client)
        client.post("/api/v1/auth/logout", headers=ann)
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/v1/auth/me", headers=ann).status_code == 401


def test_tokens_that_are_none(client: TestClient, settings: BlacklistSettings) -> None:
    import jwt

    def refused(claims: dict[str, Any], secret: str = SECRET) -> str:
        token = jwt.encode(claims, secret, "HS256")
        answer = client.get("/api/v1/auth/me", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        return str(answer.json()["error_type"])

    assert client.get("/api/v1/auth/me").json()["error_type"] == "not_authenticated"
    assert refused({"sub": "ann", "exp": 1}) == "token_expired"
    assert refused({"sub": "ann"}) == "invalid_token"  # one that never expires
    assert refused({"sub": "ann", "exp": 2**40}, "x" * 32) == "invalid_token"


def test_without_demo_login_nobody_is_let_in(settings: BlacklistSettings) -> None:
    closed = settings.model_copy(update={"demo_login": False})
    with TestClient(create_app(closed)) as client:
        assert client.post("/api/v1/auth/login").status_code == 404


def test_a_full_blacklist_is_seen_from_outside(settings: BlacklistSettings) -> None:
    with TestClient(create_app(settings.model_copy(update={"max_tokens": 1}))) as client:
        sessions = [login(client, f"user-{number}") for number in range(30)]
        for session in sessions:
            assert client.post("/api/v1/auth/logout", headers=session).status_code == 200
        health = client.get("/health")
        assert health.status_code == 200 and health.json()["status"] == "degraded"
        assert "fit into memory" in health.json()["problems"][0]
        end = time.monotonic() + 20
        while not (alerts := client.get("/dashboard/data").json()["alerts"]):
            assert time.monotonic() < end
            client.post("/dashboard/jobs/token-sync/run")  # 409 if it is just running
        assert [alert["rule"] for alert in alerts] == ["degraded-above"]
        assert all(
            client.get("/api/v1/auth/me", headers=one).status_code == 401 for one in sessions
        )


# -- What the seed could not do ------------------------------------------------------------------


async def test_a_restart_does_not_start_the_day_over(tmp_path: Path) -> None:
    from cachecore_services.maintenance import Runner

    clock, blacklist = ManualClock(), Counted()
    for cleanups in (0, 1, 2):
        job = cleanup_job(blacklist)  # type: ignore[arg-type]
        async with Runner([job], clock=clock, workplace=Workplace(tmp_path)):
            await clock.advance(20 * HOUR)
            await eventually(lambda: blacklist.cleanups >= cleanups)
            await clock.settle()
    assert blacklist.cleanups == 2  # in sixty hours, though no process lived for a day


def test_at_two_in_the_morning() -> None:
    settings = BlacklistSettings(cron="0 2 * * *", timezone="Asia/Manila", jwt_secret="x")
    assert settings.schedule() == Cron("0 2 * * *", "Asia/Manila")
    assert BlacklistSettings(interval_hours=12, jwt_secret="x").schedule() == Every(12 * HOUR)


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_CLEANUP_INTERVAL_HOURS", "12")
    monkeypatch.setenv("JWT_SECRET_KEY", "x")
    assert BlacklistSettings().interval_hours == 12
    for name, value in (
        ("TOKEN_CLEANUP_INTERVAL_HOURS", "0"),
        ("TOKEN_CLEANUP_CRON", "at night"),
        ("TOKEN_CLEANUP_TIMEZONE", "Mars"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv("TOKEN_CLEANUP_CRON", "0 2 * * *")
            patch.setenv(name, value)
            with pytest.raises(ValueError, match="TOKEN_CLEANUP|cron|time zone"):
                BlacklistSettings()


def test_cleanup_by_hand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = TokenTable(f"sqlite:///{tmp_path}/tokens.db")
    for number in range(5):
        table.add(bytes([number]) * 32, 1000 if number < 3 else 2**50, 0)
    blacklist = TokenBlacklist(table)
    with caplog.at_level(logging.INFO):
        assert cleanup_expired_tokens(blacklist) == 3
    assert "Successfully removed 3 expired token(s) from blacklist" in caplog.text
    assert table.count() == 2
    blacklist.close()


def test_cleanup_by_cron_or_kubernetes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tokens.db"
    table = TokenTable(url)
    for number in range(5):
        table.add(bytes([number]) * 32, 1000 if number < 3 else 2**50, 0)
    command = [sys.executable, "-m", "cachecore_services.blacklist"]
    place = tmp_path / "place"
    environment = {"TOKEN_BLACKLIST_DATABASE_URL": url, "CACHECORE_WORKPLACE": str(place)}

    def clean(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    for arguments, printed, left in (
        (["--dry-run"], "{'expired': 3, 'removed': 0}\n", 5),
        ([], "{'removed': 3}\n", 2),
    ):
        run = clean(*arguments)
        assert (run.returncode, run.stdout) == (0, printed), run.stderr
        assert table.count() == left
    with Workplace(place).only_one("token-cleanup"):
        run = clean()
    assert (run.returncode, run.stdout) == (1, "")
    assert "by another process" in run.stderr and "Traceback" not in run.stderr
    table.close()
