"""Claims: who computes a missing value, as the engine has it; a test for each sentence of claims.py."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cachecore import (
    Cache,
    Cause,
    Claim,
    ClosedError,
    ObjectCache,
    RefusedError,
    StateError,
    Status,
)
from cachecore.object_claims import ObjectClaim


@pytest.fixture
def cache() -> Iterator[Cache]:
    with Cache(100, shards=1, manual_clock=True) as cache:
        yield cache


def claimed(cache: Cache, key: str = "k", **options: Any) -> Claim:
    answer = cache.get_or_claim(key, **options)
    assert answer.status is Status.CLAIMED and answer.value is None and answer.claim.held
    return answer.claim


def test_one_computes_and_the_others_know(cache: Cache) -> None:
    claim = claimed(cache)
    pending = cache.get_or_claim("k")
    assert pending.status is Status.PENDING and not pending.claim.held and pending.claim.stands
    assert claim.fulfill(b"v", 5) and not claim.held and not pending.claim.stands
    answer = cache.get_or_claim(b"k")
    assert answer[:2] == (Status.FRESH, b"v") and not answer.claim.held
    assert cache.ttl("k") == 5
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 1)


def test_stale_while_one_refreshes(cache: Cache) -> None:
    claimed(cache).fulfill(b"old", 5, stale=10)
    cache.advance_clock(5)
    assert "k" not in cache and cache.stats().stale == 1
    elected, other = cache.get_or_claim("k"), cache.get_or_claim("k")
    assert elected[:2] == other[:2] == (Status.STALE, b"old")
    assert elected.claim.held and not other.claim.held
    stats = cache.stats()
    assert (stats.stale_served, stats.misses, stats.expired) == (2, 3, 1)
    assert elected.claim.fulfill(b"new", 5)
    assert cache.get("k") == b"new" and cache.stats().stale == 0
    cache.advance_clock(5)
    assert cache.get_or_claim("k").status is Status.CLAIMED  # stored without a window


def test_a_window_ends(cache: Cache) -> None:
    claimed(cache).fulfill(b"old", 5, stale=10)
    cache.advance_clock(14.999)
    assert cache.get_or_claim("k").status is Status.STALE
    cache.advance_clock(0.001)
    assert cache.get_or_claim("k").status is Status.CLAIMED


def test_absent(cache: Cache) -> None:
    assert claimed(cache).fulfill_absent(5)
    answer = cache.get_or_claim("k")
    assert answer[:2] == (Status.ABSENT, None) and not answer.claim.held
    assert "k" not in cache and cache.get("k") is None
    stats = cache.stats()
    assert (stats.absent, stats.absent_served, stats.entries) == (1, 1, 0)
    cache.advance_clock(5)
    assert claimed(cache).held


def test_an_absence_needs_a_lifetime(cache: Cache) -> None:
    claim = claimed(cache)
    with pytest.raises(ValueError):
        claim.fulfill_absent()
    assert claim.held and claim.stands  # an argument was wrong
    with Cache(100, ttl=3, manual_clock=True) as limited:
        assert claimed(limited).fulfill_absent()
        limited.advance_clock(3)
        assert claimed(limited)


def test_an_absence_deletes_a_value(cache: Cache) -> None:
    claimed(cache).fulfill(b"old", 5, stale=10)
    cache.advance_clock(5)
    assert cache.get_or_claim("k").claim.fulfill_absent(5)
    assert cache.get_or_claim("k").status is Status.ABSENT


VOIDS: dict[str, Callable[[Cache], object]] = {
    "set": lambda cache: cache.set("k", b"other"),
    "set_many": lambda cache: cache.set_many({"k": b"other"}),
    "add": lambda cache: cache.add("k", b"other"),
    "increment": lambda cache: cache.increment("k"),
    "delete": lambda cache: cache.delete("k"),
    "delete_many": lambda cache: cache.delete_many(["k"]),
    "delete_prefix": lambda cache: cache.delete_prefix("k"),
    "clear": lambda cache: cache.clear(),
}
LEAVES: dict[str, Callable[[Cache], object]] = {
    "replace": lambda cache: cache.replace("k", b"other"),
    "compare_and_set": lambda cache: cache.compare_and_set("k", b"other", 1),
    "touch": lambda cache: cache.touch("k"),
    "resize": lambda cache: cache.resize(50),
    "delete of another": lambda cache: cache.delete("other"),
    "get": lambda cache: cache.get("k"),
}


@pytest.mark.parametrize("how", VOIDS)
def test_what_voids_a_claim(cache: Cache, how: str) -> None:
    claim = claimed(cache)
    VOIDS[how](cache)
    assert claim.held and not claim.stands and claim.wait(0)
    before = cache.get("k")
    assert not claim.fulfill(b"computed before") and cache.get("k") == before
    assert not claim.held


@pytest.mark.parametrize("how", LEAVES)
def test_what_leaves_a_claim(cache: Cache, how: str) -> None:
    claim = claimed(cache)
    LEAVES[how](cache)
    assert claim.stands and not claim.wait(0.01)
    assert claim.fulfill(b"v") and cache.get("k") == b"v"


def test_what_is_refused_ends_the_claim() -> None:
    with Cache(max_bytes=65536, shards=1) as small:
        claim = claimed(small)
        with pytest.raises(RefusedError):
            claim.fulfill(b"x" * 10**6)
        assert not claim.held and claimed(small)


def test_a_claim_that_is_not_held(cache: Cache) -> None:
    claim = claimed(cache)
    seen = cache.get_or_claim("k").claim
    seen.abandon()
    for end in (lambda: seen.fulfill(b"v"), lambda: seen.fulfill_absent(1)):
        with pytest.raises(StateError, match="not held"):
            end()
    assert claim.stands


def test_wrong_arguments_leave_the_claim(cache: Cache) -> None:
    claim = claimed(cache)
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (TypeError, lambda: claim.fulfill("text")),  # type: ignore[arg-type]
        (ValueError, lambda: claim.fulfill(b"v", 0)),
        (ValueError, lambda: claim.fulfill(b"v", stale=0)),
        (ValueError, lambda: claim.abandon(-1)),
        (ValueError, lambda: claim.wait(-1)),
        (ValueError, lambda: cache.get_or_claim("k", claim_ttl=0)),
        (TypeError, lambda: cache.get_or_claim(7)),  # type: ignore[arg-type]
        (ValueError, lambda: cache.get_or_claim("")),
    ]
    for kind, call in wrong:
        with pytest.raises(kind):
            call()
    assert claim.held and claim.stands


def test_the_end_of_a_block_abandons(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError), claimed(cache):
        raise ZeroDivisionError
    with claimed(cache) as claim:
        pass
    assert not claim.held and not claim.stands
    with claimed(cache) as claim:
        claim.fulfill(b"v")
    assert cache.get("k") == b"v"


def test_a_claim_that_is_dropped(cache: Cache) -> None:
    claim: Claim | None = claimed(cache)
    seen = cache.get_or_claim("k").claim
    assert claim is not None and seen.stands
    del claim
    assert not seen.stands and claimed(cache)


def test_retry(cache: Cache) -> None:
    claimed(cache).fulfill(b"old", 5, stale=100)
    cache.advance_clock(5)
    cache.get_or_claim("k").claim.abandon(retry=3)
    assert not cache.get_or_claim("k").claim.held
    cache.advance_clock(3)
    assert cache.get_or_claim("k").claim.held


def test_a_claim_ends_by_itself(cache: Cache) -> None:
    first, last = claimed(cache, "a"), claimed(cache, "b", claim_ttl=40)
    cache.advance_clock(30)
    assert not first.stands and last.stands
    assert not first.fulfill(b"late") and "a" not in cache
    cache.advance_clock(10)
    assert claimed(cache, "b").stands and not last.stands


def test_early(cache: Cache) -> None:
    claim = claimed(cache, early=True)
    cache.advance_clock(10)  # that it took
    claim.fulfill(b"v", 1000)
    assert not any(cache.get_or_claim("k", early=True).claim.held for _ in range(100))
    cache.advance_clock(999.999)
    assert not cache.get_or_claim("k").claim.held
    answer = next(
        answer
        for answer in (cache.get_or_claim("k", early=True) for _ in range(1000))
        if answer.claim.held
    )
    assert answer[:2] == (Status.FRESH, b"v") and answer.claim.fulfill(b"new", 1000)
    assert cache.get("k") == b"new"


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 300_000])
def test_values_of_any_size(size: int) -> None:
    with Cache(max_bytes=1 << 24, shards=1, manual_clock=True) as cache:
        value = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        claimed(cache).fulfill(value, 5, stale=5)
        assert cache.get_or_claim("k")[:2] == (Status.FRESH, value)
        assert cache.stats().hits == 1
        cache.advance_clock(5)
        answer = cache.get_or_claim("k")
        assert answer[:2] == (Status.STALE, value) and answer.claim.held
        assert cache.stats().stale_served == 1


def test_a_serializer_and_a_listener() -> None:
    heard: list[Any] = []
    with Cache(
        10,
        serializer="json",
        manual_clock=True,
        on_removal=lambda key, value, cause: heard.append((value, cause)),
    ) as cache:
        claim = cache.get_or_claim("k").claim
        assert claim.fulfill([1], 5, stale=5) and cache.get_or_claim("k").value == [1]
        cache.advance_clock(5)
        cache.get_or_claim("k").claim.fulfill([2])
        assert heard == [([1], Cause.EXPIRED)]
        with pytest.raises(TypeError):
            cache.get_or_claim("other").claim.fulfill({1})
        assert cache.get_or_claim("other").claim.held  # the other one was dropped


# ---- Waiting -------------------------------------------------------------------------------------


def test_waiting_in_threads(cache: Cache) -> None:
    claim = claimed(cache)
    ended: list[bool] = []
    seen = [cache.get_or_claim("k").claim for _ in range(4)]
    threads = [threading.Thread(target=lambda c=c: ended.append(c.wait(30))) for c in seen]
    for thread in threads:
        thread.start()
    time.sleep(0.15)  # the GIL is ours meanwhile, and they wait more than once
    assert ended == []
    claim.fulfill(b"v")
    for thread in threads:
        thread.join(30)
    assert ended == [True] * 4


def test_waiting_runs_out(cache: Cache) -> None:
    claimed_here = claimed(cache)
    begun = time.monotonic()
    assert not cache.get_or_claim("k").claim.wait(0.25)
    assert 0.25 <= time.monotonic() - begun < 10 and claimed_here.stands
    assert cache.get_or_claim("other").claim.wait(0) is False


def test_closed_while_somebody_waits() -> None:
    cache = Cache(10)
    claim = claimed(cache)
    results: list[object] = []

    def wait() -> None:
        try:
            results.append(claim.wait(30))
        except ClosedError as error:
            results.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    cache.close()
    thread.join(30)
    assert [type(result) for result in results] == [ClosedError]
    with pytest.raises(ClosedError):
        claim.fulfill(b"v")


def test_a_signal_while_somebody_waits(cache: Cache) -> None:
    class Alarm(Exception): ...

    def ring(*_: object) -> None:
        raise Alarm

    claim = claimed(cache)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Alarm):
            claim.wait(30)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_tasks_wait_without_threads(cache: Cache) -> None:
    claim = claimed(cache)

    async def main() -> None:
        before = threading.active_count()
        seen = [cache.get_or_claim("k").claim for _ in range(500)]
        waiting = asyncio.gather(*(one.wait_async(60) for one in seen))
        assert not await cache.get_or_claim("k").claim.wait_async(0.01)
        assert threading.active_count() == before
        claim.fulfill(b"v")
        assert await waiting == [True] * 500

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_no_claims(cache: Cache) -> None:
    claim = claimed(cache)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        good = not claim.stands and not claim.fulfill(b"parent's") and "k" not in cache
        good = good and cache.get_or_claim("k").claim.fulfill(b"child's")
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert claim.stands and claim.fulfill(b"v") and cache.get("k") == b"v"


# ---- Keys that are objects -----------------------------------------------------------------------


class Alike:
    """All of one hash."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and self.name == other.name


def objects(**options: Any) -> ObjectCache[Any, Any]:
    return ObjectCache(100, manual_clock=True, **options)


def claim_of(cache: ObjectCache[Any, Any], key: Any) -> ObjectClaim:
    claim = ObjectClaim(cache)
    claim.ask(key)
    assert claim.held
    return claim


def test_claims_on_keys_of_one_hash() -> None:
    with objects() as cache:
        a, b, c = (claim_of(cache, Alike(name)) for name in "abc")
        cache.delete(Alike("a"))
        cache.set(Alike("b"), "other")
        assert [claim.stands for claim in (a, b, c)] == [False, False, True]
        assert not a.fulfill("A") and not b.fulfill("B") and c.fulfill("C")
        assert dict(cache.items()) == {Alike("b"): "other", Alike("c"): "C"}


def test_an_id_is_nobody_elses_while_it_is_claimed() -> None:
    with objects() as cache:
        cache.set(Alike("x"), 1)
        claim = claim_of(cache, Alike("k"))
        cache.delete(Alike("k"))
        again = claim_of(cache, Alike("k"))
        claim.abandon()  # the one that was void: the other's stays
        cache.delete(Alike("x"))
        cache.delete(Alike("k"))
        cache.set(Alike("x"), 2)
        assert not again.fulfill("old") and not cache.contains(Alike("k"))


def test_an_entry_that_leaves_while_it_is_refreshed() -> None:
    with objects() as cache:
        claim_of(cache, "k").fulfill("old", 5, stale=20)
        cache.advance_clock(5)
        claim = claim_of(cache, "k")
        cache.advance_clock(20)  # the end of the window, which voids nothing
        cache.cleanup_expired()
        assert len(cache) == 0 and cache.get("k") is None
        assert claim.stands and claim.fulfill("new") and cache.get("k") == "new"
        assert cache.weight == 1 and list(cache) == ["k"]


def test_a_key_is_kept_only_as_long_as_it_is_claimed() -> None:
    with objects() as cache:
        key = Alike("k")
        alive = weakref.ref(key)
        claim = claim_of(cache, key)
        del key
        gc.collect()
        assert alive() is not None and list(cache) == []
        claim.abandon()
        del claim
        assert alive() is None


def test_an_abandoned_key_is_given_to_the_next() -> None:
    with objects() as cache:
        for _ in range(3):
            claim = claim_of(cache, "k")
            seen = ObjectClaim(cache)
            seen.ask("k")
            assert not seen.held and seen.stands
            claim.abandon()
            assert not seen.stands


def test_a_cache_that_is_claimed_is_collected() -> None:
    class Value: ...

    cache = objects()
    value = Value()
    alive = weakref.ref(value)
    cache.set("cycle", (cache, value))
    claim = claim_of(cache, Alike("k"))
    del cache, value, claim
    gc.collect()
    assert alive() is None


def test_objects_that_are_too_heavy_end_the_claim() -> None:
    with objects(max_weight=10, weigher=lambda key, value: value) as cache:
        claim_of(cache, "k").fulfill(3, 5, stale=5)
        cache.advance_clock(5)
        claim = claim_of(cache, "k")
        with pytest.raises(RefusedError):
            claim.fulfill(11)
        assert not claim.held and cache.weight == 0 and claim_of(cache, "k")


def test_a_weigher_that_deletes_the_key() -> None:
    def weigh(key: Any, value: Any) -> int:
        cache.delete(key)
        return 1

    cache = objects(max_weight=10, weigher=weigh)
    with cache:
        assert not claim_of(cache, "k").fulfill("v") and "k" not in cache


def test_objects_after_close() -> None:
    cache = objects()
    claim = claim_of(cache, "k")
    cache.close()
    with pytest.raises(ClosedError):
        claim.fulfill("v")
    claim.abandon()
    with pytest.raises(ClosedError):
        claim_of(cache, "k")


def test_stale_objects() -> None:
    with objects() as cache:
        value = object()
        claim_of(cache, "k").fulfill(value, 5, stale=5)
        assert cache.get("k") is value
        cache.advance_clock(5)
        assert cache.get("k") is None and "k" not in cache and list(cache) == []
        asked = [ObjectClaim(cache) for _ in range(3)]
        answers = [one.ask("k") for one in asked]
        assert all(found is value for _, found in answers)
        assert [one.held for one in asked] == [True, False, False]
        assert cache.stats().stale_served == 3
