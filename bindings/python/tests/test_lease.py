"""Values lent without a copy."""

from __future__ import annotations

import gc
import pickle
import threading

import pytest

from cachecore import Cache, Lease, StateError


@pytest.fixture
def lease(cache: Cache) -> Lease:
    cache.set("k", b"value")
    return cache.acquire("k")


def test_with(cache: Cache) -> None:
    cache.set("k", b"value")
    with cache.acquire("k") as view:
        assert isinstance(view, memoryview)
        assert view == b"value" and bytes(view[1:3]) == b"al"
        assert view.readonly and view.format == "B" and len(view) == 5
        with pytest.raises(TypeError):
            view[0] = 1
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_release(lease: Lease) -> None:
    view = lease.view
    assert not lease.released
    lease.release()
    lease.release()
    assert lease.released
    with pytest.raises(StateError):
        _ = lease.view
    with pytest.raises(StateError), lease:
        pass
    with pytest.raises(ValueError):
        bytes(view)


def test_empty_value(cache: Cache) -> None:
    cache.set("k", b"")
    with cache.acquire("k") as view:
        assert bytes(view) == b"" and len(view) == 0


def test_counts_as_a_read(cache: Cache) -> None:
    cache.set("k", b"")
    cache.acquire("k").release()
    with pytest.raises(KeyError):
        cache.acquire("absent")
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 1)


def test_stable_whatever_happens(cache: Cache, lease: Lease) -> None:
    cache.set("k", b"other")
    assert lease.view == b"value"
    cache.delete("k")
    cache.clear()
    for number in range(300):
        cache.set(f"{number}", b"x" * number)
    assert lease.view == b"value"
    cache.close()
    assert lease.view == b"value"
    lease.release()


def test_slices_keep_the_bytes(cache: Cache, lease: Lease) -> None:
    part = lease.view[1:4]
    lease.release()
    cache.close()
    assert part == b"alu"


def test_other_buffers_keep_the_bytes(cache: Cache, lease: Lease) -> None:
    other = pickle.PickleBuffer(lease.view)
    lease.release()
    cache.close()
    assert bytes(other) == b"value"
    other.release()


def test_many_leases_of_one_value(cache: Cache) -> None:
    cache.set("k", b"value")
    leases = [cache.acquire("k") for _ in range(1000)]
    assert all(lease.view == b"value" for lease in leases)
    for lease in leases:
        lease.release()


def test_the_limit_of_leases(cache: Cache) -> None:
    cache.set("k", b"value")
    leases = [cache.acquire("k") for _ in range(4095)]
    with pytest.raises(StateError):
        cache.acquire("k")
    leases.pop().release()
    leases.append(cache.acquire("k"))
    assert cache.get("k") == b"value"
    assert cache.delete("k")


def test_dropped_leases_are_released(cache: Cache) -> None:
    cache.set("k", b"value")
    for _ in range(5000):  # more than can be lent at once
        cache.acquire("k")
    gc.collect()
    assert cache.acquire("k").view == b"value"


def test_lent_memory_is_not_reused() -> None:
    with Cache(max_bytes=1 << 20) as cache:
        leases = []
        for number in range(20):
            cache.set(f"lent {number}", bytes([number]) * 1000)
            leases.append(cache.acquire(f"lent {number}"))
        for number in range(5000):
            cache.set(f"{number}", b"\xff" * 1000)
        for number, lease in enumerate(leases):
            assert lease.view == bytes([number]) * 1000
            lease.release()


def test_released_by_another_thread(lease: Lease) -> None:
    thread = threading.Thread(target=lease.release)
    thread.start()
    thread.join()
    assert lease.released
