"""One load for all who ask at once, and what an invalidation does to it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from cachecore_services.loads import Loads


class Source:
    """Answers with the state of the moment when it was asked, once it is told to."""

    def __init__(self) -> None:
        self.state, self.asked = "old", 0
        self.release = asyncio.Event()
        self.kept: list[str] = []
        self.loads: Loads[str, str] = Loads()

    async def load(self) -> str:
        self.asked += 1
        state = self.state
        await self.release.wait()
        return state

    async def keep(self, value: str) -> None:
        self.kept.append(value)

    def ask(self, key: str = "key") -> asyncio.Task[str]:
        return asyncio.create_task(self.loads.run(key, self.load, self.keep))


async def drop(value: object) -> None:
    pass


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_load_for_all_who_wait_and_a_new_one_afterwards() -> None:
    source = Source()
    waiting = [source.ask() for _ in range(20)]
    await settle()
    source.release.set()
    assert await asyncio.gather(*waiting) == ["old"] * 20
    assert (source.asked, source.kept) == (1, ["old"])
    await settle()
    await source.ask()
    assert source.asked == 2


async def test_what_is_invalidated_while_it_loads_is_not_kept_nor_joined() -> None:
    source = Source()
    before = source.ask()
    other = source.ask("other")
    await settle()
    source.state = "new"
    source.loads.forget(lambda key: key == "key")
    after = source.ask()
    await settle()
    source.release.set()
    assert await before == await other == "old" and await after == "new"
    assert sorted(source.kept) == ["new", "old"] and source.asked == 3


async def test_an_invalidation_hears_of_what_is_being_kept() -> None:
    """It waits for that and removes it: what is written late would be there afterwards."""
    loads: Loads[str, str] = Loads()
    kept, release = [], asyncio.Event()

    async def load() -> str:
        return "old"

    async def keep(value: str) -> None:
        await release.wait()
        kept.append(value)

    asking = asyncio.create_task(loads.run("key", load, keep))
    await settle()
    assert loads.forget(lambda key: key == "other") == []
    for _ in range(2):  # the second invalidation as well as the first
        (being_kept,) = loads.forget()
        assert not being_kept.done() and kept == []
    release.set()
    await being_kept
    assert kept == ["old"] and await asking == "old" and loads.forget() == []


async def test_a_load_that_fails_fails_for_all_and_the_next_one_begins_anew() -> None:
    loads: Loads[str, str] = Loads()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise OSError("away")

    answers = await asyncio.gather(
        *(loads.run("key", fail, drop) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [OSError] * 3
    assert len(set(map(id, answers))) == 3  # each has its own

    async def work() -> str:
        return "well"

    assert await loads.run("key", work, drop) == "well"


@pytest.mark.parametrize("begun", [False, True])
async def test_cancelled_loads_poison_nothing(begun: bool) -> None:
    """Neither before a load's first step nor in the middle of it."""
    source = Source()
    asking = [source.ask() for _ in range(3)]
    await asyncio.sleep(0)
    if begun:
        await settle()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    source.release.set()
    async with asyncio.timeout(20):
        assert await source.ask() == "old"


async def test_who_is_not_cancelled_is_answered_though_the_load_was() -> None:
    source = Source()
    known = asyncio.all_tasks()
    asking = source.ask()
    await settle()
    (load,) = asyncio.all_tasks() - known - {asking}
    load.cancel()
    source.release.set()
    async with asyncio.timeout(20):
        assert await asking == "old"
    assert source.asked == 2


async def test_a_caller_that_is_cancelled_leaves_the_others_alone() -> None:
    source = Source()
    first, second = source.ask(), source.ask()
    await settle()
    first.cancel()
    await settle()
    source.release.set()
    assert await second == "old" and first.cancelled() and source.asked == 1


def test_loops_that_ended_and_loops_beside_each_other() -> None:
    loads: Loads[str, str] = Loads()

    async def never() -> str:
        await asyncio.Event().wait()
        return "never"

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loads.run("key", never, drop), 0.01)

    asyncio.run(leave())

    async def quick() -> str:
        await asyncio.sleep(0.01)
        return "quick"

    answers: list[Any] = []

    def ask() -> None:
        answers.append(asyncio.run(loads.run("key", quick, drop)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == ["quick"] * 3


async def test_invalidations_from_threads_and_loads_that_never_keep_what_is_old() -> None:
    """What is kept after an invalidation was loaded after it."""
    loads: Loads[str, int] = Loads()
    version, store, wrong = 0, {}, []
    stop = threading.Event()

    async def load() -> int:
        value = version
        await asyncio.sleep(0)
        return value

    async def keep(value: int) -> None:
        store["key"] = value

    def invalidate() -> None:
        nonlocal version
        for number in range(1, 300):
            version = number
            while loads.forget():
                time.sleep(0)  # what is being kept is waited for
            store.pop("key", None)
            if store.get("key", number) < number:
                wrong.append(number)
        stop.set()

    thread = threading.Thread(target=invalidate)
    thread.start()
    while not stop.is_set():
        await asyncio.gather(*(loads.run("key", load, keep) for _ in range(3)))
    thread.join()
    assert wrong == []
