"""What is not known is evaluated once for all who ask, and an invalidation is stronger than that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cachecore import Cache
from cachecore_services.policy import PolicyCache, RedisPolicyCache
from cachecore_services.policy.native import NativeStore
from cachecore_services.policy.redis import connect

from .conftest import Q, Timed

OLD, NEW = {"allow": True}, {"allow": False}
OTHER = ("user-456", *Q[1:])


class Evaluation:
    """Begins with the state of the moment, and ends when it is told to."""

    def __init__(self, decision: Any = OLD) -> None:
        self.decision = decision
        self.calls = 0
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Any:
        self.calls += 1
        self.begun.set()
        await self.go.wait()
        if isinstance(self.decision, BaseException):
            raise self.decision
        return self.decision


async def no_evaluation() -> Any:
    raise AssertionError("it is known, or somebody evaluates already")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def ask(cache: PolicyCache, evaluate: Any, *question: str, **more: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(cache.get_or_evaluate(*(question or Q), evaluate, **more))


Made = Callable[[], Any]


@pytest.fixture(params=["cachecore", "shared", "redis"])
def made(request: pytest.FixtureRequest) -> Made:
    """What opens a policy cache on each kind of store."""
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None

    @asynccontextmanager
    async def opened() -> AsyncIterator[PolicyCache]:
        if url is not None:
            client = connect(url)
            await client.flushall()
            cache: PolicyCache = RedisPolicyCache(client)
        else:
            place = ":memory:" if request.param == "shared" else None
            cache = PolicyCache(store=NativeStore(Cache(1000, shared=place)))
        async with asyncio.timeout(60), cache:
            yield cache

    return opened


async def test_sixteen_who_miss_at_once_make_one_evaluation(made: Made) -> None:
    async with made() as cache:
        evaluate = Evaluation()
        asking = [ask(cache, evaluate) for _ in range(16)]
        while cache.metrics.misses < 16:
            await asyncio.sleep(0.001)
        evaluate.go.set()
        found = await asyncio.gather(*asking)
        assert found == [OLD] * 16 and len(set(map(id, found))) == 16  # each has his own
        assert evaluate.calls == 1 and await cache.get(*Q) == OLD
        assert await cache.get_or_evaluate(*Q, no_evaluation) == OLD
        metrics = cache.get_metrics()
        assert (metrics["hits"], metrics["misses"], metrics["errors"]) == (2, 16, 0)


def test_once_for_all_event_loops() -> None:
    cache = PolicyCache()
    calls: list[int] = []
    together = threading.Barrier(8)
    found: list[Any] = []

    async def evaluate(number: int) -> Any:
        calls.append(number)
        await asyncio.sleep(0.05)
        return OLD

    async def main() -> None:
        together.wait(60)
        questions = [(*Q[:2], str(number)) for number in range(50)]
        asked = (
            cache.get_or_evaluate(*question, lambda number=number: evaluate(number))
            for number, question in enumerate(questions)
        )
        found.extend(await asyncio.gather(*asked))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [OLD] * 400 and sorted(calls) == list(range(50))


Invalidate = Callable[[PolicyCache], Awaitable[object]]
INVALIDATE: dict[str, Invalidate] = {
    "a user": lambda cache: cache.invalidate(Q[0]),
    "a user's action": lambda cache: cache.invalidate(Q[0], Q[1]),
    "an action": lambda cache: cache.invalidate(action=Q[1]),
    "a resource": lambda cache: cache.invalidate(resource=Q[2]),
    "a pattern": lambda cache: cache.invalidate_pattern("*calculator*"),
    "all": lambda cache: cache.invalidate(),
    "clear": lambda cache: cache.clear_all(),
    "delete": lambda cache: cache.delete(*Q),
    "set": lambda cache: cache.set(*Q, NEW),
    "set_batch": lambda cache: cache.set_batch([(*Q, NEW, None, None)]),
}


@pytest.mark.parametrize("how", INVALIDATE)
async def test_what_is_invalidated_while_it_is_evaluated(made: Made, how: str) -> None:
    async with made() as cache:
        old, new = Evaluation(OLD), Evaluation(NEW)
        before = [ask(cache, old) for _ in range(3)]
        while cache.metrics.misses < 3:  # all have asked
            await asyncio.sleep(0.001)
        await old.begun.wait()
        await INVALIDATE[how](cache)
        after = ask(cache, new)
        if not how.startswith("set"):
            await new.begun.wait()
        old.go.set()
        assert await asyncio.gather(*before) == [OLD] * 3
        assert await cache.get(*Q) == (NEW if how.startswith("set") else None)
        new.go.set()
        assert await after == NEW == await cache.get(*Q) and old.calls == 1


async def test_others_evaluations_are_left_alone() -> None:
    """Also where the engine knows no more than the beginnings of keys."""
    async with PolicyCache() as cache:
        for invalidate in INVALIDATE["a user"], INVALIDATE["a user's action"]:
            await cache.clear_all()
            evaluate = Evaluation()
            other, mine = ask(cache, evaluate, *OTHER), ask(cache, evaluate)
            while evaluate.calls < 2:
                await asyncio.sleep(0)
            assert await invalidate(cache) == 0
            evaluate.go.set()
            await asyncio.gather(other, mine)
            assert await cache.get(*OTHER) == OLD and await cache.get(*Q) is None


async def test_the_lifetime_of_its_sensitivity(timed: Timed) -> None:
    evaluate = Evaluation()
    evaluate.go.set()
    for sensitivity, ttl in (("critical", 60), ("public", 300), (None, 60)):
        context = {"of": sensitivity}
        await ask(timed.policy, evaluate, context=context, sensitivity=sensitivity)
        assert timed.cache.ttl(timed.policy._generate_cache_key(*Q, context)) == ttl


async def test_a_decision_about_to_expire_is_asked_for_anew(timed: Timed) -> None:
    asked: list[Any] = []

    async def revalidate(*question: Any) -> Any:
        asked.append(question)
        return NEW

    timed.policy.set_revalidate_callback(revalidate)
    await timed.policy.set(*Q, OLD, sensitivity="critical")
    timed.later(43)
    assert await ask(timed.policy, no_evaluation, sensitivity="critical") == OLD
    await settle()
    assert asked == [(*Q, None)] and await timed.policy.get(*Q) == NEW


async def test_a_failure_reaches_all_and_the_next_begins_anew(made: Made) -> None:
    async with made() as cache:
        evaluate = Evaluation(OSError("the policy engine is away"))
        asking = [ask(cache, evaluate) for _ in range(3)]
        while cache.metrics.misses < 3:
            await asyncio.sleep(0.001)
        evaluate.go.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(answer) for answer in answers] == [OSError] * 3 and evaluate.calls == 1
        evaluate.decision = OLD
        assert await ask(cache, evaluate) == OLD == await cache.get(*Q)


@pytest.mark.parametrize(("decision", "errors"), [(None, {}), ({"allow": object()}, {"set": 1})])
async def test_what_cannot_be_stored(made: Made, decision: Any, errors: dict[str, int]) -> None:
    async with made() as cache:
        evaluate = Evaluation(decision)
        asking = [ask(cache, evaluate) for _ in range(3)]
        while cache.metrics.misses < 3:
            await asyncio.sleep(0.001)
        evaluate.go.set()
        assert await asyncio.gather(*asking) == [decision] * 3 and evaluate.calls == 1
        assert await cache.get(*Q) is None
        assert cache.get_metrics()["errors_by_operation"] == errors


async def test_a_cache_that_fails_stops_no_evaluation(timed: Timed) -> None:
    evaluate = Evaluation()
    question: Any = (None, *Q[1:])
    asking = [ask(timed.policy, evaluate), ask(timed.policy, evaluate, *question)]
    asking.append(ask(timed.policy, evaluate, "x" * 65_536, *Q[1:]))
    await settle()
    timed.cache.close()
    asking.append(ask(timed.policy, evaluate))
    await settle()
    evaluate.go.set()
    assert await asyncio.gather(*asking) == [OLD] * 4 and evaluate.calls == 4
    assert timed.policy.get_metrics()["errors_by_operation"] == {"get": 3, "set": 1}


async def test_one_that_is_not_enabled_evaluates_each_time() -> None:
    async with PolicyCache(enabled=False) as cache:
        evaluate = Evaluation()
        evaluate.go.set()
        assert [await ask(cache, evaluate) for _ in range(2)] == [OLD] * 2 and evaluate.calls == 2


async def test_what_is_no_decision_is_replaced(timed: Timed) -> None:
    evaluate = Evaluation()
    evaluate.go.set()
    timed.cache.set(timed.policy._generate_cache_key(*Q), b"{")
    assert await ask(timed.policy, evaluate) == OLD == await timed.policy.get(*Q)
    assert timed.policy.get_metrics()["errors_by_operation"] == {"get": 1}


async def test_cancelled_callers_and_cancelled_evaluations(made: Made) -> None:
    async with made() as cache:
        evaluate = Evaluation()
        first, second = ask(cache, evaluate), ask(cache, evaluate)
        await evaluate.begun.wait()
        while cache.metrics.misses < 2:
            await asyncio.sleep(0.001)
        await settle()
        first.cancel()
        await settle()
        evaluate.go.set()
        assert await second == OLD and first.cancelled() and evaluate.calls == 1
        await cache.clear_all()
        known = asyncio.all_tasks()
        evaluate = Evaluation()
        third = ask(cache, evaluate)
        await evaluate.begun.wait()
        for task in asyncio.all_tasks() - known - {third}:
            task.cancel()
        evaluate.go.set()
        assert await third == OLD and evaluate.calls == 2


async def test_a_redis_that_keeps_nothing(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError("OOM command not allowed when used memory > 'maxmemory'.")

    client = connect(redis_url)
    await client.flushall()
    async with RedisPolicyCache(client) as cache:
        evaluate = Evaluation()
        evaluate.go.set()
        with monkeypatch.context() as patch:
            patch.setattr(client, "set", refuse)
            assert await ask(cache, evaluate) == OLD and not cache.kept_last
        assert cache.get_metrics()["errors_by_operation"] == {"set": 1}
        assert await ask(cache, evaluate) == OLD and cache.kept_last and evaluate.calls == 2
