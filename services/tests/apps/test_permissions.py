"""The permission cache, and what another lifetime would do."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from fastapi.testclient import TestClient

from cachecore import NEVER, ClosedError
from cachecore_services.errors import InvalidationError
from cachecore_services.guard import Guard
from cachecore_services.maintenance import ManualClock, Moment
from cachecore_services.permissions import (
    FollowGrowth,
    PermissionCache,
    TTLExperiment,
    TTLForecast,
)
from cachecore_services.permissions.app import create_app
from cachecore_services.permissions.forecast import share_of
from cachecore_services.permissions.settings import PermissionSettings


class Timed:
    """A permission cache whose time the test moves."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock(wall=float(round(time.time())))
        self.permissions = PermissionCache(clock=self.clock, manual_clock=True, **options)
        self.loaded: list[str] = []

    async def load(self, user: str) -> list[str]:
        self.loaded.append(user)
        return ["read"]

    async def get(self, user: str) -> list[str]:
        return await self.permissions.get_or_load(user, self.load)

    async def later(self, seconds: float) -> None:
        self.permissions.cache.advance_clock(seconds)
        await self.clock.advance(seconds)


@pytest.fixture
def timed() -> Iterator[Timed]:
    made = Timed()
    yield made
    made.permissions.close()


async def test_remembered_for_a_quarter_of_an_hour(timed: Timed) -> None:
    assert await timed.get("ann") == ["read"] and await timed.get("ann") == ["read"]
    assert timed.loaded == ["ann"]
    now = round(timed.clock.now().wall * 1000)
    assert timed.permissions.get("ann") == {
        "userId": "ann",
        "permissions": ["read"],
        "cachedAt": now,
        "expiresAt": now + 900_000,
    }
    await timed.later(900)
    await timed.get("ann")
    assert timed.loaded == ["ann", "ann"]


async def test_ttl_as_redis_says_it(timed: Timed) -> None:
    await timed.get("ann")
    assert timed.permissions.get_ttl("ann") == 900 and timed.permissions.get_ttl("bob") == -2
    timed.permissions.cache.touch("permissions:ann", NEVER)
    assert timed.permissions.get_ttl("ann") == -1 and timed.permissions.exists("ann")


async def test_one_load_for_all_who_wait(timed: Timed) -> None:
    release = asyncio.Event()

    async def slow(user: str) -> list[str]:
        await release.wait()
        return await timed.load(user)

    waiting = [asyncio.create_task(timed.permissions.get_or_load("ann", slow)) for _ in range(20)]
    await timed.clock.settle()
    waiting[0].cancel()
    release.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert timed.loaded == ["ann"] and answers[1:] == [["read"]] * 19
    assert isinstance(answers[0], asyncio.CancelledError)


@pytest.mark.parametrize("user", [7, 0, -1, UUID(int=7), "7"])
async def test_users_may_be_numbers_and_uuids(timed: Timed, user: Any) -> None:
    """Whoever is written alike is the same: the path of a request knows texts only."""
    for _ in range(3):
        assert await timed.get(user) == ["read"]
    assert timed.loaded == [user] and timed.permissions.failures == 0
    assert timed.permissions.exists(str(user)) and timed.permissions.get_ttl(user) == 900
    assert timed.permissions.get(user) == timed.permissions.get(str(user))
    assert timed.permissions.invalidate(user) and not timed.permissions.exists(user)
    assert timed.permissions.set(user, ["write"]) and await timed.get(str(user)) == ["write"]


async def test_users_that_are_none(timed: Timed) -> None:
    for user in (None, True, 1.5, b"ann", ["ann"]):
        with pytest.raises(TypeError, match="a user is"):
            await timed.get(user)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a user is"):
            timed.permissions.invalidate(user)  # type: ignore[arg-type]


async def test_a_hit_and_a_miss_answer_alike_and_nobody_shares_a_list(timed: Timed) -> None:
    async def load(user: str) -> tuple[str, ...]:
        await asyncio.sleep(0)
        return ("read", "write")

    first, second = await asyncio.gather(
        *(timed.permissions.get_or_load("ann", load) for _ in range(2))
    )
    first.append("everything")
    assert second == await timed.permissions.get_or_load("ann", load) == ["read", "write"]


async def test_one_text_is_not_taken_for_many_permissions(timed: Timed) -> None:
    async def load(user: str) -> str:
        return "read"

    with pytest.raises(TypeError, match="several texts"):
        await timed.permissions.get_or_load("ann", load)


@pytest.mark.parametrize("name", ["x" * 70_000, "\ud800"])
async def test_a_cache_that_fails_is_a_miss(timed: Timed, name: str) -> None:
    assert not timed.permissions.exists(name) and timed.permissions.get_ttl(name) == -2
    assert await timed.get(name) == ["read"] and timed.permissions.failures >= 3


async def test_a_load_that_fails_is_not_remembered(timed: Timed) -> None:
    async def fail(user: str) -> list[str]:
        raise OSError("no database")

    for _ in range(2):
        with pytest.raises(OSError):
            await timed.permissions.get_or_load("ann", fail)
    assert await timed.get("ann") == ["read"]


def test_one_load_for_all_loops(timed: Timed) -> None:
    asked, answers = threading.Barrier(4), []

    async def slow(user: str) -> list[str]:
        await asyncio.sleep(0.2)
        return await timed.load(user)

    async def ask() -> list[str]:
        asked.wait(20)
        return await timed.permissions.get_or_load("ann", slow)

    threads = [threading.Thread(target=lambda: answers.append(asyncio.run(ask()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [["read"]] * 4 and timed.loaded == ["ann"]
    assert len(set(map(id, answers))) == 4


async def test_each_has_an_exception_of_its_own(timed: Timed) -> None:
    async def fail(user: str) -> list[str]:
        await asyncio.sleep(0)
        raise OSError("no database")

    raised = await asyncio.gather(
        *(timed.permissions.get_or_load("ann", fail) for _ in range(5)), return_exceptions=True
    )
    assert {type(error) for error in raised} == {OSError} and len(set(map(id, raised))) == 5


async def test_what_is_no_json_is_answered_and_not_remembered(timed: Timed) -> None:
    async def load(user: str) -> list[Any]:
        return [UUID(int=7)]

    assert await timed.permissions.get_or_load("ann", load) == [UUID(int=7)]
    assert timed.permissions.failures == 1 and not timed.permissions.exists("ann")


async def test_a_cache_that_is_closed_is_a_miss(timed: Timed) -> None:
    timed.permissions.cache.close()
    assert await timed.get("ann") == ["read"] and timed.permissions.failures == 1


async def test_reads_are_counted_once(timed: Timed) -> None:
    await timed.get("ann")
    await timed.get("ann")
    assert timed.permissions.get_metrics()["hits"] == timed.permissions.get_metrics()["misses"] == 1


@pytest.mark.parametrize("how", ["invalidate", "clear_all"])
async def test_what_is_invalidated_while_it_loads_is_not_remembered(timed: Timed, how: str) -> None:
    """A permission that was taken away meanwhile is not in the cache for fifteen minutes."""
    release = asyncio.Event()

    async def slow(user: str) -> list[str]:
        await release.wait()
        return ["old"]

    loading = asyncio.create_task(timed.permissions.get_or_load("ann", slow))
    await timed.clock.settle()
    if how == "invalidate":
        timed.permissions.invalidate("ann")
    else:
        timed.permissions.clear_all()
    release.set()
    assert await loading == ["old"]
    assert timed.permissions.get("ann") is None
    assert await timed.get("ann") == ["read"]


async def test_invalidation_and_recent_users(timed: Timed) -> None:
    for number in range(5):
        await timed.get(f"user-{number}")
        await timed.later(1)
    await timed.get("user-1")
    assert timed.permissions.recent_users(3) == ["user-1", "user-4", "user-3"]
    assert timed.permissions.invalidate("user-1") and not timed.permissions.invalidate("user-1")
    assert timed.permissions.invalidate_many(["user-2", "user-3", "none"]) == 2
    timed.permissions.cache.set("unrelated", "kept")
    assert timed.permissions.clear_all() == 2 and "unrelated" in timed.permissions.cache


@pytest.mark.parametrize("how", ["invalidate", "invalidate_many", "clear_all"])
def test_an_invalidation_that_failed_is_an_error(timed: Timed, how: str) -> None:
    arguments = {"invalidate": ["ann"], "invalidate_many": [["ann", "bob"]], "clear_all": []}[how]
    timed.permissions.close()
    with pytest.raises(InvalidationError) as raised:
        getattr(timed.permissions, how)(*arguments)
    assert isinstance(raised.value.__cause__, ClosedError) and timed.permissions.failures == 1


def test_who_cannot_be_remembered_need_not_be_forgotten(timed: Timed) -> None:
    for user in ("x" * 70_000, "\udc00"):
        assert timed.permissions.invalidate(user) is False
    timed.permissions.set("ann", ["read"])
    assert timed.permissions.invalidate_many(["x" * 70_000, "ann", "\udc00"]) == 1


def test_the_service_says_that_an_invalidation_failed() -> None:
    local = "http://127.0.0.1"
    with TestClient(create_app(PermissionSettings()), base_url=local, raise_server_exceptions=False) as client:
        client.app.state.guard = Guard()  # type: ignore[attr-defined]
        client.app.state.permissions.cache.close()  # type: ignore[attr-defined]
        answers = [client.delete("/api/permissions/ann")]
        for body in ({"action": "invalidate", "users": ["ann"]}, {"action": "clear"}):
            answers.append(client.post("/api/admin/permissions/cache/metrics", json=body))
        assert [answer.status_code for answer in answers] == [503] * 3
        assert "try again" in answers[0].json()["detail"]


async def test_metrics_and_failures(timed: Timed) -> None:
    assert timed.permissions.get_metrics() == {
        "hits": 0,
        "misses": 0,
        "errors": 0,
        "hitRate": None,
        "totalKeys": 0,
        "avgLoadTime": 0.0,
    }
    await timed.get("ann")
    await timed.get("ann")
    assert timed.permissions.get("x" * 70_000) is None  # no key, which is counted, and a miss
    assert not timed.permissions.set("ann", ["x" * 100_000_000])  # larger than the cache
    metrics = timed.permissions.get_metrics()
    assert metrics["hits"] == 1 and metrics["errors"] == 2 and metrics["avgLoadTime"] >= 0
    timed.permissions.reset_metrics()
    assert timed.permissions.get_metrics()["errors"] == 0


# -- Lifetimes -----------------------------------------------------------------------------------


def test_the_forecast_of_a_lifetime_is_the_hit_rate_it_then_has() -> None:
    """What is said of another lifetime beforehand is what a cache with it does on those reads."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    chance = random.Random(seed)
    reads = [(chance.expovariate(1 / 30), f"user-{chance.randrange(8)}") for _ in range(1500)]

    def replay(ttl: float) -> Timed:
        timed = Timed(ttl=ttl)
        timed.permissions.forecast = TTLForecast(ttl, timed.clock, share=1)
        for pause, user in reads:
            timed.permissions.cache.advance_clock(round(pause, 3))
            timed.clock._step(round(pause, 3))
            if timed.permissions.get(user) is None:
                timed.permissions.set(user, ["read"])
        return timed

    before = replay(100)
    forecasts = {one.ttl: one.hit_rate for one in before.permissions.forecast.forecasts()}
    assert forecasts.keys() == {25, 50, 100, 200, 400, 800}
    before.permissions.close()
    for ttl in (50, 100, 400):
        timed = replay(ttl)
        stats = timed.permissions.cache.stats()
        first = 8  # each user's first read counts for the cache, not for the forecast
        real = 100 * stats.hits / (stats.hits + stats.misses - first)
        assert real == pytest.approx(forecasts[ttl], abs=0.2)
        timed.permissions.close()


def forecast(period: float, ttl: float = 900, reads: int = 400) -> TTLForecast:
    """After one user has come every so many seconds, many times."""
    clock = ManualClock()
    made = TTLForecast(ttl, clock, share=1)
    for _ in range(reads):
        clock._step(period)
        made.read("ann")
    return made


def test_advice_on_lifetimes() -> None:
    longer = forecast(1000).advice()
    assert longer is not None and longer.startswith("A TTL of 30min instead of 15min would have")
    assert "instead of 0.0% (measured on 399 reads in 110.8h)" in longer
    shorter = forecast(1e6).advice()  # nobody comes back in time anyway
    assert shorter is not None and "A TTL of 3.75min" in shorter
    assert forecast(600).forecasts()[2].hit_rate > 40
    for reads, period in ((100_000, 1e-4), (150, 1000), (1000, 1.5)):
        soon = forecast(period, reads=reads)
        assert soon.advice() is None, "too few reads, or too little time"
    assert [one.ttl for one in forecast(10).forecasts()] == [225, 450, 900, 1800]  # of 4000 s
    few = TTLForecast(900, ManualClock(), share=1)
    few.read("ann")
    assert few.advice() is None and few.forecasts() == []


def test_a_lifetime_is_observed_before_it_is_spoken_of() -> None:
    clock = ManualClock()
    made = TTLForecast(900, clock, share=1)
    for _ in range(1000):  # a burst: nothing has had the time to expire
        made.read("ann")
    assert made.forecasts() == [] and made.advice() is None
    known = []
    for _ in range(8):
        clock._step(1800)
        made.read("ann")
        known.append(max(one.ttl for one in made.forecasts()))
    assert known == [900, 1800, 1800, 3600, 3600, 3600, 3600, 7200]


def test_a_sample_is_the_same_everywhere() -> None:
    shares = [share_of(f"user-{number}", "salt") for number in range(2000)]
    assert shares[7] == share_of("user-7", "salt") != share_of("user-7", "other")
    assert 0.45 < sum(share < 0.5 for share in shares) / 2000 < 0.55


async def test_two_lifetimes_and_the_outcome() -> None:
    timed = Timed(experiment=TTLExperiment(60, 600))
    experiment = timed.permissions.experiment
    assert experiment is not None
    users = [f"user-{number}" for number in range(40)]
    assert {experiment.arm(user).ttl for user in users} == {60, 600}
    for _ in range(20):
        for user in users:
            await timed.get(user)
            assert timed.permissions.get_ttl(user) <= experiment.arm(user).ttl
        await timed.later(100)
    report = experiment.report()
    assert report["a"]["hitRate"] == 0 and report["b"]["hitRate"] > 75
    assert report["difference"]["conclusive"] and report["difference"]["from"] > 50
    assert report["a"]["misses"] + report["b"]["hits"] + report["b"]["misses"] == 800
    timed.permissions.close()


def test_an_experiment_without_outcome() -> None:
    same = TTLExperiment(60, 60)
    assert same.report()["difference"] is None
    for number in range(1000):
        same.read(f"user-{number}", hit=bool(number % 2))
    assert not same.report()["difference"]["conclusive"]
    for wrong in ((0, 1, 0.5), (1, 1, 2), (1, -1, 0.5)):
        with pytest.raises(ValueError):
            TTLExperiment(*wrong)


def test_a_difference_needs_time_as_well_as_reads() -> None:
    experiment = TTLExperiment(60, 600)
    for now in (0.0, 1199.0, 1200.0):
        for number in range(1000):
            user = f"user-{number}"
            experiment.read(user, experiment.arm(user) is experiment.b, now)
        difference = experiment.report()["difference"]
        assert difference["conclusive"] is (now >= 1200) and difference["seconds"] == now


def test_what_comes_after_a_clearing_is_growth() -> None:
    keys = 1000
    growing = FollowGrowth(lambda: keys, keys=100)
    keys = 0
    assert growing.wait(Moment(0, 300), Moment(0, 0)) > 0
    keys = 100
    assert growing.wait(Moment(0, 300), Moment(0, 0)) == 0


def test_audits_follow_growth() -> None:
    keys = 0
    growing = FollowGrowth(lambda: keys, keys=100, shortest=300, longest=21_600)
    begin = Moment(0, 0)
    assert growing.wait(Moment(0, 1000), begin) == 20_600
    keys = 100
    assert growing.wait(Moment(0, 100), begin) == 200
    assert growing.wait(Moment(0, 300), begin) == 0
    assert growing.latest(Moment(0, 300), begin) == Moment(0, 300)
    assert growing.wait(Moment(0, 300), Moment(0, 300)) == 21_600 and growing.look_again == 300
    with pytest.raises(ValueError):
        FollowGrowth(lambda: 0, shortest=10, longest=5)
