"""A service that does not do its work says so; and what reports hold makes no page fail."""

from __future__ import annotations

import datetime
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2")

from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from cachecore import Cache  # noqa: E402
from cachecore_services.dashboard import Board, board_router  # noqa: E402
from cachecore_services.json_answer import JSONAnswer  # noqa: E402
from cachecore_services.maintenance import Job, Runner, Workplace  # noqa: E402

from .applications import SETTINGS, create  # noqa: E402


def until(holds: Callable[[], bool]) -> None:
    """Waits for what jobs do; the bound is only there to end the test."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def status(client: TestClient, path: str = "/health") -> tuple[int, str]:
    answer = client.get(path)
    return answer.status_code, answer.json()["status"]


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_a_service_that_is_well(service: str, tmp_path: Path) -> None:
    with TestClient(create(service, tmp_path)) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_a_job_that_fails_is_no_health(service: str, tmp_path: Path) -> None:
    app = create(service, tmp_path)
    with TestClient(app) as client:
        runner = app.state.board.runner
        (name,) = [name for name in runner.jobs if not name.endswith("sync")]
        good = runner.jobs[name]

        def fail(run: object) -> None:
            raise OSError("the password is hunter2")

        runner.jobs[name] = Job(name, fail)
        client.post(f"/dashboard/jobs/{name}/run")
        for path in ("/health", "/health/cache-cleanup"):
            answer = client.get(path)
            assert answer.status_code == 503 and answer.json()["status"] == "unhealthy"
            assert name in answer.json()["problems"][0] and "hunter2" not in answer.text
        runner.jobs[name] = good
        client.post(f"/dashboard/jobs/{name}/run")
        assert status(client) == (200, "healthy")


def test_a_check_that_fails_is_no_health(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> list[Any]:
        raise OSError("the password is hunter2")

    app = FastAPI()
    app.state.board = Board({}, Runner([]), checks=[fail])
    app.include_router(board_router())
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get("/health/cache-cleanup")
    assert answer.status_code == 503 and "hunter2" not in answer.text
    assert "hunter2" in caplog.text


def test_jobs_that_are_not_run_are_no_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be elected, or nothing written to the workplace."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    app = create("blacklist", tmp_path, workplace=tmp_path / "place", sync_seconds=0.02)
    with monkeypatch.context() as patch:
        patch.setattr(Workplace, "lead", fail)
        with TestClient(app) as client:
            assert status(client) == (503, "unhealthy") and "who leads" in client.get("/health").text
    with TestClient(app) as client:
        assert status(client) == (200, "healthy")
        with monkeypatch.context() as patch:
            patch.setattr(Workplace, "remember", fail)
            until(lambda: status(client) == (200, "degraded"))
        until(lambda: status(client) == (200, "healthy"))


def test_a_blacklist_that_cannot_read_its_table(tmp_path: Path) -> None:
    with TestClient(create("blacklist", tmp_path, sync_seconds=0.02)) as client:
        database = sqlite3.connect(tmp_path / "tokens.db")
        database.execute("ALTER TABLE token_blacklist RENAME TO away")
        database.commit()
        until(lambda: status(client) == (503, "unhealthy"))
        database.execute("ALTER TABLE away RENAME TO token_blacklist")
        database.commit()
        database.close()
        until(lambda: status(client) == (200, "healthy"))


def test_a_blacklist_that_cannot_write_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create("blacklist", tmp_path)
    with TestClient(app) as client:
        token = client.post("/api/v1/auth/login").json()["access_token"]
        session = {"authorization": f"Bearer {token}"}

        def fail(*_: object) -> None:
            raise OSError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(app.state.blacklist.table, "add", fail)
            assert client.post("/api/v1/auth/logout", headers=session).status_code == 503
            assert status(client) == (503, "unhealthy")
        assert client.post("/api/v1/auth/logout", headers=session).status_code == 200
        assert status(client) == (200, "healthy")


def test_a_blacklist_whose_file_has_gone(tmp_path: Path) -> None:
    """What is written into a file that was removed is acknowledged by SQLite, and lost."""
    with TestClient(create("blacklist", tmp_path, sync_seconds=0.02)) as client:
        token = client.post("/api/v1/auth/login").json()["access_token"]
        for file in tmp_path.glob("tokens.db*"):
            file.unlink()
        headers = {"authorization": f"Bearer {token}"}
        for _ in range(2):
            assert client.post("/api/v1/auth/logout", headers=headers).status_code == 503
            until(lambda: status(client) == (503, "unhealthy"))
            (tmp_path / "tokens.db").touch()  # another one, which is as bad


def test_when_the_database_does_not_answer_nobody_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create("blacklist", tmp_path, max_tokens=1)
    with TestClient(app) as client:
        for _ in range(30):  # more than fit, so that the table is asked
            token = client.post("/api/v1/auth/login").json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            assert client.post("/api/v1/auth/logout", headers=headers).status_code == 200

        def fail(*_: object) -> None:
            raise OSError("away")

        token = client.post("/api/v1/auth/login").json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        with monkeypatch.context() as patch:
            patch.setattr(app.state.blacklist.table, "contains", fail)
            assert client.get("/api/v1/auth/me", headers=headers).status_code == 503
        assert client.get("/api/v1/auth/me", headers=headers).status_code == 200


def test_a_sweeper_that_has_gone(tmp_path: Path) -> None:
    app = create("permissions", tmp_path)
    with TestClient(app) as client:
        app.state.permissions.cache.sweeper.stop()
        assert status(client) == status(client, "/health/cache-cleanup") == (503, "unhealthy")


LOOP: list[Any] = []
LOOP.append(LOOP)


class Mute:
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), None),
        ([float("inf"), -float("inf"), 1.5], [None, None, 1.5]),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00+00:00"),
        ({1: 2, None: 3, 1.5: float("nan")}, {"1": 2, "None": 3, "1.5": None}),
        ({"a"}, ["a"]),
        (b"\xff", "\\xff"),
        ("\ud800", "\\ud800"),
        (Mute(), "a Mute"),
        pytest.param(10**5000, None, id="a long number"),
        (True, True),
    ],
)
def test_a_report_of_anything_makes_no_page_fail(value: Any, told: Any) -> None:
    app = FastAPI()
    runner = Runner([Job("job", lambda run: {"value": value})])
    app.state.board = Board({"cache": Cache(10)}, runner)
    app.include_router(board_router())
    with TestClient(app) as client:
        assert client.post("/dashboard/jobs/job/run").json()["report"] == {"value": told}
        data = client.get("/dashboard/data")
        assert data.json()["jobs"]["job"]["history"][-1]["report"] == {"value": told}
        assert client.get("/metrics").status_code == 200


def test_what_contains_itself_ends_somewhere() -> None:
    assert json.loads(JSONAnswer({"loop": LOOP}).body)["loop"]
