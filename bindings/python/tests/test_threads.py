"""Many threads on one cache."""

from __future__ import annotations

import random
import signal
import threading
import time
import zlib
from types import FrameType

import pytest

from cachecore import Cache


def stamped(key: str, number: int) -> bytes:
    body = f"{key}:{number}:".encode() * (number % 40 + 1)
    return zlib.crc32(key.encode()).to_bytes(4, "big") + body


def belongs(key: str, value: bytes) -> bool:
    return value[:4] == zlib.crc32(key.encode()).to_bytes(4, "big") and value[4:].startswith(
        f"{key}:".encode()
    )


def run(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
        assert not thread.is_alive()


def test_everything_at_once() -> None:
    wrong: list[object] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for number in range(1500):
                key = f"key {chance.randrange(300)}"
                match chance.randrange(12):
                    case 0 | 1 | 2:
                        cache.set(key, stamped(key, number))
                    case 3:
                        cache.add(key, stamped(key, number))
                    case 4:
                        cache.delete(key)
                    case 5:
                        keys = [f"key {chance.randrange(300)}" for _ in range(10)]
                        for found, value in cache.get_many(keys).items():
                            if not belongs(found, value):
                                wrong.append((found, value))
                    case 6:
                        cache.set_many({key: stamped(key, number), "key 1": stamped("key 1", 1)})
                    case 7:
                        try:
                            with cache.acquire(key) as view:
                                if not belongs(key, bytes(view)):
                                    wrong.append((key, bytes(view)))
                        except KeyError:
                            pass
                    case 8:
                        cache.increment("counter")
                    case _:
                        found_value = cache.get(key)
                        if found_value is not None and not belongs(key, found_value):
                            wrong.append((key, found_value))
        except BaseException as error:
            wrong.append(error)

    with Cache(200) as cache:
        cache.sweeper.start(interval=0.01)
        run([threading.Thread(target=work, args=(seed,)) for seed in range(8)])
        assert wrong == []
        stats = cache.stats()
        assert stats.entries == len(cache) <= 200
        gone = stats.deletes + stats.evictions + stats.expirations
        assert stats.inserts == gone + stats.entries


def test_increments_are_atomic() -> None:
    with Cache(10) as cache:

        def work() -> None:
            for _ in range(1000):
                cache.increment("n")

        run([threading.Thread(target=work) for _ in range(8)])
        assert cache.get("n") == b"8000"


def test_one_of_many_adds_wins() -> None:
    with Cache(1000) as cache:
        won: list[int] = []

        def work(number: int) -> None:
            for turn in range(200):
                if cache.add(f"{turn}", b"%d" % number):
                    won.append(turn)

        run([threading.Thread(target=work, args=(number,)) for number in range(8)])
        assert sorted(won) == list(range(200))


def test_compare_and_set_loses_nothing() -> None:
    with Cache(10) as cache:
        cache.set("n", b"0")

        def work() -> None:
            done = 0
            while done < 100:
                info = cache.inspect("n")
                value = cache.get("n")
                assert info is not None and value is not None
                again = cache.inspect("n")
                if again is not None and again.version == info.version:
                    done += cache.compare_and_set("n", b"%d" % (int(value) + 1), info.version)

        run([threading.Thread(target=work) for _ in range(4)])
        assert cache.get("n") == b"400"


@pytest.mark.parametrize("padding", [0, 10_000])  # the latter needs more than one call
def test_get_with_info_loses_nothing(padding: int) -> None:
    with Cache(10) as cache:
        cache.set("n", b"0" + b" " * padding)

        def work() -> None:
            done = 0
            while done < 100:
                found = cache.get_with_info("n")
                assert found is not None
                time.sleep(0)
                count = b"%d" % (int(found.value.rstrip()) + 1)
                done += cache.compare_and_set("n", count + b" " * padding, found.version)

        run([threading.Thread(target=work) for _ in range(4)])
        assert cache.get("n", b"").rstrip() == b"400"


def test_a_signal_handler_reads_in_the_middle_of_a_read() -> None:
    handled = 0

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal handled
        handled += cache.get("handler") == b"H" * 64

    with Cache(10) as cache:
        cache.set("handler", b"H" * 64)
        cache.set("main", b"M" * 64)
        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            while handled < 200:
                assert cache.get("main") == b"M" * 64
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
