"""A forked child has a working, private copy."""

from __future__ import annotations

import multiprocessing
import threading
import time
from typing import Any

import pytest
from conftest import eventually, run_python
from processes import in_child

from cachecore import Cache, Lease, ObjectCache, SweeperState

# CPython 3.12 and later warn of any fork while there is a second thread.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_the_child_has_the_entries() -> None:
    with Cache(100) as cache:
        cache.set("k", b"v", 60)

        def child() -> None:
            assert cache.get("k") == b"v"
            cache.set("k", b"child's")
            cache.set("new", b"")
            assert sorted(cache) == [b"k", b"new"]
            cache.clear()
            cache.close()

        in_child(child)
        assert cache.get("k") == b"v" and len(cache) == 1


def test_objects_in_a_child_forked_while_others_write() -> None:
    with ObjectCache[int, int](100) as cache:
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                cache[number % 150] = number

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()

        def child() -> None:
            assert len(cache) == len(list(cache))
            for number in range(200):
                cache[number] = number
            assert len(cache) == len(list(cache)) == 100

        try:
            for _ in range(20):
                in_child(child)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_the_sweeper_is_stopped_in_the_child() -> None:
    with Cache(100) as cache:
        cache.sweeper.start(interval=0.01)

        def child() -> None:
            assert cache.sweeper.status().state is SweeperState.STOPPED
            cache.sweeper.start(interval=0.01)
            cache.set("k", b"", 0.02)
            assert eventually(lambda: cache.stats().expirations == 1)
            cache.close()

        in_child(child)
        assert cache.sweeper.running and cache.sweeper.status().healthy
        cache.set("k", b"", 0.02)
        assert eventually(lambda: cache.stats().expirations == 1)


def test_the_sweeper_is_started_again_if_asked() -> None:
    with Cache(100) as cache:
        cache.sweeper.start(interval=0.01, restart_after_fork=True)

        def child() -> None:
            assert cache.sweeper.running
            cache.set("k", b"", 0.02)
            assert eventually(lambda: cache.stats().expirations == 1)
            cache.sweeper.stop()

        in_child(child)


def test_leases_in_the_child(cache: Cache) -> None:
    cache.set("k", b"value")
    lease: Lease = cache.acquire("k")

    def child() -> None:
        assert lease.view == b"value"
        cache.delete("k")
        cache.close()
        assert lease.view == b"value"
        lease.release()

    in_child(child)
    assert lease.view == b"value"


def test_fork_in_the_middle_of_everything() -> None:
    with Cache(500) as cache:
        cache.sweeper.start(interval=0.001)
        going = True

        def work(number: int) -> None:
            while going:
                cache.set(f"{number} {time.monotonic_ns() % 200}", b"v" * 50, 0.01)
                cache.get_many(f"{number} {turn}" for turn in range(50))
                cache.cleanup_expired()
                list(cache.scan())
                if number == 0:
                    cache.clear()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()

        def child() -> None:
            for number in range(200):
                cache.set(f"{number}", b"v", 60)
            assert cache.get("199") == b"v"
            cache.cleanup_expired()
            cache.delete_prefix("1")
            list(cache)
            cache.stats()
            cache.clear()
            assert len(cache) == 0
            cache.sweeper.start()
            cache.sweeper.trigger()
            cache.close()

        try:
            for _ in range(15):
                in_child(child)
        finally:
            going = False
            for thread in threads:
                thread.join()


def work_in_process(queue: Any) -> None:
    with Cache(10) as cache:
        cache.sweeper.start()
        cache.set("k", b"v")
        queue.put(cache.get("k"))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    with Cache(10) as cache:
        cache.sweeper.start()
        queue = context.SimpleQueue()
        process = context.Process(target=work_in_process, args=(queue,))
        process.start()
        assert queue.get() == b"v"
        process.join(30)
        assert process.exitcode == 0


def test_a_cache_does_not_travel() -> None:
    context = multiprocessing.get_context("spawn")
    with Cache(10) as cache:
        process = context.Process(target=print, args=(cache,))
        with pytest.raises(TypeError, match="belongs to its process"):
            process.start()


def test_a_child_that_ends_like_a_program() -> None:
    code = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from cachecore import Cache
cache = Cache(10)
cache.set("k", b"v")
cache.sweeper.start(interval=0.001, restart_after_fork=True)
child = os.fork()
assert cache.get("k") == b"v"
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""
    run = run_python(code)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
