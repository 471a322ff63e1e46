"""FastAPI and Starlette, through their own test clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cachecore import Cache
from cachecore.contrib.service import CacheService
from cachecore.policy import PolicyCache

pytest.importorskip("httpx2")
fastapi = pytest.importorskip("fastapi")
applications = pytest.importorskip("starlette.applications")

from starlette.requests import Request  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from cachecore.contrib.fastapi import router  # noqa: E402
from cachecore.contrib.starlette import routes  # noqa: E402


def fastapi_app(service: CacheService) -> Any:
    app = fastapi.FastAPI(lifespan=service.lifespan)
    app.include_router(router(service))
    return app


def starlette_app(service: CacheService) -> Any:
    return applications.Starlette(routes=routes(service), lifespan=service.lifespan)


@pytest.mark.parametrize("make", [fastapi_app, starlette_app])
def test_from_startup_to_shutdown(make: Callable[[CacheService], Any], cache: Cache[bytes]) -> None:
    service = CacheService({"sessions": cache})
    for key in ("a", "b", "c"):
        cache.set(key, b"", ttl=1)
    cache.get("a")
    cache.advance_clock(2)
    with TestClient(make(service)) as client:
        assert cache.sweeper.running
        stats = client.get("/cache/stats").json()
        assert stats["sessions"]["hits"] == 1 and stats["sessions"]["hit_rate"] == 1.0
        done = client.post("/cache/cleanup")
        assert (done.status_code, done.json()) == (
            200,
            {"success": True, "removed": {"sessions": 3}},
        )
        health = client.get("/health/cache-cleanup")
        assert health.status_code == 200
        assert (health.json()["status"], health.json()["running"]) == ("healthy", True)
        assert health.json()["metrics"]["total_entries_removed"] == 3
        cache.sweeper.stop()
        assert client.get("/health/cache-cleanup").status_code == 503
        cache.sweeper.start()
        assert client.get("/health/cache-cleanup").json()["status"] == "healthy"
    assert not cache.sweeper.running and not cache.closed


def test_several_caches_and_a_policy_cache(cache: Cache[bytes]) -> None:
    service = CacheService({"sessions": cache, "policy": PolicyCache()}, close=True)
    with TestClient(fastapi_app(service)) as client:
        assert client.get("/cache/stats").json()["policy"]["total_requests"] == 0
        assert set(client.get("/health/cache-cleanup").json()["metrics"]) == {"sessions", "policy"}
        cache.close()
        done = client.post("/cache/cleanup")
        assert (done.status_code, done.json()["success"]) == (500, False)
        assert client.get("/health/cache-cleanup").json()["status"] == "unhealthy"


def test_without_a_sweeper(cache: Cache[bytes]) -> None:
    service = CacheService(cache, sweep_interval=None, close=True)
    with TestClient(starlette_app(service)) as client:
        assert not cache.sweeper.running
        assert client.get("/health/cache-cleanup").json() == {"status": "disabled"}
        assert client.post("/cache/cleanup").json() == {"success": True, "removed": {"default": 0}}
    assert cache.closed
    with pytest.raises(ValueError, match="interval"):
        CacheService(PolicyCache(), sweep_interval=0)


def test_inside_an_applications_own_lifespan(cache: Cache[bytes]) -> None:
    service = CacheService({"sessions": cache})

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        async with service.lifespan(app) as state:
            yield {**state, "own": 1}

    app = fastapi.FastAPI(lifespan=lifespan)

    async def root(request: Request) -> list[Any]:
        return [sorted(request.state.caches), request.state.own]

    app.get("/")(root)
    with TestClient(app) as client:
        assert client.get("/").json() == [["sessions"], 1]
        assert cache.sweeper.running
