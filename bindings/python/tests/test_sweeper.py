"""The sweeper as an object."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from conftest import eventually

from cachecore import Cache, StateError, SweeperState


def test_stopped_until_started(cache: Cache) -> None:
    sweeper = cache.sweeper
    status = sweeper.status()
    assert status.state is SweeperState.STOPPED and not sweeper.running and not status.healthy
    assert (status.sweeps_run, status.last_run_age, status.errors) == (0, None, 0)
    for call in (
        sweeper.stop,
        sweeper.pause,
        sweeper.resume,
        sweeper.trigger,
        lambda: sweeper.set_interval(1),
    ):
        with pytest.raises(StateError):
            call()
    assert repr(sweeper) == "<cachecore.Sweeper stopped>"


def test_start_and_stop(cache: Cache) -> None:
    cache.sweeper.start(interval=3600)
    assert cache.sweeper.running and cache.sweeper.status().healthy
    with pytest.raises(StateError):
        cache.sweeper.start()
    begun = time.monotonic()
    cache.sweeper.stop(timeout=10)
    assert time.monotonic() - begun < 5  # not an hour
    assert not cache.sweeper.running
    cache.sweeper.start()
    cache.sweeper.stop()


def test_interval(cache: Cache) -> None:
    cache.sweeper.start(interval=timedelta(minutes=2), max_slice=0.001)
    assert cache.sweeper.interval == 120
    cache.sweeper.interval = 1.5
    assert cache.sweeper.interval == cache.sweeper.status().interval == 1.5
    cache.sweeper.set_interval(None)
    assert 0.01 <= cache.sweeper.interval <= 60


def test_it_sweeps_by_itself() -> None:
    with Cache(1000) as cache:
        cache.sweeper.start(interval=0.01)
        cache.set_many({f"{number}": b"" for number in range(100)}, ttl=0.03)
        assert eventually(lambda: cache.stats().expirations == 100)
        status = cache.sweeper.status()
        assert status.entries_removed == 100 and status.sweeps_run >= 1
        assert status.healthy and status.backlog == 0
        assert status.last_run_age is not None and status.last_run_age < 60


def test_automatic_interval() -> None:
    with Cache(1000) as cache:
        cache.set_many({f"{number}": b"" for number in range(100)}, ttl=0.05)
        cache.sweeper.start()
        assert eventually(lambda: cache.stats().expirations == 100)


def test_run_at_once() -> None:
    with Cache(1000, manual_clock=True) as cache:
        cache.set("k", b"", 1)
        cache.advance_clock(1)
        assert cache.sweeper.status().backlog == 1
        cache.sweeper.start(interval=3600, run_at_once=True)
        assert eventually(lambda: cache.sweeper.status().entries_removed == 1)


def test_a_changed_interval_counts_at_once() -> None:
    with Cache(1000) as cache:
        cache.sweeper.start(interval=3600)
        cache.set("k", b"", 0.01)
        time.sleep(0.03)
        cache.sweeper.interval = 0.01
        assert eventually(lambda: cache.stats().expirations == 1)


def test_trigger(cache: Cache) -> None:
    cache.sweeper.start(interval=3600)
    assert cache.sweeper.trigger() == 0
    cache.set_many({f"{number}": b"" for number in range(30)}, ttl=1)
    cache.advance_clock(1)
    assert cache.sweeper.trigger() == 30
    status = cache.sweeper.status()
    assert (status.sweeps_run, status.last_removed, status.entries_removed) == (2, 30, 30)
    assert status.last_duration > 0


def test_three_triggers_are_three_runs(cache: Cache) -> None:
    cache.sweeper.start(interval=3600)
    cache.set_many({f"{number}": b"" for number in range(30)}, ttl=1)
    cache.advance_clock(1)
    removed: list[int] = []
    threads = [
        threading.Thread(target=lambda: removed.append(cache.sweeper.trigger())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(removed) == 3 and sum(removed) == 30
    assert cache.sweeper.status().sweeps_run == 3


def test_pause_and_resume() -> None:
    with Cache(100) as cache:
        sweeper = cache.sweeper
        sweeper.start(interval=0.01)
        with pytest.raises(StateError):
            sweeper.resume()
        sweeper.pause()
        assert sweeper.status().state is SweeperState.PAUSED and sweeper.running
        with pytest.raises(StateError):
            sweeper.pause()
        cache.set("k", b"", 0.01)
        time.sleep(0.1)
        assert cache.stats().expirations == 0
        assert sweeper.trigger() == 1
        cache.set("k", b"", 0.01)
        sweeper.resume()
        assert sweeper.status().state is SweeperState.RUNNING
        assert eventually(lambda: cache.stats().expirations == 2)


def test_counters_run_across_starts(cache: Cache) -> None:
    for turn in range(3):
        cache.set("k", b"", 1)
        cache.advance_clock(1)
        cache.sweeper.start(interval=3600)
        assert cache.sweeper.trigger() == 1
        cache.sweeper.stop()
        assert cache.sweeper.status().entries_removed == turn + 1


def test_close_ends_a_trigger_that_waits() -> None:
    for _ in range(20):
        cache = Cache(100)
        cache.sweeper.start(interval=3600)
        outcomes: list[object] = []

        def work(cache: Cache = cache, outcomes: list[object] = outcomes) -> None:
            try:
                while True:
                    cache.sweeper.trigger()
            except StateError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.002)
        cache.close()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert len(outcomes) == 3


def test_state_errors_name_the_call(cache: Cache) -> None:
    with pytest.raises(StateError, match="^cachecore_sweeper_pause: "):
        cache.sweeper.pause()


def test_arguments(cache: Cache) -> None:
    with pytest.raises(TypeError):
        cache.sweeper.start(interval="1")
    with pytest.raises(ValueError):
        cache.sweeper.start(interval=float("inf"))
