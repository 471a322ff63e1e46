"""The decision service of the first two seeds, and what the dashboard's routes answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("httpx2")

import httpx2  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from policy.conftest import redis_url  # noqa: E402

from cachecore_services.decisions.app import create_app  # noqa: E402
from cachecore_services.decisions.settings import DecisionSettings  # noqa: E402

__all__ = ["redis_url"]

ASK = {"user": "ann", "action": "read", "resource": "tool:a", "sensitivity": "internal"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(DecisionSettings())) as client:
        yield client


def asked(client: TestClient) -> None:
    """Two questions, the first one twice."""
    assert client.get("/api/decisions", params=ASK).json() == {"allow": True}
    assert client.get("/api/decisions", params=ASK).json() == {"allow": True}
    denied = client.get("/api/decisions", params=ASK | {"action": "delete"})
    assert denied.json() == {"allow": False}
    metrics = client.get("/api/decisions/metrics").json()
    assert (metrics["hits"], metrics["misses"]) == (1, 2)
    for what, count in (({"user": "ann", "action": "read"}, 1), ({"user": "nobody"}, 0)):
        answer = client.post("/api/decisions/invalidate", json=what)
        assert answer.json() == {"invalidated": count}


def test_decisions(client: TestClient) -> None:
    asked(client)


def test_the_same_in_redis(redis_url: str) -> None:
    settings = DecisionSettings(store="redis", redis_url=redis_url)
    with TestClient(create_app(settings)) as client:
        asked(client)
        assert client.get("/dashboard/data").json()["caches"] == {}
        assert client.get("/health/cache-cleanup").json() == {"status": "disabled"}


def test_without_a_cache() -> None:
    with TestClient(create_app(DecisionSettings(store="none"))) as client:
        for _ in range(2):
            assert client.get("/api/decisions", params=ASK).json() == {"allow": True}
        assert client.get("/api/decisions/metrics").json()["hits"] == 0


def test_the_sweepers_health_has_the_seeds_shape(client: TestClient) -> None:
    report = client.get("/health/cache-cleanup").json()
    assert (report["status"], report["running"]) == ("healthy", True)
    assert {
        "cleanups_run",
        "total_entries_removed",
        "last_cleanup_removed",
        "last_cleanup_duration_ms",
        "avg_entries_per_cleanup",
        "errors",
    } <= set(report["metrics"])


def test_the_dashboard_counts_hits_at_once(client: TestClient) -> None:
    for _ in range(4):
        client.get("/api/decisions", params=ASK)
    assert client.get("/dashboard/data").json()["latencies"]["look-up"]["count"] == 4


def test_the_dashboards_routes(client: TestClient) -> None:
    client.get("/api/decisions", params=ASK)
    page = client.get("/dashboard")
    assert (
        "<script>" in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    )
    data = client.get("/dashboard/data").json()
    cache = data["caches"]["decisions"]
    assert (cache["entries"], cache["hits"], cache["misses"]) == (1, 0, 1)
    assert cache["hitRate"] == {"ever": 0, "fiveMinutes": 0, "hour": 0, "day": 0}
    assert cache["sweeper"]["state"] == "running" and cache["sweeper"]["healthy"]
    assert cache["advice"] == [] and "1 of 1000 look-ups" in cache["evidence"]["tooLittle"]
    assert data["latencies"]["look-up"]["count"] == 1 and data["leads"] and data["alerts"] == []
    assert client.post("/dashboard/caches/decisions/sweep").json() == {"removed": 0}
    run = client.post("/dashboard/jobs/report/run").json()
    assert (run["status"], run["trigger"], run["report"]["misses"]) == ("succeeded", "manual", 1)
    assert client.post("/dashboard/jobs/none/run").status_code == 404
    assert client.post("/dashboard/caches/none/sweep").status_code == 404
    metrics = client.get("/metrics").text
    assert 'cachecore_entries{cache="decisions"} 1.0' in metrics
    assert 'cachecore_job_runs_total{job="report",status="succeeded"} 1.0' in metrics


# -- Evaluations under way -----------------------------------------------------------------------


class Engine:
    """Decides by the state of the moment when it was asked, once it is told to."""

    def __init__(self) -> None:
        self.allow, self.asked = True, 0
        self.release = asyncio.Event()

    async def evaluate(self, user: str, action: str, resource: str) -> dict[str, Any]:
        self.asked += 1
        decision = {"allow": self.allow}
        await self.release.wait()
        return decision

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(20):
            while self.asked < times:
                await asyncio.sleep(0.001)


async def race(settings: DecisionSettings) -> None:
    """Twenty ask at once; permission is taken away meanwhile; somebody asks afterwards."""
    engine = Engine()
    app = create_app(settings, engine.evaluate)
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app):
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:

            def ask(user: str = "ann") -> Any:
                return asyncio.create_task(client.get("/api/decisions", params=ASK | {"user": user}))

            before, other = [ask() for _ in range(20)], ask("bob")
            await engine.until_asked(2)
            while app.state.policy.get_metrics()["misses"] < 21:  # all have asked
                await asyncio.sleep(0.001)
            engine.allow = False
            wiped = await client.post("/api/decisions/invalidate", json={"user": "ann"})
            assert wiped.status_code == 200
            after = ask()
            await engine.until_asked(3)
            engine.release.set()
            answers = [answer.json()["allow"] for answer in await asyncio.gather(*before)]
            assert answers == [True] * 20 and (await other).json()["allow"] is True
            assert (await after).json()["allow"] is False and engine.asked == 3
            assert (await ask()).json()["allow"] is False
            assert (await ask("bob")).json()["allow"] is True
            if settings.store != "none":
                assert engine.asked == 3


async def test_an_invalidation_is_stronger_than_an_evaluation_under_way() -> None:
    await race(DecisionSettings())


async def test_the_same_race_in_redis(redis_url: str) -> None:
    await race(DecisionSettings(store="redis", redis_url=redis_url))


# -- Invalidations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"usr": "ann"},
        {"user": None},
        {"all": False},
        {"all": True, "user": "ann"},
        {"user": "ann", "acton": "read"},
        {"user": 5},
        {"user": "\ud800"},
        [],
        None,
        "all",
    ],
)
def test_only_what_was_asked_for_is_wiped(client: TestClient, body: Any) -> None:
    client.get("/api/decisions", params=ASK)
    headers = {"content-type": "application/json"}
    answer = client.post("/api/decisions/invalidate", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422
    assert client.post("/api/decisions/invalidate").status_code == 422
    client.get("/api/decisions", params=ASK)
    assert client.get("/api/decisions/metrics").json()["hits"] == 1
    assert client.post("/api/decisions/invalidate", json={"all": True}).json() == {"invalidated": 1}


def test_a_redis_that_is_down_is_no_success() -> None:
    """What was to be forgotten may still be there: 503, and unhealthy."""
    settings = DecisionSettings(store="redis", redis_url="redis://127.0.0.1:1/0")
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/decisions", params=ASK).json() == {"allow": True}
        answer = client.post("/api/decisions/invalidate", json={"user": "ann"})
        assert answer.status_code == 503
        assert client.get("/api/decisions/metrics").json()["errors_by_operation"]["invalidate"] == 1
        health = client.get("/health")
        assert health.status_code == 503 and "does not answer" in health.json()["problems"][0]


def test_a_redis_that_keeps_nothing_is_degraded(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full, or a read-only copy: it answers, and every decision is made anew."""

    async def refuse(*_: object, **__: object) -> None:
        raise OSError("OOM command not allowed when used memory > 'maxmemory'.")

    app = create_app(DecisionSettings(store="redis", redis_url=redis_url))
    with TestClient(app) as client:
        with monkeypatch.context() as patch:
            patch.setattr(app.state.policy.store.client, "set", refuse)
            assert client.get("/api/decisions", params=ASK | {"user": "eve"}).json() == {"allow": True}
        health = client.get("/health")
        assert health.status_code == 200 and health.json()["status"] == "degraded"
        assert client.get("/api/decisions", params=ASK | {"user": "eve"}).json() == {"allow": True}
        assert client.get("/health").json() == {"status": "healthy"}


def test_what_is_too_long_to_be_kept_need_not_be_forgotten(client: TestClient) -> None:
    for user in ("x" * 65_536, "\N{FOX FACE}" * 20_000):
        answer = client.post("/api/decisions/invalidate", json={"user": user})
        assert (answer.status_code, answer.json()) == (200, {"invalidated": 0})
