"""A FastAPI service, alone or with several workers.

    uvicorn fastapi_app:app
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics gunicorn --workers 4 --worker-class asgi fastapi_app:app

Each worker has a cache of its own.  The metrics of all are added up, because each pushes what it
has counted to prometheus_client's files.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cachecore import Cache
from cachecore.contrib.service import CacheService

try:
    import prometheus_client
    from fastapi import FastAPI, Response
    from prometheus_client import CollectorRegistry, multiprocess

    from cachecore.contrib.fastapi import router
    from cachecore.contrib.prometheus import CacheCollector, CachePusher
except ImportError as error:
    print(f"this example needs fastapi and prometheus-client: {error}")
    raise SystemExit(0) from None

SEVERAL_WORKERS = "PROMETHEUS_MULTIPROC_DIR" in os.environ

pages = Cache(max_entries=10_000, max_bytes=64 << 20, ttl=30)
decisions = Cache(max_entries=10_000, ttl=180, serializer="json")
service = CacheService({"pages": pages, "decisions": decisions}, sweep_interval=60)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Runs in each worker: sweepers and pushers are threads, and no thread survives a fork."""
    async with service.lifespan(app) as state:
        pusher = CachePusher({"pages": pages}) if SEVERAL_WORKERS else None
        if pusher:
            pusher.start(interval=1)
        yield state
        if pusher:
            pusher.stop()


app = FastAPI(lifespan=lifespan)
app.include_router(router(service))  # for operators: mount it where the public cannot reach it


@app.get("/pages/{number}")
async def page(number: int, response: Response) -> str:
    content = pages.get(f"page:{number}")
    response.headers["x-cache"] = "miss" if content is None else "hit"
    if content is None:
        content = f"page {number}, written by process {os.getpid()}".encode()
        pages.set(f"page:{number}", content)
    return content.decode()


@app.get("/may/{user}/{action}")
async def may(user: str, action: str) -> dict[str, Any]:
    question = f"{user}:{action}"
    decision: dict[str, Any] | None = decisions.get(question)
    if decision is None:
        decision = {"allow": user == "admin" or action == "read"}
        decisions.set(question, decision, ttl=60 if action == "write" else None)
    return decision


@app.get("/metrics")
async def metrics() -> Response:
    registry = CollectorRegistry()
    if SEVERAL_WORKERS:
        multiprocess.MultiProcessCollector(registry)
    else:
        registry.register(CacheCollector({"pages": pages}))
    return Response(prometheus_client.generate_latest(registry), media_type="text/plain")


def main() -> None:
    try:
        from starlette.testclient import TestClient
    except (ImportError, DeprecationWarning) as error:
        print(f"Starlette's test client is not there: {error}")
        return
    with TestClient(app) as client:
        for _ in range(3):
            answer = client.get("/pages/7")
            print(answer.json(), "-", answer.headers["x-cache"])
        assert answer.headers["x-cache"] == "hit"
        assert client.get("/may/guest/write").json() == {"allow": False}
        print("stats:", client.get("/cache/stats").json()["pages"]["hits"], "hits")
        print("cleanup:", client.get("/health/cache-cleanup").json()["status"])
        print(next(x for x in client.get("/metrics").text.splitlines() if "hits_total{" in x))


if __name__ == "__main__":
    main()
