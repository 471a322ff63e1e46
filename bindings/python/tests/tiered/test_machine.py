"""Several processes of one machine with one local cache: one listens, and nobody's death matters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from conftest import LIBRARY, eventually
from processes import ended, forked, in_child

import cachecore
from cachecore import Cache
from cachecore.tiered import TieredCache

from .server import SECONDS, Server, client

# Answers each line, [method, arguments], by one of JSON.
PROGRAM = """
import json, sys
import redis
from cachecore import Cache
from cachecore.tiered import TieredCache

place, port, max_lag = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with Cache(10_000, shared=place) as local, redis.Redis(port=port) as remote:
    with TieredCache(local, remote, prefix="t:", serializer="str", max_lag=max_lag) as tier:
        for line in sys.stdin:
            method, arguments = json.loads(line)
            print(json.dumps(getattr(tier, method)(*arguments)), flush=True)
"""


class Worker:
    """A process with a tier."""

    def __init__(self, place: str, port: int, max_lag: float) -> None:
        paths = str(Path(cachecore.__file__).parents[1])
        environment = {**os.environ, "CACHECORE_LIBRARY": LIBRARY, "PYTHONPATH": paths}
        command = [sys.executable, "-c", PROGRAM, place, str(port), str(max_lag)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __call__(self, method: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def get(self, key: str) -> Any:
        return self("get", key)

    @property
    def synced(self) -> bool:
        self("peek", "a")
        return bool(self("health")[0])

    @property
    def listening(self) -> bool:
        return bool(self("health")[2])

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


Make = Callable[..., list[Worker]]


@pytest.fixture
def workers(server: Server, place: str) -> Iterator[Make]:
    made: list[Worker] = []

    def make(count: int = 2, max_lag: float = 1) -> list[Worker]:
        new = [Worker(place, server.port, max_lag) for _ in range(count)]
        made.extend(new)
        assert all(eventually(lambda: worker.synced, SECONDS) for worker in new)  # noqa: B023
        return new

    yield make
    for worker in made:
        if worker.process.returncode is None:
            worker.signal(signal.SIGCONT)
            worker.end()


def trackers(other: redis.Redis) -> int:
    """Connections that listen."""
    return sum("t" in one["flags"] for one in other.client_list())


def test_one_listens_and_all_have_what_one_has_read(workers: Make, other: redis.Redis) -> None:
    some = workers(3)
    assert trackers(other) == 1 and sum(worker.listening for worker in some) == 1
    other.set("t:a", "1")
    assert eventually(lambda: some[0]("peek", "a") == "1" or not some[0].get("a"), SECONDS)
    asked = sum(worker("stats")[0] for worker in some)
    assert [worker.get("a") for worker in some] == ["1"] * 3
    assert sum(worker("stats")[0] for worker in some) == asked
    some[1]("set", "a", "2")
    assert [worker.get("a") for worker in some] == ["2"] * 3  # deleted for all before ``set`` returned


def test_the_listener_is_killed(workers: Make, other: redis.Redis) -> None:
    some = workers(3)
    other.set("t:a", "old")
    while some:
        listener = next((worker for worker in some if worker.listening), None)
        if listener is None:
            continue
        some.remove(listener)
        listener.get("a")
        listener.end()
        other.set("t:a", f"new {len(some)}")
        if some:
            assert all(eventually(lambda: worker.get("a") == f"new {len(some)}") for worker in some)  # noqa: B023
            assert eventually(lambda: any(worker.listening for worker in some), SECONDS)
            assert all(eventually(lambda: worker.synced, SECONDS) for worker in some)  # noqa: B023
            assert eventually(lambda: trackers(other) == 1, SECONDS)


def test_the_listener_is_stopped_and_goes_on(workers: Make, other: redis.Redis) -> None:
    """SIGSTOP: it lives, so its claim stands, and the others void it."""
    first, second = workers(2, max_lag=0.5)
    stopped, other_one = (first, second) if first.listening else (second, first)
    other.set("t:a", "old")
    assert eventually(lambda: other_one("peek", "a") == "old" or not other_one.get("a"), SECONDS)
    stopped.signal(signal.SIGSTOP)
    other.set("t:a", "new")
    assert eventually(lambda: other_one.get("a") == "new")
    assert eventually(lambda: other_one.listening and other_one.synced, SECONDS)
    other.set("t:a", "newer")
    assert eventually(lambda: other_one.get("a") == "newer")
    stopped.signal(signal.SIGCONT)
    assert stopped.get("a") == "newer"
    assert eventually(lambda: not stopped.listening and other_one.listening, SECONDS)
    other.set("t:a", "newest")
    assert eventually(lambda: stopped.get("a") == other_one.get("a") == "newest")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # of Python 3.12 and later
def test_a_child_of_fork_with_a_private_cache(server: Server, other: redis.Redis) -> None:
    """Its copy is invalidated by nobody, until it listens itself."""
    with Cache(1000) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:") as tier:
            other.set("t:a", b"old")
            assert eventually(lambda: tier.peek("a") == b"old" or not tier.get("a"))

            def in_the_child() -> None:
                other.connection_pool.reset()
                assert tier.peek("a") is None
                other.set("t:a", b"new")
                assert tier.get("a") == b"new"
                assert eventually(lambda: tier.health().synced and tier.health().listening, SECONDS)
                assert eventually(lambda: tier.peek("a") == b"new" or not tier.get("a"))
                tier.set("a", b"newest")
                assert tier.get("a") == b"newest"
                tier.close()

            in_child(in_the_child)
            assert eventually(lambda: tier.get("a") == b"newest")
            assert tier.health().listening


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_fork_with_a_shared_cache(server: Server, other: redis.Redis, place: str) -> None:
    """The parent goes on listening for both; when it closes, the child does."""
    with Cache(1000, shared=place) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:") as tier:
            other.set("t:a", b"old")
            assert eventually(lambda: tier.peek("a") == b"old" or not tier.get("a"))
            reading, writing = os.pipe()

            def in_the_child() -> None:
                os.close(writing)
                assert tier.get("a") in (b"old", b"new") and not tier.health().listening
                os.read(reading, 1)  # the parent has closed
                assert eventually(lambda: tier.health().listening and tier.health().synced, SECONDS)
                assert eventually(lambda: tier.peek("a") == b"new" or not tier.get("a"))
                tier.close()

            child = forked(in_the_child)
            os.close(reading)
            other.set("t:a", b"new")
            assert eventually(lambda: tier.get("a") == b"new")
            tier.close()
            os.close(writing)
            assert ended(child) == [0]


def test_two_tiers_of_one_process(server: Server, other: redis.Redis, place: str) -> None:
    """On one local cache, with one prefix: one listens for both; with another prefix it is another tier."""
    with Cache(1000, shared=place) as local, client(server.port) as remote:
        with (
            TieredCache[Any](local, remote, prefix="t:") as one,
            TieredCache[Any](local, remote, prefix="t:") as two,
            TieredCache[Any](local, remote, prefix="u:") as other_tier,
        ):
            for tier in (one, two, other_tier):
                assert eventually(lambda: tier.peek("a") is None and tier.health().synced)  # noqa: B023
            assert one.health().listening + two.health().listening == 1
            one.set("a", b"1")
            other_tier.set("a", b"2")
            assert two.get("a") == b"1" and other_tier.get("a") == b"2"
            two.set("a", b"3")
            assert one.get("a") == b"3" and other_tier.get("a") == b"2"


def test_tiers_that_share_a_local_cache_and_nothing_else(
    server: Server, own_server: Server, place: str
) -> None:
    """Another prefix, another database, another server: the same key is another one."""
    with Cache(1000, shared=place) as local:
        with client(server.port) as one, client(server.port, db=1) as two, client(own_server.port) as three:
            with (
                TieredCache[Any](local, one, prefix="t:") as a,
                TieredCache[Any](local, one, prefix="u:") as b,
                TieredCache[Any](local, two, prefix="t:") as c,
                TieredCache[Any](local, three, prefix="t:") as d,
            ):
                tiers = [a, b, c, d]
                for tier in tiers:
                    assert eventually(lambda: tier.peek("a") is None and tier.health().synced)  # noqa: B023
                begun, go = threading.Event(), threading.Event()

                def compute() -> bytes:
                    begun.set()
                    go.wait(SECONDS)
                    return b"0"

                with ThreadPoolExecutor(1) as executor:
                    computing = executor.submit(a.get_or_set, "a", compute)
                    assert begun.wait(SECONDS)
                    for number, tier in enumerate(tiers[1:], 1):
                        assert tier.get_or_set("a", lambda: b"%d" % number) == b"%d" % number  # noqa: B023
                    go.set()
                    assert computing.result(SECONDS) == b"0"
                for _ in range(20):
                    assert [tier.get("a") for tier in tiers] == [b"0", b"1", b"2", b"3"]


def test_who_listens_and_closes_says_so(server: Server, other: redis.Redis, place: str) -> None:
    """Nobody serves what is not heard of: until the next one listens, reads go to the server."""
    with Cache(1000, shared=place) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:", max_lag=60) as tier:
            other.set("t:a", b"old")
            assert eventually(lambda: tier.peek("a") == b"old" or not tier.get("a"))
            second = TieredCache[Any](local, remote, prefix="t:", max_lag=60)
            tier.close()
            other.set("t:a", b"new")
            assert second.get("a") == b"new"
            second.close()
