"""aiocache's acceptance tests, with our cache in the place of its memory cache."""

from __future__ import annotations

from environment import Environment
from outcome import Outcome, pytest

FIXTURES = """

from aiocache.serializers import StringSerializer

from cachecore.contrib.aiocache import CacheCoreCache


@pytest.fixture
async def memory_cache(request):
    # Locks store text of their own, which the tests of locks compare with what the cache returns.
    text = "test_lock" in request.node.nodeid
    serializer = StringSerializer() if text else None
    async with CacheCoreCache(serializer, namespace="test") as cache:
        yield cache


@pytest.fixture
def cache(memory_cache):
    return memory_cache
"""

_BASE = "tests/acceptance/test_base.py::"
EXCLUDED = {
    _BASE + "TestCache::test_set_cancel_previous_ttl_handle": "looks at the event loop's timers of "
    "aiocache's own memory cache",
    _BASE + "TestMemoryCache::test_accept_explicit_args": "makes an aiocache.SimpleMemoryCache",
    _BASE + "TestMemoryCache::test_raw": "calls methods of dict",
    "tests/acceptance/test_lock.py::TestOptimisticLock::test_check_and_set_with_int_ttl": "sleeps "
    "for exactly the lifetime, which the engine may end a tick of its clock, 4 ms, later",
}
_MARKED = {
    "-m redis, -m memcached": "need those servers, and test those backends",
    "test_factory.py, test_plugins.py, test_serializers.py": "make their own caches by class",
}


def run(environment: Environment) -> Outcome:
    packages = (
        "aiocache",
        "pytest",
        "pytest-asyncio",
        "pytest-mock",
        "marshmallow",
        "redis",
        "aiomcache",
    )
    environment.pip("install", *packages)
    folder = environment.source("aiocache")
    conftest = folder / "tests" / "acceptance" / "conftest.py"
    if "CacheCoreCache" not in conftest.read_text():
        conftest.write_text(conftest.read_text() + FIXTURES)
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nmarkers =\n    redis\n    memcached\n"
    )
    outcome = pytest(
        environment,
        "aiocache",
        "acceptance tests",
        folder,
        "-m",
        "not redis and not memcached",
        *(f"tests/acceptance/test_{name}.py" for name in ("base", "lock", "decorators")),
        excluded=EXCLUDED,
    )
    outcome.excluded = {**EXCLUDED, **_MARKED}
    return outcome
