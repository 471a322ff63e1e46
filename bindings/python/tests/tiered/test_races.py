"""What may come between asking the server and storing its answer.

The data and the listener have proxies of their own, so a test says in which order things arrive.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import redis
from conftest import eventually

from .conftest import Stand, here


def test_an_invalidation_between_the_answer_and_its_storing(stand: Stand, other: redis.Redis) -> None:
    """The race of every near cache without claims: the old value is not kept."""
    tier = stand.synced()
    other.set("t:a", b"old")
    here(tier, "a")
    tier.delete("a")
    other.set("t:a", b"old")
    assert eventually(lambda: tier.stats().invalidated >= 3, 60)
    stand.data.set_delay(0.5)  # the server answers before the change, and the answer comes after the message
    before = tier.stats()
    with ThreadPoolExecutor(1) as executor:
        reading = executor.submit(tier.get, "a")
        assert eventually(lambda: tier.stats().server_reads > before.server_reads, 60)
        threading.Event().wait(0.2)
        other.set("t:a", b"new")
        assert reading.result(60) == b"old"  # it asked before the change
    stand.data.set_delay(0)
    assert tier.stats().late_refused == before.late_refused + 1
    assert tier.peek("a") is None and tier.get("a") == b"new"


def test_the_message_comes_before_the_question(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    other.set("t:a", b"old")
    here(tier, "a")
    stand.data.set_delay(0.2)
    other.set("t:a", b"new")
    assert eventually(lambda: tier.peek("a") is None)
    assert tier.get("a") == b"new"


def test_a_late_message_only_costs_a_read(stand: Stand, other: redis.Redis) -> None:
    tier = stand.synced()
    other.set("t:a", b"old")
    here(tier, "a")
    stand.listening.set_delay(0.3)
    other.set("t:a", b"new")
    assert tier.get("a") == b"old"  # within the delay
    assert eventually(lambda: tier.get("a") == b"new")
    here(tier, "a")


def test_the_connection_is_lost_and_back_before_the_answer(stand: Stand, other: redis.Redis) -> None:
    """The message is lost with its connection; who stores then does so under an epoch nobody reads."""
    tier = stand.synced()
    other.set("t:a", b"old")
    here(tier, "a")  # by a connection, which stays
    tier.delete("a")
    other.set("t:a", b"old")
    assert eventually(lambda: tier.stats().invalidated >= 3, 60)
    floors = tier.stats().floors
    stand.data.set_delay(1)
    with ThreadPoolExecutor(1) as executor:
        reading = executor.submit(tier.get, "a")
        threading.Event().wait(0.3)
        stand.listening.refuses = True
        stand.listening.reset()
        other.set("t:a", b"new")
        stand.listening.refuses = False
        assert eventually(lambda: tier.stats().floors > floors, 60)
        assert reading.result(60) == b"old"
    stand.data.set_delay(0)
    stand.synced()
    assert tier.peek("a") is None and tier.get("a") == b"new"


def test_a_delete_while_it_is_computed(stand: Stand, other: redis.Redis) -> None:
    """What was computed from the old state is stored neither here nor on the server."""
    tier = stand.synced()
    for change in (
        lambda: tier.delete("a"),
        lambda: tier.invalidate_tag("rows"),
        lambda: tier.delete_prefix("a"),
        lambda: tier.set("a", b"set meanwhile"),
    ):
        tier.delete("a")
        begun, go = threading.Event(), threading.Event()

        def compute() -> bytes:
            begun.set()  # noqa: B023
            go.wait(60)  # noqa: B023
            return b"from the old state"

        with ThreadPoolExecutor(1) as executor:
            computing = executor.submit(tier.get_or_set, "a", compute, tags=["rows"])
            assert begun.wait(60)
            change()
            go.set()
            assert computing.result(60) == b"from the old state"
        assert tier.get("a") in (None, b"set meanwhile")
    assert other.get("t:a") == b"set meanwhile"


def test_an_own_write_overtakes_an_own_read(stand: Stand) -> None:
    tier = stand.synced()
    tier.set("a", b"old")
    stand.data.set_delay(0.3)
    with ThreadPoolExecutor(1) as executor:
        reading = executor.submit(tier.get, "a")
        threading.Event().wait(0.1)
        tier.set("a", b"new")
        assert reading.result(60) in (b"old", b"new")
        assert tier.get("a") == b"new"
    stand.data.set_delay(0)
    assert tier.get("a") == b"new"


def test_own_writes_through_new_epochs(stand: Stand, other: redis.Redis) -> None:
    """A thread that wrote never reads an older value, however often everything is given up."""
    tier = stand.synced()
    stopping = threading.Event()

    def flush() -> None:
        while not stopping.wait(0.005):
            other.flushall()

    flusher = threading.Thread(target=flush)
    flusher.start()
    try:
        for number in range(300):
            tier.set("a", b"%d" % number)
            assert tier.get("a") in (b"%d" % number, None)
    finally:
        stopping.set()
        flusher.join()
    assert tier.stats().floors > 2


def test_a_value_that_comes_before_the_computation(stand: Stand, other: redis.Redis) -> None:
    """Somebody stores between the read that found nothing and the guard: that is the value."""
    tier = stand.synced()
    assert tier.get("a") is None  # the absence is here
    stand.listening.hold()
    other.set("t:a", b"theirs")
    assert tier.get_or_set("a", lambda: b"ours") == b"theirs"
    stand.listening.release()
    assert other.get("t:a") == b"theirs"
