"""A server that is away: what is served, what is written, and what it costs to find out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import eventually

from cachecore.tiered import ServerAwayError
from cachecore.tiered.backlog import Backlog, Write
from cachecore.tiered.breaker import FAILURES, Backoff, Breaker

from .conftest import Stand, here
from .server import Server

Made = Callable[..., Stand]


@pytest.fixture
def made(own_server: Server) -> Any:
    stands: list[Stand] = []

    def make(**options: Any) -> Stand:
        stands.append(Stand(own_server, **{"socket_timeout": 5, **options}))
        return stands[-1]

    yield make
    for stand in stands:
        stand.close()


def test_what_is_fresh_is_served_then_nothing(made: Made, own_server: Server) -> None:
    stand = made(max_lag=1)
    tier = stand.synced()
    tier.set("a", b"1")
    here(tier, "a")
    own_server.stop()
    assert tier.get("a") == b"1"
    assert eventually(lambda: tier.get("a", b"default") == b"default")
    assert tier.get_many(["a", "b"]) == {} and tier.stats().unanswered >= 3
    assert tier.get("a") is None
    health = tier.health()
    assert not health.ok and not health.synced and health.server_away and health.error


def test_stale_values_for_as_long_as_was_said(made: Made, own_server: Server) -> None:
    stand = made(max_lag=0.2, stale_if_error=2, local_ttl=0.3)
    tier = stand.synced()
    tier.set_many({"a": b"1", "b": b"2"})
    tier.set("tagged", b"3", tags=["x"])
    here(tier, "a", "tagged")
    own_server.stop()
    assert eventually(lambda: not tier.health().synced)
    assert tier.get("a") == b"1" and tier.get("tagged") == b"3"
    assert tier.get_many(["a", "tagged", "c"]) == {"a": b"1", "tagged": b"3"}
    assert tier.stats().stale_served >= 4
    assert eventually(lambda: tier.get("a") is None)


def test_nothing_stale_once_the_server_is_back(made: Made, own_server: Server) -> None:
    stand = made(max_lag=0.2, stale_if_error=600)
    tier = stand.synced()
    tier.set("a", b"old")
    here(tier, "a")
    own_server.stop()
    assert eventually(lambda: not tier.health().synced)
    assert tier.get("a") == b"old"
    own_server.start()
    own_server.client.set("t:a", b"new")
    assert eventually(lambda: tier.get("a") == b"new", 60)
    stand.synced()
    assert tier.get("a") == b"new"


def test_raising_when_asked_to(made: Made, own_server: Server) -> None:
    stand = made(max_lag=0.2, on_error="raise")
    tier = stand.synced()
    tier.set("a", b"1")
    own_server.stop()
    assert eventually(lambda: not tier.health().synced)
    for read in (lambda: tier.get("a"), lambda: tier.get_many(["a"])):
        with pytest.raises(ServerAwayError):
            read()
    with pytest.raises(ServerAwayError):
        tier.get_or_set("a", lambda: b"never")


def test_computing_goes_on(made: Made, own_server: Server) -> None:
    tier = made(max_lag=0.2).synced()
    own_server.stop()
    assert tier.get_or_set("a", lambda: b"1", tags=["x"]) == b"1"
    own_server.start()
    assert eventually(lambda: tier.get_or_set("a", lambda: b"2") and own_server.client.get("t:a") == b"2", 60)


def test_writes_raise_at_once(made: Made, own_server: Server) -> None:
    tier = made().synced()
    tier.set("a", b"1")
    here(tier, "a")
    own_server.stop()
    for write in (
        lambda: tier.set("a", b"2"),
        lambda: tier.set("a", b"2", tags=["x"]),
        lambda: tier.delete("b"),
        lambda: tier.invalidate_tag("x"),
        lambda: tier.delete_prefix("x"),
    ):
        with pytest.raises(ServerAwayError):
            write()
    assert tier.peek("a") is None  # the write may have arrived


def test_writes_wait_in_order(made: Made, own_server: Server) -> None:
    tier = made(queue_writes=5, max_lag=0.2).synced()
    tier.set("gone", b"1")
    own_server.client.save()
    own_server.stop()
    tier.set("a", b"1")
    tier.set_many({"a": b"2", "b": b"3"}, ttl=600)
    assert not tier.delete("gone")
    assert tier.health().queued == 4
    assert tier.get("a") == b"2" and tier.get_many(["a", "b", "gone"]) == {"a": b"2", "b": b"3"}
    with pytest.raises(ServerAwayError, match="4 writes wait"):
        tier.set_many({"c": b"1", "d": b"1"})
    tier.set("short", b"1", ttl=0.001)
    own_server.start()
    assert eventually(lambda: tier.health().queued == 0, 60)
    assert own_server.client.mget("t:a", "t:b", "t:gone", "t:short") == [b"2", b"3", None, None]
    assert 0 < own_server.client.pttl("t:a") <= 600_000
    assert eventually(lambda: tier.get("a") == b"2")
    tier.set("a", b"direct")
    assert own_server.client.get("t:a") == b"direct" and tier.stats().queued == 5


def test_a_queued_write_that_is_refused_is_dropped(made: Made, own_server: Server) -> None:
    tier = made(queue_writes=5, max_lag=0.2).synced()
    own_server.stop()
    tier.set("a", b"x" * 200_000)
    tier.delete("b")
    own_server.start()
    own_server.client.config_set("maxmemory", "1")
    assert eventually(lambda: tier.health().queued == 0, 60)
    own_server.client.config_set("maxmemory", "0")
    assert tier.stats().dropped in (0, 1)  # 0: it went before the limit was set


def test_the_server_is_asked_seldom(made: Made, own_server: Server) -> None:
    tier = made(max_lag=0.2).synced()
    own_server.stop()
    end = time.monotonic() + 1
    reads = 0
    while time.monotonic() < end:
        tier.get(str(reads))
        reads += 1
    assert tier.stats().errors <= 20 < reads
    assert tier.health().server_away
    own_server.start()
    own_server.client.set("t:a", b"1")
    assert eventually(lambda: tier.get("a") == b"1", 60) and not tier.health().server_away


def test_one_tries_while_the_others_wait() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.allows() and not breaker.open
    breaker.failed()
    assert breaker.open
    assert eventually(breaker.allows)
    assert not breaker.allows()  # somebody else is trying
    breaker.worked()
    assert breaker.allows() and not breaker.open


def test_pauses_double_up_to_a_limit() -> None:
    backoff = Backoff(1, 8)
    pauses = [backoff.pause() for _ in range(6)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True))
    backoff.reset()
    assert backoff.pause() <= 1


def test_a_backlog_takes_all_or_none() -> None:
    backlog = Backlog(2)
    a, b = Write(b"a", b"1", None), Write(b"b", None, 5)
    assert not backlog.add([a], only_behind=True)
    assert backlog.add([a, b]) and len(backlog) == 2
    with pytest.raises(ServerAwayError):
        backlog.add([a], only_behind=True)
    threads = [threading.Thread(target=backlog.find, args=(b"a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = backlog.first()
    assert first is not None and first[:3] == a[:3]
    backlog.done(first)
    assert backlog.find(b"a") is None and backlog.find(b"b") is not None


def test_a_primary_that_is_one_no_more(made: Made, own_server: Server) -> None:
    """It takes no writes: they wait, as for one that is away, until the address leads to a primary."""
    tier = made(queue_writes=5).synced()
    own_server.client.replicaof("127.0.0.1", "1")
    tier.set("a", b"1")
    assert tier.health().queued == 1 and tier.get("a") == b"1"
    own_server.client.replicaof("NO", "ONE")
    assert eventually(lambda: tier.health().queued == 0, 60)
    assert own_server.client.get("t:a") == b"1" and tier.stats().dropped == 0
