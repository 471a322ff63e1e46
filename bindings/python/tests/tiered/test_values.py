"""What is stored, read, removed and kept for how long."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import redis
from conftest import eventually

from cachecore import ArgumentError, Cache, ClosedError, TimedOutError
from cachecore.tiered import TieredCache

from .conftest import Stand, here
from .server import Server, client


def reads(tier: TieredCache[Any]) -> int:
    """How often the server was asked for a key."""
    return tier.stats().server_reads


def test_a_value_is_read_once_and_then_found_here(tier: TieredCache[Any], other: redis.Redis) -> None:
    other.set("t:a", b"1")
    here(tier, "a")
    asked = reads(tier)
    assert tier.get(b"a") == b"1" and tier.get("a") == b"1"
    assert reads(tier) == asked


def test_what_others_write_is_seen(tier: TieredCache[Any], other: redis.Redis) -> None:
    for number in range(50):
        other.set("t:a", b"%d" % number)
        assert eventually(lambda: tier.get("a") == b"%d" % number)  # noqa: B023  # called at once
    other.delete("t:a")
    assert eventually(lambda: tier.get("a") is None)


def test_an_absence_is_kept_until_there_is_a_value(tier: TieredCache[Any], other: redis.Redis) -> None:
    assert tier.get("a", b"none") == b"none"
    asked = reads(tier)
    assert [tier.get("a") for _ in range(10)] == [None] * 10
    assert reads(tier) == asked
    other.set("t:a", b"1")
    assert eventually(lambda: tier.get("a") == b"1")


def test_own_writes_are_seen_at_once(tier: TieredCache[Any]) -> None:
    for number in range(200):
        tier.set("a", b"%d" % number)
        assert tier.get("a") == b"%d" % number
    assert tier.delete("a") and tier.get("a") is None and not tier.delete("a")


def test_many(tier: TieredCache[Any], other: redis.Redis) -> None:
    tier.set_many({"a": b"1", b"b": b"2"}, ttl=60)
    assert 0 < other.pttl("t:a") <= 60_000
    other.set("t:c", b"3")
    assert tier.get_many(["a", "b", "c", "d", "a"]) == {"a": b"1", "b": b"2", "c": b"3"}
    asked = reads(tier)
    assert tier.get_many(["d", "c", b"b"]) == {"c": b"3", b"b": b"2"}
    assert reads(tier) <= asked + 2  # of a and b, whose own invalidation may have come late
    assert tier.get_many([]) == {}
    assert tier.delete_many(["a", "c", "d"]) == 2
    assert tier.get_many(["a", "b", "c"]) == {"b": b"2"}
    tier.set_many({})
    assert tier.delete_many([]) == 0


def test_a_prefix_is_removed(tier: TieredCache[Any], other: redis.Redis) -> None:
    odd = ["x*[y]?^\\:1", "x*[y]?^\\:2"]
    tier.set_many({**dict.fromkeys(odd, b"1"), "xyy:1": b"2", "x": b"3"})
    other.set("x*[y]?^\\:3", b"not of this tier")
    tier.get_many([*odd, "xyy:1", "x"])
    assert tier.delete_prefix("x*[y]?^\\:") == 2
    assert tier.get_many([*odd, "xyy:1", "x"]) == {"xyy:1": b"2", "x": b"3"}
    assert other.exists("x*[y]?^\\:3")
    assert tier.delete_prefix("") == 2


def test_serializers(server: Server) -> None:
    with Cache(100) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="j:", serializer="json") as tier:
            tier.set("a", {"b": [1, None]})
            assert tier.get("a") == {"b": [1, None]} and tier.get_many(["a"]) == {"a": {"b": [1, None]}}
            assert remote.get("j:a") == b'{"b":[1,null]}'
            assert tier.get_or_set("c", lambda: [1]) == [1] and tier.get("c") == [1]


def test_values_like_an_envelope(tier: TieredCache[Any], other: redis.Redis) -> None:
    for content in (b"", b"\xc1", b"\xc1cct", b"\xc1cct\0\1\0\0", b"\xc1cct\xff\xff", bytes(100_000)):
        tier.set("a", content)
        assert tier.get("a") == content and tier.get_many(["a"]) == {"a": content}
        assert eventually(lambda: tier.peek("a") == content or tier.get("a") != content)  # noqa: B023
    other.set("t:a", b"\xc1 of somebody else")
    assert eventually(lambda: tier.get("a") == b"\xc1 of somebody else")


def test_a_value_lives_no_longer_than_on_the_server(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    other.set("t:short", b"1", px=700)
    other.set("t:long", b"1", px=3_600_000)
    other.set("t:ever", b"1")
    here(tier, "long", "ever")
    tier.get("short")
    epoch = tier._floor.look()
    assert epoch is not None
    left = {name: stand.local.ttl(epoch + name.encode()) for name in ("short", "long", "ever")}
    assert left["short"] is None or left["short"] <= 0.7
    assert all(59 < (left[name] or 0) <= 60 for name in ("long", "ever"))
    assert eventually(lambda: tier.get("short") is None)


def test_jitter_shortens(server: Server) -> None:
    with Cache(1000) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:", local_ttl=100, jitter=0.5) as tier:
            assert eventually(lambda: tier.peek("x") is None and tier.health().synced)
            server.client.mset({f"t:{number}": b"1" for number in range(100)})
            here(tier, *(str(number) for number in range(100)))
            epoch = tier._floor.look()
            assert epoch is not None
            left = [local.ttl(epoch + b"%d" % number) or 0 for number in range(100)]
            assert all(49 < one <= 100 for one in left) and max(left) - min(left) > 20


def test_one_asks_for_all(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    other.set("t:a", b"1")
    stand.data.set_delay(0.3)
    asked = reads(tier)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(tier.get("a"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"1"] * 16
    assert reads(tier) - asked <= 2  # a second one only if a thread was that late


def test_one_computes_for_all(tier: TieredCache[Any]) -> None:
    calls, gate = [], threading.Event()

    def compute() -> bytes:
        calls.append(1)
        gate.wait(60)
        return b"made"

    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(tier.get_or_set("a", compute))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(calls) == 1)
    gate.set()
    for thread in threads:
        thread.join()
    assert found == [b"made"] * 8 and len(calls) == 1
    assert tier.get("a") == b"made"


def test_what_compute_raises_is_raised(tier: TieredCache[Any]) -> None:
    def compute() -> bytes:
        raise ConnectionResetError("the database")  # not taken for one of the server's

    with pytest.raises(ConnectionResetError, match="database"):
        tier.get_or_set("a", compute)
    assert tier.get_or_set("a", lambda: None) is None
    assert tier.get_or_set("a", lambda: b"1", ttl=5) == b"1" == tier.get("a")


def test_wrong_arguments(server: Server) -> None:
    import redis.asyncio

    with Cache(100) as local, client(server.port) as remote:
        for wrong in (Cache(10, serializer="json"), Cache(10, decode_keys=True), {}):
            with pytest.raises(TypeError, match="local"):
                TieredCache(wrong, remote)  # type: ignore[arg-type]
        for other in (object(), redis.asyncio.Redis()):
            with pytest.raises(TypeError):
                TieredCache(local, other)
        with client(server.port, decode_responses=True) as decoding, pytest.raises(TypeError, match="bytes"):
            TieredCache(local, decoding)
        for options in ({"on_error": "no"}, {"jitter": 2}, {"local_ttl": 0}, {"max_lag": -1}, {"queue_writes": -1}):
            with pytest.raises(ValueError):
                TieredCache(local, remote, **options)
        with TieredCache[Any](local, remote) as tier:
            for name in ("x" * 70_000, 5, None):
                with pytest.raises((TypeError, ArgumentError)):
                    tier.get(name)  # type: ignore[arg-type]
                with pytest.raises((TypeError, ArgumentError)):
                    tier.set(name, b"")  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                tier.set("a", "text")
            with pytest.raises(ValueError):
                tier.set("a", b"", ttl=0)
            with pytest.raises(TypeError, match="tags"):
                tier.set("a", b"", tags="one")
            assert tier.get("") is None
            tier.set("", b"empty")
            assert tier.get("") == b"empty"
        for call in (lambda: tier.get("a"), lambda: tier.set("a", b""), lambda: tier.peek("a")):
            with pytest.raises(ClosedError):
                call()
        tier.close()


def test_a_wrong_type_is_no_answer(tier: TieredCache[Any], other: redis.Redis) -> None:
    other.lpush("t:a", b"1")
    assert tier.get("a", b"default") == b"default"
    assert tier.stats().errors == 1 and not tier.health().server_away
    tier.set("a", b"1", ttl=timedelta(minutes=1))
    assert tier.get("a") == b"1"


def test_reads_beside_a_process_that_is_stopped(
    tier: TieredCache[Any], other: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it holds a shard's lock nobody is given a claim: reads go to the server, and nothing is kept."""

    def behind(*arguments: Any, **options: Any) -> Any:
        raise TimedOutError("behind a stopped process")

    other.set("t:a", b"1")
    monkeypatch.setattr(Cache, "get_or_claim", behind)
    monkeypatch.setattr(Cache, "_get_or_claim", behind)
    assert tier.get("a") == b"1" and tier.get_many(["a", "b"]) == {"a": b"1"}
    assert tier.get_or_set("c", lambda: b"2") == b"2"


def test_a_thread_that_cannot_start(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        stand.tier.set("a", b"1")
        assert stand.tier.get("a") == b"1" and "thread" in stand.tier.health().error
    stand.synced()
