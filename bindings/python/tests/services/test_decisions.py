"""The decision service of the first two seeds, and what the dashboard's routes answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402
from policy.conftest import redis_url  # noqa: E402

from cachecore.services.decisions.app import create_app  # noqa: E402
from cachecore.services.decisions.settings import DecisionSettings  # noqa: E402

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
    assert [one["code"] for one in cache["advice"]] == ["HIT_RATE_CRITICAL"]
    assert data["latencies"]["look-up"]["count"] == 1 and data["leads"] and data["alerts"] == []
    assert client.post("/dashboard/caches/decisions/sweep").json() == {"removed": 0}
    run = client.post("/dashboard/jobs/report/run").json()
    assert (run["status"], run["trigger"], run["report"]["misses"]) == ("succeeded", "manual", 1)
    assert client.post("/dashboard/jobs/none/run").status_code == 404
    assert client.post("/dashboard/caches/none/sweep").status_code == 404
    metrics = client.get("/metrics").text
    assert 'cachecore_entries{cache="decisions"} 1.0' in metrics
    assert 'cachecore_job_runs_total{job="report",status="succeeded"} 1.0' in metrics


def test_no_other_site_presses_the_buttons(client: TestClient) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        headers = {"sec-fetch-site": site}
        answer = client.post("/dashboard/caches/decisions/sweep", headers=headers)
        assert answer.status_code == status
