"""dogpile.cache; its own tests are run by tests/compat_frameworks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from concurrent_calls import Held, ended, in_thread, run_threads

from cachecore import NEVER, Cache

dogpile = pytest.importorskip("dogpile.cache")

from cachecore.contrib import dogpile as backend  # noqa: E402
from cachecore.contrib.contents import Contents  # noqa: E402

backend.register()


def test_a_region(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache, "ttl": 60})
    made: list[int] = []

    @region.cache_on_arguments()  # type: ignore[untyped-decorator, unused-ignore]
    def double(number: int) -> int:
        made.append(number)
        return number * 2

    assert [double(2), double(2), double(3)] == [4, 4, 6] and made == [2, 3]
    region.set_multi({"a": 1, "b": None})
    assert region.get_multi(["a", "b", "c"]) == [1, None, dogpile.api.NO_VALUE]
    assert cache.ttl("a") == 60
    region.delete_multi(["a", "b"])
    assert region.get("a") is dogpile.api.NO_VALUE


def test_it_is_bounded() -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"max_entries": 10})
    region.set_multi({str(number): number for number in range(100)})
    assert len(region.backend.cache) == 10
    region.set("key", 1)
    assert region.backend.cache.ttl("key") == NEVER


def test_bounds() -> None:
    default = backend.CacheCoreBackend({}).cache.stats()
    assert (default.entries_limit, default.bytes_limit) == (10_000, 0)
    assert backend.CacheCoreBackend({"max_bytes": 1 << 20}).cache.stats().entries_limit == 0


def test_one_creates_for_all_regions_of_a_cache(cache: Cache[bytes]) -> None:
    made: list[int] = []

    def create() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    regions = [
        dogpile.make_region().configure("cachecore", arguments={"cache": cache}) for _ in range(2)
    ]

    def work(number: int) -> None:
        assert regions[number % 2].get_or_create("k", create) == 7

    assert run_threads(8, work) == []
    assert len(made) == 1 and len(cache) == 1


@pytest.mark.parametrize("how", ["delete", "delete_multi", "set"])
def test_what_is_invalidated_while_it_is_created_is_not_stored(
    cache: Cache[bytes], how: str
) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})

    def invalidate() -> None:
        if how == "set":
            region.set("k", "newer")
        elif how == "delete":
            region.delete("k")
        else:
            region.delete_multi(["k"])

    def create() -> str:
        other = threading.Thread(target=invalidate)
        other.start()
        other.join(60)
        return "old"

    assert region.get_or_create("k", create) == "old"
    assert region.get("k") == ("newer" if how == "set" else dogpile.api.NO_VALUE)


def test_two_create_after_an_invalidation(cache: Cache[bytes]) -> None:
    """The first one's value is older than it, also for who creates the second one meanwhile."""
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})
    old, new = Held("old"), Held("new")
    first, answers = in_thread(lambda: region.get_or_create("k", old))
    assert old.entered.wait(60)
    region.delete("k")
    second, others = in_thread(lambda: region.get_or_create("k", new))
    assert new.entered.wait(60)
    old.go.set()
    assert ended(first) and answers == ["old"] and region.get("k") is dogpile.api.NO_VALUE
    new.go.set()
    assert ended(second) and others == ["new"] and region.get("k") == "new"
    assert len(region.backend.creations) == 0


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_to_look_and_to_store_is_one_step(
    cache: Cache[bytes], monkeypatch: pytest.MonkeyPatch, there: bool, newer: bool
) -> None:
    """Somebody invalidates when it has been decided that the value may be stored."""
    region = dogpile.make_region().configure("cachecore", 0.001, {"cache": cache, "ttl": 60})
    if there:
        region.set("k", "older")
        time.sleep(0.01)

    def between() -> None:
        def invalidate() -> None:
            region.delete("k")
            if newer:
                region.set("k", "newer")

        thread, _ = in_thread(invalidate)
        assert ended(thread)

    seen: list[object] = []
    for name in ("fulfill", "compare_and_set"):

        def call(
            contents: Contents, *args: Any, original: Any = getattr(Contents, name)
        ) -> object:
            between()
            done = original(contents, *args)
            seen.append(region.get("k", ignore_expiration=True))
            return done

        monkeypatch.setattr(Contents, name, call)
    assert region.get_or_create("k", lambda: "old") == "old"
    expected = "newer" if newer else dogpile.api.NO_VALUE
    assert seen == [expected] == [region.get("k", ignore_expiration=True)]


def test_the_cache_itself_invalidates(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", 0.001, {"cache": cache, "ttl": 60})
    for invalidate in (lambda: cache.delete("k"), cache.clear, lambda: cache.pop("k", None)):
        for there in (False, True):
            region.delete("k")
            if there:
                region.set("k", "older")
                time.sleep(0.01)

            def create(invalidate: Callable[[], object] = invalidate) -> str:
                invalidate()
                return "old"

            assert region.get_or_create("k", create) == "old" and "k" not in cache


def test_who_computes_without_dogpile_is_waited_for(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})
    region.set("k", "made")
    made = cache.pop("k")
    compute = Held(made)
    thread, _ = in_thread(lambda: cache.get_or_set("k", compute))
    assert compute.entered.wait(60)
    mutex = region.backend.get_mutex("k")
    assert not mutex.acquire(wait=False) and not mutex.locked()
    waiting, answers = in_thread(lambda: region.get_or_create("k", lambda: "never"))
    compute.go.set()
    assert ended(thread) and ended(waiting) and answers == ["made"]
    cache.get_or_claim("absent").claim.fulfill_absent(60)
    assert region.get_or_create("absent", lambda: 7) == 7 == region.get("absent")


class Runner:
    """An async_creation_runner whose creations go on when the test says so."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def __call__(self, region: Any, key: str, creator: Callable[[], Any], mutex: Any) -> None:
        def work() -> None:
            try:
                region.set(key, creator())
            finally:
                mutex.release()

        thread, _ = in_thread(work)
        self.threads.append(thread)


def by_a_runner(cache: Cache[bytes]) -> tuple[Any, Runner]:
    """A region in which "v0" is there, and has expired."""
    runner = Runner()
    region = dogpile.make_region(async_creation_runner=runner)
    region.configure("cachecore", 0.05, {"cache": cache, "ttl": 60})
    assert region.get_or_create("k", lambda: "v0") == "v0"
    time.sleep(0.1)
    return region, runner


def stored(region: Any) -> Any:
    return region.get("k", ignore_expiration=True)


def test_a_runner_stores(cache: Cache[bytes]) -> None:
    region, runner = by_a_runner(cache)
    create = Held("v1")
    for _ in range(3):
        assert region.get_or_create("k", create) == "v0"
    assert create.entered.wait(60)
    create.go.set()
    assert ended(runner.threads[0]) and stored(region) == "v1"
    assert create.calls == 1 and len(region.backend.creations) == 0


@pytest.mark.parametrize("how", ["delete", "clear", "set", "delete and set"])
def test_what_is_invalidated_while_a_runner_creates_it(cache: Cache[bytes], how: str) -> None:
    region, runner = by_a_runner(cache)
    create = Held("old")
    assert region.get_or_create("k", create) == "v0" and create.entered.wait(60)
    if how == "clear":
        cache.clear()
    if "delete" in how:
        region.delete("k")
    if "set" in how:
        region.set("k", "newer")
        assert stored(region) in ("newer", dogpile.api.NO_VALUE)
    create.go.set()
    assert ended(runner.threads[0]) and stored(region) in (dogpile.api.NO_VALUE, "newer")
    assert region.get_or_create("k", lambda: "new") in ("new", "newer")


@pytest.mark.parametrize("first", [0, 1])
def test_two_runners_create_after_an_invalidation(cache: Cache[bytes], first: int) -> None:
    """Which of them sets a value, nobody can tell."""
    region, runner = by_a_runner(cache)
    creations = Held("old"), Held("new")
    assert region.get_or_create("k", creations[0]) == "v0" and creations[0].entered.wait(60)
    region.delete("k")
    assert region.get_or_create("k", lambda: "v1") == "v1" == stored(region)
    time.sleep(0.1)
    assert region.get_or_create("k", creations[1]) == "v1" and creations[1].entered.wait(60)
    for number in (first, 1 - first):
        creations[number].go.set()
        assert ended(runner.threads[number])
        assert stored(region) in ("v1", "new", dogpile.api.NO_VALUE)
    assert len(region.backend.creations) == 0
    assert region.get_or_create("k", lambda: "v2") in ("v1", "new", "v2")


def test_a_mutex_that_is_not_locked(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})
    mutex = region.backend.get_mutex("k")
    with pytest.raises(RuntimeError, match="not locked"):
        mutex.release()
    assert mutex.acquire() and mutex.locked() and not mutex.acquire(wait=False)
    mutex.release()
    assert not mutex.locked()


def test_the_old_value_serves_while_one_creates(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", 0.05, {"cache": cache, "ttl": 60})
    region.set("k", "old")
    time.sleep(0.1)
    entered, go = threading.Event(), threading.Event()

    def create() -> str:
        entered.set()
        assert go.wait(60)
        return "new"

    def work(number: int) -> None:
        if number == 0:
            assert region.get_or_create("k", create) == "new"
        else:
            assert entered.wait(60)
            assert region.get_or_create("k", create) == "old"
            go.set()

    assert run_threads(2, work) == []


def test_a_creation_that_fails_is_given_up(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})
    with pytest.raises(ZeroDivisionError):
        region.get_or_create("k", lambda: 1 // 0)
    assert region.get_or_create("k", lambda: 7) == 7
    values = region.get_or_create_multi(["a", "k", "b"], lambda *keys: [f"made {k}" for k in keys])
    assert values == ["made a", 7, "made b"] and len(region.backend.creations) == 0
