"""Closing: deterministic, idempotent, safe against calls in flight and at interpreter exit."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run_python

from cachecore import Cache, ClosedError, StateError

CALLS: dict[str, Callable[[Cache], object]] = {
    "get": lambda cache: cache.get("k"),
    "[]": lambda cache: cache["k"],
    "get_many": lambda cache: cache.get_many(["k"]),
    "get_many of none": lambda cache: cache.get_many([]),
    "acquire": lambda cache: cache.acquire("k"),
    "contains": lambda cache: cache.contains("k"),
    "in": lambda cache: "k" in cache,
    "ttl": lambda cache: cache.ttl("k"),
    "inspect": lambda cache: cache.inspect("k"),
    "set": lambda cache: cache.set("k", b""),
    "[]=": lambda cache: cache.__setitem__("k", b""),
    "set_until": lambda cache: cache.set_until("k", b"", 4e9),
    "add": lambda cache: cache.add("k", b""),
    "replace": lambda cache: cache.replace("k", b""),
    "compare_and_set": lambda cache: cache.compare_and_set("k", b"", 1),
    "set_many": lambda cache: cache.set_many({"k": b""}),
    "touch": lambda cache: cache.touch("k"),
    "increment": lambda cache: cache.increment("k"),
    "delete": lambda cache: cache.delete("k"),
    "del": lambda cache: cache.__delitem__("k"),
    "delete_many": lambda cache: cache.delete_many(["k"]),
    "scan": lambda cache: list(cache.scan("k")),
    "scan_records": lambda cache: list(cache.scan_records()),
    "iter": lambda cache: list(iter(cache)),
    "keys": lambda cache: cache.keys(),
    "delete_prefix": lambda cache: cache.delete_prefix("k"),
    "clear": lambda cache: cache.clear(),
    "count": lambda cache: cache.count(),
    "len": lambda cache: len(cache),
    "size": lambda cache: cache.size(),
    "cleanup_expired": lambda cache: cache.cleanup_expired(),
    "resize": lambda cache: cache.resize(1),
    "stats": lambda cache: cache.stats(),
    "reset_stats": lambda cache: cache.reset_stats(),
    "advance_clock": lambda cache: cache.advance_clock(1),
    "with": lambda cache: cache.__enter__(),
    "sweeper.start": lambda cache: cache.sweeper.start(),
    "sweeper.stop": lambda cache: cache.sweeper.stop(),
    "sweeper.pause": lambda cache: cache.sweeper.pause(),
    "sweeper.resume": lambda cache: cache.sweeper.resume(),
    "sweeper.trigger": lambda cache: cache.sweeper.trigger(),
    "sweeper.set_interval": lambda cache: cache.sweeper.set_interval(1),
    "sweeper.interval": lambda cache: cache.sweeper.interval,
    "sweeper.running": lambda cache: cache.sweeper.running,
    "sweeper.status": lambda cache: cache.sweeper.status(),
}


@pytest.mark.parametrize("name", CALLS)
def test_after_close(name: str, cache: Cache) -> None:
    cache.set("k", b"v")
    cache.close()
    with pytest.raises(ClosedError, match="^the cache is closed$") as closed:
        CALLS[name](cache)
    assert isinstance(closed.value, StateError) and isinstance(closed.value, ValueError)


def test_every_method_is_tried() -> None:
    tried = {name.split()[0] for name in CALLS}
    public = {name for name in vars(Cache) if not name.startswith("_")}
    assert public - tried == {"close", "closed", "sweeper"}


def test_close_again(cache: Cache) -> None:
    assert not cache.closed
    cache.close()
    cache.close()
    assert cache.closed


def test_with_closes() -> None:
    with Cache(1) as cache:
        cache.set("k", b"")
    assert cache.closed
    with pytest.raises(ZeroDivisionError), Cache(1) as cache:
        raise ZeroDivisionError
    assert cache.closed


def test_a_dropped_cache_goes_at_once() -> None:
    cache = Cache(1)
    cache.sweeper.start()
    handle = weakref.ref(cache._handle)
    del cache
    assert handle() is None


def test_a_cache_in_a_cycle_goes_with_it() -> None:
    class Owner:
        def __init__(self) -> None:
            self.cache = Cache(1)
            self.me = self

    owner = Owner()
    handle = weakref.ref(owner.cache._handle)
    del owner
    gc.collect()
    assert handle() is None


def test_a_call_in_flight_keeps_the_native_cache() -> None:
    cache = Cache(1)
    argument = cache._handle  # as a call holds it
    alive = weakref.ref(argument)
    cache.close()
    assert alive() is not None
    del argument
    assert alive() is None


def test_close_gives_everything_back() -> None:
    def held() -> tuple[int, int]:
        maps = Path("/proc/self/maps").read_text().count("\n")
        return len(os.listdir("/proc/self/task")), maps

    def use() -> None:
        with Cache(max_bytes=1 << 22) as cache:
            cache.sweeper.start(interval=0.001)
            cache.set("k", bytes(100_000))
            with cache.acquire("k"):
                cache.delete("k")

    use()
    threads, maps = held()
    for _ in range(200):
        use()
    assert held()[0] == threads
    assert held()[1] < maps + 50  # Python's own memory moves a little


def test_close_while_others_call() -> None:
    def work(cache: Cache, number: int, failures: list[BaseException]) -> None:
        try:
            while True:
                cache.set(f"{number}", b"v" * 100)
                cache.get(f"{number}")
                cache.get_many(["a", "b"])
                cache.stats()
                list(cache.scan())
                cache.cleanup_expired()
                if number == 0:
                    cache.clear()
        except ClosedError:
            pass
        except BaseException as error:
            failures.append(error)

    failures: list[BaseException] = []
    for _ in range(25):
        cache = Cache(1000)
        cache.sweeper.start(interval=0.01)
        threads = [
            threading.Thread(target=work, args=(cache, number, failures)) for number in range(4)
        ]
        for thread in threads:
            thread.start()
        cache.close()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
    assert failures == []


def test_a_scan_ends_with_the_cache(cache: Cache) -> None:
    with Cache(100_000) as large:
        large.set_many({f"{number:0100}": b"" for number in range(20_000)})
        scan = large.scan()
        next(scan)
        large.close()
        with pytest.raises(ClosedError):
            list(scan)


AT_EXIT = {
    "open": "",
    "a running sweeper": "cache.sweeper.start(interval=3600)",
    "a busy sweeper": "cache.sweeper.start(interval=0.001)",
    "a lease": "lease = cache.acquire('k'); view = lease.view; part = view[1:]",
    "a scan": "scan = cache.scan(); next(scan)",
    "a cycle": "class C: pass\nc = C(); c.c = c; c.cache = cache; del cache",
    "a module": "import sys; sys.cache = cache; del cache",
    "an atexit function": "import atexit; atexit.register(cache.close); atexit.register(cache.get, 'k')",
    "a finalizer": "class C:\n    def __del__(self, cache=cache): cache.get('k'); cache.close()\nc = C()",
    "threads": """
import threading
def work():
    while True:
        cache.get('k'); cache.set('k', b'v'); cache.stats(); cache.get_many(['k'])
for _ in range(4): threading.Thread(target=work, daemon=True).start()
""",
    "threads and a sweeper": """
import threading
cache.sweeper.start(interval=0.001)
def work():
    while True:
        cache.sweeper.trigger()
for _ in range(4): threading.Thread(target=work, daemon=True).start()
""",
}


@pytest.mark.parametrize("name", AT_EXIT)
def test_interpreter_exit_with(name: str) -> None:
    prelude = "from cachecore import Cache\ncache = Cache(1000)\ncache.set('k', b'value', 60)\n"
    run = run_python(prelude + AT_EXIT[name])
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
