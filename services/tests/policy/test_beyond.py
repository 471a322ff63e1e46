"""What the original promised and did not do."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from programs import run_python

from cachecore import Cache, ClosedError
from cachecore_services.policy import InvalidationError, PolicyCache

from .conftest import Q, Timed
from .test_wrapper import without_library

OLD, NEW = {"allow": True}, {"allow": False}


class TestBatches:
    async def test_order_duplicates_and_metrics(self, cache: PolicyCache) -> None:
        stored = await cache.set_batch(
            [("u", "a", str(n), {"n": n}, {"c": n} if n % 2 else None, None) for n in range(600)]
        )
        assert stored == 600
        entries = [("u", "a", str(n), {"c": n} if n % 2 else None) for n in (599, 7, 598, 599)]
        decisions = await cache.get_batch([*entries, ("u", "a", "absent", None)])
        assert decisions == [{"n": 599}, None, {"n": 598}, {"n": 599}, None]  # 100 are held
        metrics = cache.get_metrics()
        assert (metrics["hits"], metrics["misses"], metrics["batch_operations"]) == (3, 2, 2)

    async def test_one_bad_entry_spoils_nothing(self, timed: Timed) -> None:
        cache = timed.policy
        entries: list[Any] = [(*Q, {"allow": object()}, None, None), ("v", *Q[1:], OLD, None, -1)]
        entries += [(*Q, OLD, None, None), (*Q, NEW, {"x": 1}, 9)]
        assert await cache.set_batch(entries) == 2
        timed.cache.set(cache._generate_cache_key(*Q, {}), b"{")
        found = await cache.get_batch([(*Q, None), (*Q, {}), (*Q, {"x": 1})])
        assert found == [OLD, None, NEW]
        counted = cache.get_metrics()["errors_by_operation"]
        assert counted == {"set_batch": 2, "get_batch": 1}

    async def test_the_last_of_two_under_one_key_counts(self, cache: PolicyCache) -> None:
        await cache.set_batch([(*Q, OLD, None, 5), (*Q, NEW, None, 9), (*Q, OLD, None, 9)])
        assert await cache.get(*Q) == OLD

    async def test_preload(self, timed: Timed) -> None:
        assert await timed.policy.preload_cache([(*Q, OLD, None), ("v", *Q[1:], NEW, {})]) == 2
        assert timed.cache.ttl(timed.policy._generate_cache_key(*Q)) == 60

    async def test_of_nothing(self, cache: PolicyCache) -> None:
        assert await cache.get_batch([]) == []
        assert await cache.set_batch([]) == 0
        assert cache.get_metrics()["batch_operations"] == 0


async def test_no_call_leaves_the_event_loops_thread(cache: PolicyCache) -> None:
    before = threading.active_count()
    await cache.set(*Q, OLD)
    await cache.get(*Q)
    await cache.get_batch([(*Q, None)])
    await cache.delete(*Q)
    assert threading.active_count() == before


async def test_a_get_never_yields_to_the_loop(cache: PolicyCache) -> None:
    await cache.set(*Q, OLD)
    with pytest.raises(StopIteration) as finished:
        cache.get(*Q).send(None)
    assert finished.value.value == OLD


@pytest.mark.parametrize(
    "question",
    [
        (1.5, "a", "r"),
        (None, "a", "r"),
        ("u", "a", "r", {"not": object()}),
        ("u", "a", "r", None, ["no", "name"]),
        ("u", "a", "r", {1: 2, "one": 3}, "critical"),
    ],
)
async def test_a_question_that_makes_no_sense_is_a_failed_read(
    cache: PolicyCache, question: Any
) -> None:
    cache.set_revalidate_callback(lambda *_: asyncio.sleep(0))
    assert await cache.get(*question) is None
    metrics = cache.metrics
    assert (metrics.failed_reads, metrics.errors["get"], metrics.total_requests) == (1, 1, 1)
    assert (metrics.hits, metrics.misses, metrics.cache_latency.count) == (0, 0, 1)


async def test_a_sensitivity_that_is_none_is_no_exception(cache: PolicyCache) -> None:
    assert await cache.set(*Q, OLD, sensitivity=["no", "name"]) is False  # type: ignore[arg-type]
    assert cache.metrics.errors["set"] == 1


async def test_two_caches_on_one_store_count_for_themselves(cache: PolicyCache) -> None:
    await cache.set(*Q, OLD)
    other = PolicyCache(store=cache.store)
    for _ in range(3):
        await cache.get(*Q)
    assert (other.metrics.hits, cache.metrics.hits) == (0, 3)
    await other.get(*Q)
    other.reset_metrics()
    assert (other.metrics.hits, cache.metrics.hits) == (0, 3)


async def test_latency_is_of_every_lookup(cache: PolicyCache) -> None:
    await cache.get(*Q)
    latency = cache.metrics.cache_latency
    assert latency.count == 1 and latency.sum_ns > 0
    assert cache.get_metrics()["p95_cache_latency_ms"] >= latency.mean_ms


async def test_counters_from_many_threads_add_up(cache: PolicyCache) -> None:
    def read() -> None:
        async def many() -> None:
            for _ in range(500):
                await cache.get(*Q)

        asyncio.run(many())

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.metrics.misses == cache.metrics.cache_latency.count == 2000


async def test_none_and_lifetimes_of_nothing_are_refused(cache: PolicyCache) -> None:
    assert await cache.set(*Q, None) is False
    assert await cache.set(*Q, OLD, ttl_seconds=0) is False
    assert cache.get_metrics()["errors_by_operation"] == {"set": 2}
    for ttl in (0, -1, float("inf")):
        with pytest.raises(ValueError, match="ttl_seconds"):
            PolicyCache(ttl_seconds=ttl)


async def test_a_decision_is_the_callers_own(cache: PolicyCache) -> None:
    """What is done to one is not seen by the next: texts that were parsed before are remembered."""
    decisions: list[Any] = [
        {"allow": True},
        {"allow": False, "why": ["a", {"b": [1, 2]}], "none": {}, "left": None},
        [[], [[1]]],
        {"long": "x" * 1000, "list": [1]},
        "text",
        7.5,
        False,
    ]
    for decision in decisions:
        await cache.set(*Q, decision)
        for _ in range(3):
            found = await cache.get(*Q)
            assert found == decision and type(found) is type(decision)
            spoil(found)


def spoil(value: Any) -> None:
    for inner in value.values() if isinstance(value, dict) else value if type(value) is list else ():
        spoil(inner)
    if isinstance(value, dict | list):
        value.clear()


async def test_false_decisions_are_decisions(cache: PolicyCache) -> None:
    decisions: list[Any] = [False, 0, [], {}]
    for decision in decisions:
        await cache.set(*Q, decision)
        assert await cache.get(*Q) == decision
    assert cache.metrics.misses == 0


def test_falls_back_to_redis_without_the_library(redis_url: str) -> None:
    run = without_library(
        f"""
import asyncio, logging, sys
logging.getLogger("cachecore").addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger("asyncio").setLevel(logging.ERROR)  # it complains of a slow machine
from cachecore_services.policy import close_policy_cache, get_policy_cache
from cachecore_services.policy.redis import connect
from cachecore_services.cleanup import get_cache_health, start_cache_cleanup, stop_cache_cleanup

async def main():
    cache = get_policy_cache(redis_client=connect({redis_url!r}))
    await cache.set("u", "a", "r", {{"allow": True}})
    print(await cache.get("u", "a", "r"), cache.get_metrics()["implementation"])
    task = await start_cache_cleanup(cache)
    print(await task.trigger_cleanup(), (await get_cache_health())["healthy"])
    await stop_cache_cleanup()
    await close_policy_cache()

asyncio.run(main())
"""
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "cachecore_unavailable_using_redis",
        "{'allow': True} redis",
        "0 True",
    ]


def test_the_package_can_be_imported_without_the_library() -> None:
    run = run_python(
        "from cachecore_services.policy import is_cachecore_available as ask; print(ask())",
        CACHECORE_LIBRARY="/nowhere/libcachecore.so",
    )
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_a_bounded_cache_stays_within_its_bound() -> None:
    async def fill(cache: PolicyCache) -> int:
        for number in range(1000):
            await cache.set("u", "a", str(number), OLD)
        return await cache.size()

    assert asyncio.run(fill(PolicyCache(100))) <= 100


def test_any_cache_of_the_engine_is_a_store() -> None:
    from cachecore_services.policy.native import NativeStore

    engine = Cache(max_bytes=1 << 20)
    cache = PolicyCache(store=NativeStore(engine))
    assert asyncio.run(cache.set(*Q, OLD)) and len(engine) == 1


async def test_who_asked_what_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    policy = PolicyCache(ttl_seconds=30)
    await policy.close()
    await policy.get("a user", "an action", "a resource")
    (failed,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert (failed.name, failed.getMessage()) == ("cachecore.policy", "policy_cache_get_error")
    assert failed.__dict__["error_type"] == "ClosedError"
    assert not re.search("a user|an action|a resource", str(failed.__dict__))


async def test_an_invalidation_that_failed_is_an_error(timed: Timed) -> None:
    """0 would say that there was nothing to forget."""
    timed.cache.close()
    for work in (
        lambda: timed.policy.invalidate("ann"),
        lambda: timed.policy.invalidate(),
        lambda: timed.policy.invalidate_pattern("policy:*"),
    ):
        with pytest.raises(InvalidationError) as raised:
            await work()
        assert isinstance(raised.value.__cause__, ClosedError)
    counted = timed.policy.get_metrics()["errors_by_operation"]
    assert counted == {"invalidate": 2, "invalidate_pattern": 1}
