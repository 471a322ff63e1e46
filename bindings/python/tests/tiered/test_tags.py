"""Values that are given up together."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from conftest import eventually

from cachecore import Cache
from cachecore.tiered import TieredCache
from cachecore.tiered.tags import tag_names, unwrap, wrap

from .conftest import Stand, here
from .server import Server, client


def test_one_command_gives_up_all(tier: TieredCache[Any]) -> None:
    tier.set_many({f"a{number}": b"1" for number in range(100)}, tags=["a", "all"])
    tier.set_many({f"b{number}": b"2" for number in range(100)}, tags=["b", "all"])
    tier.set("plain", b"3")
    names = [f"{kind}{number}" for kind in "ab" for number in range(100)]
    here(tier, *names, "plain")
    tier.invalidate_tag("a")
    assert tier.get_many(names) == {name: b"2" for name in names if name[0] == "b"}
    assert tier.get("a1") is None and tier.get("b1") == b"2"
    tier.set("a1", b"new", tags=["a"])
    assert tier.get("a1") == b"new"
    tier.invalidate_tag(b"all")
    assert tier.get_many([*names, "plain"]) == {"a1": b"new", "plain": b"3"}


def test_a_hit_with_tags_asks_nobody(tier: TieredCache[Any]) -> None:
    tier.set("a", b"1", tags=["x", "y"])
    here(tier, "a")
    asked = tier.stats().server_reads
    assert [tier.get("a") for _ in range(10)] == [b"1"] * 10
    assert tier.stats().server_reads == asked


def test_another_machine(tier: TieredCache[Any], server: Server) -> None:
    """Two tiers with local caches of their own."""
    with Cache(1000) as local, client(server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:") as far:
            tier.set("a", b"1", tags=["x"])
            assert far.get("a") == b"1" == tier.get("a")
            here(far, "a")
            tier.invalidate_tag("x")
            assert tier.get("a") is None
            assert eventually(lambda: far.get("a") is None)


def test_a_tag_that_the_server_loses_is_invalidated(tier: TieredCache[Any], other: redis.Redis) -> None:
    tier.set("a", b"1", tags=["x"])
    here(tier, "a")
    assert other.ttl("t:\0tag:x") > 86400
    other.delete("t:\0tag:x")
    assert eventually(lambda: tier.get("a") is None)
    tier.set("b", b"2", tags=["x"])
    assert tier.get("b") == b"2" and tier.get("a") is None


def test_a_tag_that_is_made_again_is_known_at_once(stand: Stand) -> None:
    """Its absence was kept here, and the message that it is there again is late."""
    tier = stand.synced()
    for store in (
        lambda: tier.set("a", b"2", tags=["x"]),
        lambda: tier.get_or_set("a", lambda: b"2", tags=["x"]),
    ):
        tier.set("a", b"1", tags=["x"])
        tier.invalidate_tag("x")
        assert tier.get("a") is None
        stand.listening.set_delay(0.5)
        store()
        assert tier.get("a") == b"2"
        stand.listening.set_delay(0)


def test_computed_with_tags(tier: TieredCache[Any]) -> None:
    assert tier.get_or_set("a", lambda: b"1", tags=["x"]) == b"1" == tier.get("a")
    tier.invalidate_tag("x")
    assert tier.get_or_set("a", lambda: b"2", tags=["x"]) == b"2" == tier.get("a")


@pytest.mark.parametrize("content", [b"", b"value", b"\xc1", b"\xc1cct\0\0", bytes(range(256))])
def test_envelopes(content: bytes) -> None:
    for tokens in ({}, {b"": bytes(8)}, {b"x": b"12345678", b"y" * 1000: b"abcdefgh"}):
        assert unwrap(wrap(content, tokens)) == (content, tokens)
        whole = wrap(content, tokens)
        for end in range(len(whole)):
            unwrap(whole[:end])  # whatever is there is no error
    assert content[:1] == b"\xc1" or wrap(content, {}) == content


def test_tag_names() -> None:
    assert tag_names(["a", b"b", "a"]) == [b"a", b"b"]
    with pytest.raises(TypeError):
        tag_names("a")
