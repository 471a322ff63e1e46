"""Decisions about to expire are served, and asked for again in the background."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from cachecore_services.policy import RedisPolicyCache
from cachecore_services.policy.redis import connect

from .conftest import Q, Timed

OLD, NEW = {"allow": True}, {"allow": False}


class Engine:
    """A policy engine that answers when it is told to."""

    def __init__(self, timed: Timed) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.go = asyncio.Event()
        self.answer: Any = NEW
        timed.policy.set_revalidate_callback(self)

    async def __call__(self, *question: Any) -> Any:
        self.asked.append(question)
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class TestStaleWhileRevalidate:
    async def ready(self, timed: Timed, sensitivity: str = "critical", age: float = 43) -> Engine:
        engine = Engine(timed)
        await timed.policy.set(*Q, OLD, {"x": 1}, sensitivity=sensitivity)
        timed.later(age)
        return engine

    def get(self, timed: Timed, sensitivity: str | None = "critical") -> Any:
        return timed.policy.get(*Q, {"x": 1}, sensitivity)

    async def test_serves_the_old_and_fetches_the_new_once(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        assert [await self.get(timed) for _ in range(9)] == [OLD] * 9
        engine.go.set()
        await settle()
        assert engine.asked == [(*Q, {"x": 1})]
        assert await self.get(timed) == NEW
        metrics = timed.policy.get_metrics()
        counted = [metrics[name] for name in ("stale_hits", "hits", "misses", "revalidations")]
        assert counted == [9, 1, 0, 1]
        assert (metrics["effective_hit_rate"], metrics["miss_rate"]) == (100.0, 0.0)

    async def test_the_new_one_gets_the_lifetime_of_its_sensitivity(self, timed: Timed) -> None:
        engine = await self.ready(timed, "confidential", 100)
        await self.get(timed, "confidential")
        engine.go.set()
        await settle()
        key = timed.policy._generate_cache_key(*Q, {"x": 1})
        assert timed.cache.ttl(key) == 120

    @pytest.mark.parametrize(("age", "stale"), [(41.9, False), (42.1, True)])
    async def test_the_threshold_is_30_percent(self, timed: Timed, age: float, stale: bool) -> None:
        engine = await self.ready(timed, age=age)
        await self.get(timed)
        await settle()
        assert bool(engine.asked) == stale
        engine.go.set()

    async def test_the_threshold_is_of_the_entrys_own_lifetime(self, timed: Timed) -> None:
        engine = Engine(timed)
        await timed.policy.set(*Q, OLD, {"x": 1}, ttl_seconds=10)
        await self.get(timed)
        await settle()
        assert not engine.asked

    @pytest.mark.parametrize("sensitivity", ["internal", "public", None])
    async def test_others_are_not_revalidated(self, timed: Timed, sensitivity: str | None) -> None:
        engine = await self.ready(timed)
        assert await self.get(timed, sensitivity) == OLD
        await settle()
        assert not engine.asked

    async def test_can_be_switched_off(self, timed: Timed) -> None:
        timed.policy.stale_while_revalidate = False
        engine = await self.ready(timed)
        assert await self.get(timed) == OLD
        await settle()
        assert not engine.asked

    async def test_what_was_invalidated_meanwhile_does_not_come_back(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        await self.get(timed)
        await settle()
        await timed.policy.invalidate(Q[0])
        engine.go.set()
        await settle()
        assert await self.get(timed) is None
        assert timed.policy.get_metrics()["revalidations"] == 0

    async def test_what_was_replaced_meanwhile_stays(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        await self.get(timed)
        await settle()
        await timed.policy.set(*Q, {"allow": "newest"}, {"x": 1})
        engine.go.set()
        await settle()
        assert await self.get(timed) == {"allow": "newest"}

    async def test_a_failure_is_counted_and_asked_again(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        engine.answer = OSError("policy engine away")
        engine.go.set()
        for _ in range(2):
            assert await self.get(timed) == OLD
            await settle()
        assert timed.policy.get_metrics()["errors_by_operation"] == {"revalidate": 2}
        assert len(engine.asked) == 2

    async def test_no_answer_changes_nothing(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        engine.answer = None
        engine.go.set()
        await self.get(timed)
        await settle()
        assert await self.get(timed) == OLD

    async def test_close_cancels(self, timed: Timed) -> None:
        engine = await self.ready(timed)
        await self.get(timed)
        await settle()
        assert len(engine.asked) == 1
        await timed.policy.close()
        assert len(asyncio.all_tasks()) == 1

    async def test_who_comes_when_it_has_been_done_does_not_ask(self, timed: Timed) -> None:
        """It found the old one, and begins when the new one is there."""
        engine = await self.ready(timed)
        engine.go.set()
        store = timed.policy.store
        found = await store.find(timed.policy._generate_cache_key(*Q, {"x": 1}))
        assert found is not None
        await self.get(timed)
        await settle()
        assert await self.get(timed) == NEW
        key = timed.policy._generate_cache_key(*Q, {"x": 1})
        assert await store.begin_renewal(key, found) is None
        found = await store.find(key)
        assert found is not None and await store.begin_renewal(key, found) is not None

    async def test_one_that_hangs_is_asked_again(self, timed: Timed) -> None:
        """As the claim of whoever asks ends after half a minute."""
        engine = await self.ready(timed, "confidential", 85)
        await self.get(timed, "confidential")
        await settle()
        timed.later(31)
        await self.get(timed, "confidential")
        await settle()
        assert len(engine.asked) == 2
        engine.go.set()
        await settle()
        assert await self.get(timed) == NEW
        assert timed.policy.get_metrics()["revalidations"] == 1

    async def test_a_store_that_fails_stops_no_lookup(
        self, timed: Timed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.ready(timed)

        async def fail(*_: object) -> None:
            raise OSError("away")

        monkeypatch.setattr(timed.policy.store, "begin_renewal", fail)
        assert await self.get(timed) == OLD
        assert timed.policy.get_metrics()["errors_by_operation"] == {"revalidate": 1}

    @pytest.mark.parametrize("meanwhile", ["nothing", "invalidated", "replaced"])
    async def test_in_redis(self, redis_url: str, meanwhile: str) -> None:
        client = connect(redis_url)
        await client.flushall()
        async with RedisPolicyCache(client) as cache:
            other = {"allow": "other"}

            async def ask(*question: Any) -> Any:
                if meanwhile == "invalidated":
                    await cache.invalidate(Q[0])
                if meanwhile == "replaced":
                    await cache.set(*Q, other)
                return NEW

            cache.set_revalidate_callback(ask)
            await cache.set(*Q, OLD, ttl_seconds=5)
            assert await cache.get(*Q, sensitivity="critical") == OLD
            await asyncio.gather(*cache._revalidation._tasks)
            expected = {"nothing": NEW, "invalidated": None, "replaced": other}[meanwhile]
            assert await cache.get(*Q) == expected
            assert cache.metrics.revalidations == (meanwhile == "nothing")
            if meanwhile == "nothing":
                assert 55_000 < await client.pttl(cache._generate_cache_key(*Q)) <= 60_000


def test_one_asks_for_all_event_loops() -> None:
    """Also if they find the old one before, and begin after it has been replaced."""
    for _ in range(20):
        timed = Timed(ttl_seconds=600)
        asked: list[object] = []
        together = threading.Barrier(8)

        async def ask(*question: Any) -> Any:
            asked.append(question)
            await asyncio.sleep(0.001)
            return NEW

        async def main() -> None:
            together.wait(60)
            assert await timed.policy.get(*Q, sensitivity="critical") in (OLD, NEW)
            while timed.policy.metrics.revalidations == 0:
                await asyncio.sleep(0.001)

        timed.policy.set_revalidate_callback(ask)
        asyncio.run(timed.policy.set(*Q, OLD, sensitivity="critical"))
        timed.later(43)
        threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(asked) == 1 == timed.policy.metrics.revalidations
        timed.cache.close()
