"""FastAPI and Starlette, through their own test clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

import pytest

from cachecore import Cache
from cachecore.contrib.cleanup import NothingSwept, NothingToSweep
from cachecore.contrib.service import CacheService

applications = pytest.importorskip("starlette.applications")
if not any(map(find_spec, ("httpx2", "httpx"))):  # which of them is up to Starlette
    pytest.skip("no httpx", allow_module_level=True)

from starlette.requests import Request  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from cachecore.contrib.starlette import routes  # noqa: E402


class Remote(NothingToSweep):
    """A cache that is elsewhere, and a sweeper that is what a test says."""

    def __init__(self, **status: Any) -> None:
        super().__init__()
        self.now = NothingSwept(**status)
        self.closed = False

    @property
    def sweeper(self) -> Remote:
        return self

    def status(self) -> NothingSwept:
        return self.now

    def get_metrics(self) -> dict[str, Any]:
        return {"total_requests": 0}

    async def close(self) -> None:
        self.closed = True


def fastapi_app(service: CacheService) -> Any:
    fastapi = pytest.importorskip("fastapi")
    from cachecore.contrib.fastapi import router

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


def test_several_caches_of_different_kinds(cache: Cache[bytes]) -> None:
    remote = Remote()
    service = CacheService({"sessions": cache, "remote": remote}, close=True)
    with TestClient(fastapi_app(service)) as client:
        assert client.get("/cache/stats").json()["remote"] == {"total_requests": 0}
        assert set(client.get("/health/cache-cleanup").json()["metrics"]) == {"sessions", "remote"}
        cache.close()
        done = client.post("/cache/cleanup")
        assert (done.status_code, done.json()["success"]) == (500, False)
        assert client.get("/health/cache-cleanup").json()["status"] == "unhealthy"
    assert remote.closed


def test_without_a_sweeper(cache: Cache[bytes]) -> None:
    service = CacheService(cache, sweep_interval=None, close=True)
    with TestClient(starlette_app(service)) as client:
        assert not cache.sweeper.running
        assert client.get("/health/cache-cleanup").json() == {"status": "disabled"}
        assert client.post("/cache/cleanup").json() == {"success": True, "removed": {"default": 0}}
    assert cache.closed
    with pytest.raises(ValueError, match="interval"):
        CacheService(cache, sweep_interval=0)


def test_inside_an_applications_own_lifespan(cache: Cache[bytes]) -> None:
    service = CacheService({"sessions": cache})

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        async with service.lifespan(app) as state:
            yield {**state, "own": 1}

    app = pytest.importorskip("fastapi").FastAPI(lifespan=lifespan)

    async def root(request: Request) -> list[Any]:
        return [sorted(request.state.caches), request.state.own]

    app.get("/")(root)
    with TestClient(app) as client:
        assert client.get("/").json() == [["sessions"], 1]
        assert cache.sweeper.running


@pytest.mark.parametrize("make", [fastapi_app, starlette_app])
def test_a_sweeper_started_by_hand_is_left_running(
    make: Callable[[CacheService], Any], cache: Cache[bytes]
) -> None:
    cache.sweeper.start(30)
    with TestClient(make(CacheService(cache))) as client:
        assert client.get("/health/cache-cleanup").status_code == 200
        assert client.post("/cache/cleanup").status_code == 200
    assert cache.sweeper.running and cache.sweeper.interval == 30


@pytest.mark.parametrize("make", [fastapi_app, starlette_app])
def test_services_share_a_cache(
    make: Callable[[CacheService], Any], cache: Cache[bytes]
) -> None:
    slow, fast = (CacheService(cache, sweep_interval=interval) for interval in (60, 10))
    with TestClient(make(slow)) as first:
        with TestClient(make(fast)) as second:
            for client in (first, second):
                assert client.get("/health/cache-cleanup").status_code == 200
            assert cache.sweeper.interval == 10
        assert first.get("/health/cache-cleanup").status_code == 200
        assert cache.sweeper.interval == 60
    assert not cache.sweeper.running


def test_a_lifespan_within_another_and_one_after_it(cache: Cache[bytes]) -> None:
    service = CacheService(cache)
    for _ in range(2):
        with TestClient(starlette_app(service)) as outer:
            with TestClient(starlette_app(service)) as inner:
                assert inner.get("/health/cache-cleanup").status_code == 200
            assert outer.get("/health/cache-cleanup").status_code == 200
        assert not cache.sweeper.running


def test_what_is_no_cache_is_refused() -> None:
    for given in ({"a": 1}, {"a": None}, 5):
        with pytest.raises(TypeError):
            CacheService(given)  # type: ignore[arg-type]


def test_statistics_of_a_closed_cache(cache: Cache[bytes]) -> None:
    service = CacheService({"open": Cache(2), "closed": cache})
    cache.close()
    with TestClient(starlette_app(service)) as client:
        stats = client.get("/cache/stats").json()
        assert stats["closed"] == {"closed": True} and stats["open"]["entries"] == 0
        assert client.get("/health/cache-cleanup").status_code == 503


@pytest.mark.parametrize("make", [fastapi_app, starlette_app])
def test_a_hung_sweeper_is_unhealthy(make: Callable[[CacheService], Any]) -> None:
    hung = Remote(healthy=False)
    service = CacheService({"hung": hung, "well": Cache(2)})
    with TestClient(make(service)) as client:
        health = client.get("/health/cache-cleanup")
        assert (health.status_code, health.json()["running"]) == (503, True)
        hung.now = NothingSwept()
        assert client.get("/health/cache-cleanup").status_code == 200
