"""Keys and values are the caller's: no log and no error's text shows one of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest

from cachecore import Cache, CacheCoreError, ObjectCache, cached

SECRET = "s3cr3t"
VALUE = SECRET.encode()


def test_no_error_shows_a_key_or_a_value() -> None:
    huge = SECRET * 50_000
    number = Cache(2, no_evict=True, shards=1)
    number.set(SECRET, VALUE)
    number.set("other", VALUE)
    small = Cache(max_bytes=256 * 1024)
    attempts: list[Callable[[], object]] = [
        lambda: number.increment(SECRET),
        lambda: number.set(SECRET + "!", VALUE),
        lambda: number.set_many({SECRET + "!": VALUE, SECRET + "?": VALUE}),
        lambda: number.set(huge, VALUE),
        lambda: number.get_many([huge, SECRET]),
        lambda: small.set(SECRET, VALUE * 500_000),
        lambda: small.set_many({SECRET: VALUE * 500_000}),
        lambda: number.get((SECRET,)),  # type: ignore[arg-type]
        lambda: number.set("key", SECRET),  # type: ignore[arg-type]
        lambda: number.set("key", [SECRET]),  # type: ignore[arg-type]
    ]
    for attempt in attempts:
        with pytest.raises((CacheCoreError, TypeError)) as failed:
            attempt()
        assert SECRET not in str(failed.value)
    for shown in (number, small, number.stats()):
        assert SECRET not in repr(shown)


def test_no_log_shows_a_key_or_a_value(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the listener's own words")

    with caplog.at_level(logging.DEBUG):
        with Cache(10, on_removal=fail) as store:
            store.set(SECRET, VALUE)
            store.delete(SECRET)
        with ObjectCache[str, str](10, on_removal=fail) as objects:
            objects[SECRET] = SECRET
            del objects[SECRET]
        calls: list[str] = []

        @cached(ttl=0.001, stale=60)
        def answer(question: str) -> str:
            calls.append(question)
            if len(calls) > 1:
                raise RuntimeError("no answer")
            return question

        answer(SECRET)
        time.sleep(0.02)
        answer(SECRET)
        end = time.monotonic() + 10
        while "a refresh failed" not in caplog.text and time.monotonic() < end:
            time.sleep(0.005)
    assert caplog.text.count("a removal listener failed") == 2
    assert "a refresh failed" in caplog.text
    assert all(SECRET not in record.getMessage() for record in caplog.records)
