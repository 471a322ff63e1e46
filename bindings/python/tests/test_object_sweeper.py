"""Objects that have expired go by themselves: at writes, or by the sweeper."""

from __future__ import annotations

import os
import threading
import weakref
from datetime import timedelta
from typing import Any

import pytest
from conftest import eventually, run_python

from cachecore import Cause, ClosedError, ObjectCache, StateError, SweeperState, cached

Objects = ObjectCache[Any, Any]


class Thing:
    """Something with a weak reference."""


@pytest.mark.parametrize("manual", [False, True])
def test_a_write_removes_what_has_expired(manual: bool) -> None:
    with Objects(10_000, manual_clock=manual) as cache:
        gone = []
        for number in range(200):
            thing = Thing()
            gone.append(weakref.ref(thing))
            cache.set(number, thing, ttl=0.02)
        del thing
        if manual:
            cache.advance_clock(1)

        def write() -> bool:
            cache["another"] = 1
            return not any(each() for each in gone)

        assert eventually(write)
        assert len(cache) == 1 and cache.stats().expirations == 200 and cache.stats().expired == 0


def test_a_write_removes_a_few_at_a_time() -> None:
    with Objects(10_000, manual_clock=True) as cache:
        for number in range(1000):
            cache.set(number, number, ttl=1)
        cache.advance_clock(2)
        cache["another"] = 1
        assert 0 < cache.stats().expirations < 200
        for number in range(100):
            cache["another"] = number
        assert cache.stats().expirations == 1000


def test_results_of_functions_go_by_themselves() -> None:
    @cached(ttl=0.02)
    def make(number: int) -> Thing:
        return Thing()

    gone = weakref.ref(make(1))
    numbers = iter(range(2, 10**9))
    assert eventually(lambda: make(next(numbers)) is not None and gone() is None)


def test_the_sweeper_removes_what_nobody_touches() -> None:
    heard: list[tuple[Any, str]] = []

    def listen(key: Any, value: Any, cause: Cause) -> None:
        heard.append((cause, threading.current_thread().name))

    with Objects(1000, on_removal=listen) as cache:
        cache.sweeper.start(interval=0.01)
        things = [Thing() for _ in range(600)]
        gone = [weakref.ref(thing) for thing in things]
        cache.set_many(dict(enumerate(things)), ttl=0.3)
        things.clear()
        assert eventually(lambda: not any(each() for each in gone))
        cache.sweeper.trigger()  # a sweep is counted at its end
        status = cache.sweeper.status()
        assert status.entries_removed > 0 and status.sweeps_run > 0 and status.errors == 0
        assert status.last_run_age is not None and status.healthy and status.interval == 0.01
        assert (Cause.EXPIRED, "cachecore-sweeper") in heard


def test_stopped_until_started() -> None:
    with Objects(10) as cache:
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
        assert repr(sweeper) == "<cachecore.ObjectSweeper stopped>"


def test_controls() -> None:
    with Objects(10, manual_clock=True) as cache:
        cache.sweeper.start(interval=timedelta(hours=1))
        with pytest.raises(StateError):
            cache.sweeper.start()
        assert cache.sweeper.running and cache.sweeper.interval == 3600
        cache.set("a", 1, 5)
        cache.advance_clock(6)
        assert cache.sweeper.status().backlog == 1
        assert cache.sweeper.trigger() == 1 and cache.sweeper.trigger() == 0
        cache.sweeper.pause()
        assert cache.sweeper.status().state is SweeperState.PAUSED
        assert repr(cache.sweeper) == "<cachecore.ObjectSweeper paused>"
        cache.set("a", 1, 5)
        cache.advance_clock(6)
        assert cache.sweeper.trigger() == 1
        cache.sweeper.resume()
        cache.set("a", 1, 5)
        cache.advance_clock(6)
        cache.sweeper.interval = 0.001
        assert eventually(lambda: cache.stats().expired == 0)
        for wrong in (0, -1, "x", float("nan")):
            with pytest.raises((ValueError, TypeError)):
                cache.sweeper.interval = wrong
        cache.sweeper.stop(timeout=10)
        assert not cache.sweeper.running
        cache.sweeper.start(run_at_once=True, interval=2.0**70)  # longer than a thread can wait
        assert eventually(lambda: cache.sweeper.status().sweeps_run > 0)
        assert cache.sweeper.trigger() == 0
        cache.sweeper.stop()


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cachecore-sweeper"]


def test_the_thread_ends_with_the_cache() -> None:
    cache = Objects(10)
    cache.sweeper.start(interval=3600)
    sweeper = cache.sweeper
    cache.close()
    assert eventually(lambda: not ours())
    for call in (sweeper.start, sweeper.stop, sweeper.trigger, sweeper.status):
        with pytest.raises(ClosedError):
            call()
    assert repr(sweeper) == "<cachecore.ObjectSweeper of a closed cache>"

    dropped = Objects(10)
    dropped.sweeper.start(interval=3600)
    alive = weakref.ref(dropped)
    del dropped
    assert alive() is None and eventually(lambda: not ours())


def test_a_trigger_ends_with_the_sweeper() -> None:
    inside, leave = threading.Event(), threading.Event()

    class Slow:
        def __del__(self) -> None:
            inside.set()
            leave.wait(30)

    with Objects(10, manual_clock=True) as cache:
        cache.sweeper.start(interval=3600)
        cache.set("a", Slow(), 1)
        cache.advance_clock(2)
        outcomes: list[object] = []

        def trigger() -> None:
            try:
                outcomes.append(cache.sweeper.trigger())
            except StateError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=trigger) for _ in range(3)]
        threads[0].start()
        assert inside.wait(30)
        for thread in threads[1:]:
            thread.start()
        assert cache.sweeper.status().healthy
        with pytest.raises(TimeoutError):
            cache.sweeper.stop(timeout=0.01)
        leave.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert len(outcomes) == 3 and not cache.sweeper.running


def test_on_its_own_thread_it_waits_for_nothing() -> None:
    said: list[object] = []

    def listen(key: Any, value: Any, cause: Cause) -> None:
        try:
            cache.sweeper.trigger()
        except StateError as error:
            said.append(str(error))
        cache.sweeper.stop()

    with Objects(10, on_removal=listen) as cache:
        cache.set("a", 1, 0.01)
        cache.sweeper.start(interval=0.02)
        assert eventually(lambda: not cache.sweeper.running)
        assert said == ["the sweeper cannot wait for itself"]


def test_a_failure_is_logged_and_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(ObjectCache[Any, Any]):
        def cleanup_expired(self, max_entries: int = 0) -> int:
            raise MemoryError("none left")

    with Failing(10) as cache:
        cache.sweeper.start(interval=3600)
        assert cache.sweeper.trigger() == cache.sweeper.trigger() == 0
        assert cache.sweeper.status().errors == 2 and cache.sweeper.running
        assert "a sweep failed" in caplog.text


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("restart", [False, True])
def test_fork(restart: bool) -> None:
    with Objects(10) as cache:
        cache.sweeper.start(interval=0.01, restart_after_fork=restart)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                cache.set("a", 1, 0.01)
                if not restart:
                    assert not cache.sweeper.running
                    cache.sweeper.start(interval=0.01)
                assert eventually(lambda: cache.sweeper.status().entries_removed > 0)
                cache.sweeper.stop()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cache.sweeper.running


@pytest.mark.parametrize("interval", ["3600", "0.001"])
def test_interpreter_exit(interval: str) -> None:
    code = f"""
import cachecore, sys
class Slow:
    def __del__(self): cache.get('a') if cache is not None else None
sys.kept = cache = cachecore.ObjectCache(10_000)
for number in range(5000): cache.set(number, Slow(), 0.001 * (number % 50 + 1))
cache.sweeper.start({interval})
"""
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
