"""Closing: deterministic, idempotent, safe against calls in flight and at interpreter exit."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run_python

import cachecore
from cachecore import Cache, ClosedError, StateError


async def never() -> bytes:
    raise AssertionError("a closed cache computes nothing")


CALLS: dict[str, Callable[[Cache], object]] = {
    "get": lambda cache: cache.get("k"),
    "peek": lambda cache: cache.peek("k"),
    "[]": lambda cache: cache["k"],
    "get_many": lambda cache: cache.get_many(["k"]),
    "get_many of none": lambda cache: cache.get_many([]),
    "acquire": lambda cache: cache.acquire("k"),
    "contains": lambda cache: cache.contains("k"),
    "in": lambda cache: "k" in cache,
    "ttl": lambda cache: cache.ttl("k"),
    "inspect": lambda cache: cache.inspect("k"),
    "get_with_info": lambda cache: cache.get_with_info("k"),
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
    "keys": lambda cache: list(cache.keys()),
    "items": lambda cache: list(cache.items()),
    "values": lambda cache: list(cache.values()),
    "pop": lambda cache: cache.pop("k"),
    "pop or else": lambda cache: cache.pop("k", None),
    "popitem": lambda cache: cache.popitem(),
    "get_or_set": lambda cache: cache.get_or_set("k", lambda: b""),
    "get_or_set_async": lambda cache: asyncio.run(cache.get_or_set_async("k", never)),
    "get_or_claim": lambda cache: cache.get_or_claim("k"),
    "setdefault": lambda cache: cache.setdefault("k", b""),
    "update": lambda cache: cache.update({"k": b""}),
    "take_removals": lambda cache: cache.take_removals(),
    "deliver_removals": lambda cache: cache.deliver_removals(),
    "delete_prefix": lambda cache: cache.delete_prefix("k"),
    "clear": lambda cache: cache.clear(),
    "evict": lambda cache: cache.evict(),
    "shared_info": lambda cache: cache.shared_info(),
    "save": lambda cache: cache.save("/tmp/no-such-folder/file"),
    "load": lambda cache: cache.load("/tmp/no-such-folder/file"),
    "copy": lambda cache: cache.copy(),
    "coldest": lambda cache: cache.coldest(1),
    "hottest": lambda cache: cache.hottest(0),
    "count": lambda cache: cache.count(),
    "len": lambda cache: len(cache),
    "maxsize": lambda cache: cache.maxsize,
    "currsize": lambda cache: cache.currsize,
    "default_ttl": lambda cache: cache.default_ttl,
    "cleanup_expired": lambda cache: cache.cleanup_expired(),
    "resize": lambda cache: cache.resize(1),
    "stats": lambda cache: cache.stats(),
    "reset_stats": lambda cache: cache.reset_stats(),
    "audit": lambda cache: cache.audit(),
    "window": lambda cache: cache.window(),
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
    public = {name for name in dir(Cache) if not name.startswith("_")}
    assert public - tried == {"close", "closed", "read_only", "sweeper"}


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


@pytest.mark.parametrize("kind", ["Cache", "ObjectCache"])
def test_a_finalizer_in_the_same_cycle(kind: str) -> None:
    # The collector ends the handle before the finalizer runs, which must see a closed cache.
    outcomes: list[object] = []

    class Owner:
        def __init__(self) -> None:
            self.cache = getattr(cachecore, kind)(10)
            self.cache.set("k", b"v")
            self.me = self

        def __del__(self) -> None:
            for call in (self.cache.get, self.cache.delete, self.cache.contains):
                try:
                    call("k")
                except ClosedError as error:
                    outcomes.append(error)

    for _ in range(20):
        Owner()
        gc.collect()
    assert len(outcomes) == 60


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
    "objects": "objects = cachecore.ObjectCache(10); objects['me'] = objects; objects[1] = cache",
    "objects in a module": "import sys; sys.objects = cachecore.ObjectCache(10); sys.objects[1] = object()",
    "objects with finalizers": """
class C:
    def __del__(self): objects.get(1) if objects is not None else None
objects = cachecore.ObjectCache(10); objects[1] = C(); objects[2] = C()
""",
    "a listener": """
other = cachecore.Cache(1, on_removal=lambda *what: other.get('a'))
other['a'] = b''; other['b'] = b''
""",
    "a cached function that computes": """
import threading, time
inside = threading.Event()
@cachecore.cached
def f(): inside.set(); time.sleep(60)
for _ in range(3): threading.Thread(target=f, daemon=True).start()
inside.wait()
""",
    "a refresh under way": """
import threading, time
calls = []
refreshing = threading.Event()
@cachecore.cached(ttl=0.001, stale=60)
def f():
    calls.append(1)
    if len(calls) > 1: refreshing.set(); time.sleep(60)
f(); time.sleep(0.02); f(); refreshing.wait()
""",
    "threads on objects": """
import threading
objects = cachecore.ObjectCache(100)
def work():
    number = 0
    while True:
        number += 1; objects[number % 200] = [number]; objects.get(number % 150)
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
    prelude = "import cachecore\nfrom cachecore import Cache\ncache = Cache(1000)\ncache.set('k', b'value', 60)\n"
    run = run_python(prelude + AT_EXIT[name])
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
