"""Connections that are lost, and servers that are not what they were."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from conftest import eventually

from cachecore import Cache
from cachecore.tiered import TieredCache
from cachecore.tiered.transport import Tracking

from .conftest import PROGRAMS, Stand, here
from .server import Server, client


def changed_unheard(stand: Stand, tier: TieredCache[Any], other: redis.Redis) -> None:
    """A value is here, the listener's connection is gone, and the value changes."""
    other.set("t:a", b"old")
    here(tier, "a")
    stand.listening.refuses = True
    stand.listening.reset()
    other.set("t:a", b"new")


def test_a_reset_connection(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    floors = tier.stats().floors
    changed_unheard(stand, tier, other)
    stand.listening.refuses = False
    assert eventually(lambda: tier.stats().floors > floors, 60)
    assert eventually(lambda: tier.get("a") == b"new")


def test_nothing_is_served_once_it_has_not_been_heard_for_max_lag(server: Server, other: redis.Redis) -> None:
    stand = Stand(server, max_lag=0.4)
    try:
        tier = stand.synced()
        changed_unheard(stand, tier, other)
        assert eventually(lambda: not tier.health().synced)
        assert tier.peek("a") is None and tier.get("a") == b"new" and tier.health().error
        assert tier.stats().floors == 1  # nobody listens, and nothing is kept
        asked = tier.stats().server_reads
        assert tier.get_many(["a", "b"]) == {"a": b"new"}
        assert tier.stats().server_reads == asked + 2
    finally:
        stand.close()


def test_a_connection_that_is_dead_and_does_not_say_so(server: Server, other: redis.Redis) -> None:
    stand = Stand(server, max_lag=0.4)
    try:
        tier = stand.synced()
        other.set("t:a", b"old")
        here(tier, "a")
        stand.listening.hold()
        other.set("t:a", b"new")
        assert eventually(lambda: tier.get("a") == b"new")
        assert eventually(lambda: "has not answered" in tier.health().error, 60)
        stand.listening.reset()
        stand.listening.release()
        stand.synced()
        assert tier.get("a") == b"new"
    finally:
        stand.close()


def test_a_server_that_answers_late_is_still_heard(server: Server, other: redis.Redis) -> None:
    """Later than max_lag: nothing is served meanwhile, and nothing is given up."""
    stand = Stand(server, max_lag=1)
    try:
        tier = stand.synced()
        other.set("t:a", b"1")
        here(tier, "a")
        floors = tier.stats().floors
        stand.listening.set_delay(1.5)
        assert eventually(lambda: tier.peek("a") is None)
        stand.listening.set_delay(0)
        assert eventually(lambda: tier.peek("a") == b"1")
        assert tier.stats().floors == floors
    finally:
        stand.close()


def test_the_server_kills_the_connection(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    floors = tier.stats().floors
    other.set("t:a", b"old")
    here(tier, "a")
    for one in other.client_list():
        if "t" in one["flags"]:  # it tracks
            other.client_kill_filter(_id=one["id"])
    other.set("t:a", b"new")
    assert eventually(lambda: tier.get("a") == b"new")
    assert eventually(lambda: tier.stats().floors > floors, 60)


@pytest.mark.parametrize("everything", ["flushall", "flushdb"])
def test_flushing(stand: Stand, other: redis.Redis, everything: str) -> None:
    tier = stand.synced()
    tier.set_many({str(number): b"1" for number in range(100)})
    here(tier, *(str(number) for number in range(100)))
    floors = tier.stats().floors
    getattr(other, everything)()
    assert eventually(lambda: tier.get("1") is None)
    assert tier.get_many(["2", "3"]) == {}
    assert tier.stats().floors == floors + 1


def test_what_the_server_evicts(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    other.set("t:a", b"1")
    here(tier, "a")
    try:
        other.config_set("maxmemory-policy", "allkeys-random")
        other.config_set("maxmemory", "1")
        with contextlib.suppress(redis.ResponseError):
            other.set("unrelated", b"1")
        assert eventually(lambda: tier.peek("a") is None)
    finally:
        other.config_set("maxmemory", "0")
    assert tier.get("a") is None


@pytest.fixture
def restarting(own_server: Server) -> Iterator[Stand]:
    stand = Stand(own_server, socket_timeout=5)
    yield stand
    stand.close()


def test_a_restart_with_the_same_data(restarting: Stand) -> None:
    """The server has its data again, and nobody says what was changed by others in between."""
    stand, server = restarting, restarting.server
    tier = stand.synced()
    server.client.set("t:a", b"old")
    here(tier, "a")
    server.client.save()
    stand.listening.refuses = True
    server.stop()
    server.start()
    assert server.client.get("t:a") == b"old"
    server.client.set("t:a", b"new")
    stand.listening.refuses = False
    assert eventually(lambda: tier.get("a") == b"new")
    stand.synced()
    assert tier.get("a") == b"new"


def test_a_failover_to_an_older_replica(restarting: Stand) -> None:
    """The address leads to a server that lacks the last writes: what is served is what it has."""
    stand, server = restarting, restarting.server
    tier = stand.synced()
    with Server(next(iter(PROGRAMS.values()))) as older:
        older.client.set("t:a", b"older")
        server.client.set("t:a", b"newer")
        here(tier, "a")
        stand.data.target = stand.listening.target = older.port
        server.stop()
        assert eventually(lambda: tier.get("a") == b"older", 60)
        stand.synced()
        here(tier, "a")
        older.client.set("t:a", b"newest")
        assert eventually(lambda: tier.get("a") == b"newest")


def test_a_server_that_becomes_a_replica_of_an_older_one(restarting: Stand) -> None:
    """Its connections live on, and its data is replaced."""
    stand, server = restarting, restarting.server
    tier = stand.synced()
    with Server(next(iter(PROGRAMS.values()))) as older:
        older.client.set("t:a", b"older")
        server.client.set("t:a", b"newer")
        here(tier, "a")
        server.client.replicaof("127.0.0.1", str(older.port))
        assert eventually(lambda: tier.get("a") == b"older", 60)
        older.client.set("t:a", b"newest")
        assert eventually(lambda: tier.get("a") == b"newest", 60)
        server.client.replicaof("NO", "ONE")


def test_a_cleared_local_cache(stand: Stand, other: redis.Redis) -> None:
    """The state goes with it, and comes back."""
    tier = stand.synced()
    other.set("t:a", b"1")
    here(tier, "a")
    stand.local.clear()
    assert tier.get("a") == b"1"
    stand.synced()
    here(tier, "a")


def test_a_local_cache_too_small_for_the_state(server: Server, other: redis.Redis) -> None:
    stand = Stand(server, Cache(4, shards=1))
    try:
        tier = stand.synced()
        for number in range(2000):
            name = str(number % 7)
            tier.set(name, b"%d" % number)
            assert tier.get(name) == b"%d" % number
    finally:
        stand.close()


def test_messages_in_resp2(server: Server, other: redis.Redis) -> None:
    """Where the package hands out no pushes, the connection subscribes to them."""
    connection = redis.Connection(host="127.0.0.1", port=server.port, protocol=2, socket_timeout=60)
    connection.connect()
    tracking = Tracking(connection, b"t:", pushes=False)
    try:
        other.set("t:a", b"1")
        other.set("not tracked", b"1")
        assert tracking.read(60) == [b"t:a"]
        tracking.ping()
        assert tracking.read(60) == "pong"
        other.flushall()
        said = tracking.read(60)
        assert said == [] and getattr(said, "everything", False)
        assert tracking.read(0) is None
    finally:
        tracking.close()


class Saying:
    """A connection on which a server says what it likes."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self._parser = self

    def set_invalidation_push_handler(self, handler: Any) -> None: ...
    def send_command(self, *command: Any, **options: Any) -> None: ...
    def can_read(self, timeout: float) -> bool:
        return True

    def read_response(self, **options: Any) -> Any:
        return self.answer

    def disconnect(self) -> None: ...


@pytest.mark.parametrize(
    "answer", [None, b"OK", 5, [], [b"invalidate", b"a"], [b"invalidate", [b"a", 5]], [b"moved", [b"a"]]]
)
def test_what_is_not_understood_ends_the_connection(answer: Any) -> None:
    """Something may be lost, and a new connection begins a new epoch."""
    with pytest.raises(ConnectionError):
        Tracking(Saying(answer), b"", pushes=True).read(0)


def test_a_client_that_may_not_track(own_server: Server) -> None:
    """The tier goes on without keeping anything, and health() says why."""
    own_server.client.acl_setuser("weak", enabled=True, passwords=["+p"], keys=["*"], channels=["*"],
                                  commands=["+@all", "-client|tracking"])  # fmt: skip
    with Cache(100) as local, client(own_server.port, username="weak", password="p") as remote:
        with TieredCache[Any](local, remote, prefix="t:", max_lag=0.5) as tier:
            tier.set("a", b"1")
            assert [tier.get("a"), tier.get("a")] == [b"1", b"1"]
            assert eventually(lambda: "tracking" in tier.health().error.lower(), 60)
            assert not tier.health().synced and tier.peek("a") is None
            time.sleep(0.1)
            assert tier.get_or_set("b", lambda: b"2") == b"2" == tier.get("b")
