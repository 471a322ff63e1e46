"""An application whose workers share a cache, for WSGI and ASGI; test_servers.py asks it.

It answers with what it did and its process id.  PLACE in the environment is where the cache is.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cachecore import Cache, cached
from cachecore.contrib.prometheus import CacheCollector
from prometheus_client import CollectorRegistry, generate_latest

cache = Cache(10_000, shared=os.environ["PLACE"], serializer="json")
registry = CollectorRegistry()
registry.register(CacheCollector({"pages": cache}))


@cached(shared=cache, ttl=600)
def page(key: str) -> str:
    """A value that is another one each time it is computed."""
    time.sleep(0.02)
    return uuid.uuid4().hex


def write_until_killed() -> None:
    """Returns when a thread is in the middle of it."""
    begun = threading.Event()

    def write() -> None:
        number = 0
        while True:
            cache.set(f"write:{number % 500}", "x" * (number % 3000))
            number += 1
            if number == 1000:
                begun.set()

    threading.Thread(target=write, daemon=True).start()
    begun.wait()


def canaries(count: int) -> None:
    for number in range(count):
        cache.set(f"canary:{number}", [number] * 20)


def alive(count: int) -> int:
    return sum(cache.peek(f"canary:{number}") == [number] * 20 for number in range(count))


def stats() -> list[int]:
    info = cache.stats()
    return [info.hits, info.misses, info.inserts, info.deletes, info.entries]


def answer(path: str) -> Any:
    _, what, *rest = path.split("/", 2)
    match what:
        case "page":
            return page(*rest)
        case "contains":
            return page.cache_contains(*rest)
        case "invalidate":
            return page.cache_invalidate(*rest)
        case "canaries":
            return canaries(int(rest[0]))
        case "alive":
            return alive(int(rest[0]))
        case "stats":
            return stats()
        case "metrics":
            return generate_latest(registry).decode()
        case "write":
            return write_until_killed()
    time.sleep(0.01)  # so that another worker is asked, too
    return what


def body(path: str) -> bytes:
    return json.dumps({"pid": os.getpid(), "answer": answer(path)}).encode()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    content = body(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


async def asgi(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    assert scope["type"] == "http"
    content = body(scope["path"])
    headers = [(b"content-length", str(len(content)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
