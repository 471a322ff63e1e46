"""Flask-Caching."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

flask = pytest.importorskip("flask")
caching = pytest.importorskip("flask_caching")

NAME = "cachecore.contrib.flask.CacheCoreCache"


def test_views_are_cached() -> None:
    app = flask.Flask("app")
    cache = caching.Cache(
        app,
        config={
            "CACHE_TYPE": NAME,
            "CACHE_DEFAULT_TIMEOUT": 30,
            "CACHE_OPTIONS": {"threshold": None, "max_bytes": 1 << 20},
        },
    )
    calls = []

    @app.route("/")  # type: ignore[untyped-decorator, unused-ignore]
    @cache.cached()  # type: ignore[untyped-decorator, unused-ignore]
    def root() -> str:
        calls.append(1)
        return "made once"

    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["made once"] * 3 and len(calls) == 1
    engine = cache.cache.engine
    stats = engine.stats()
    assert (stats.hits, stats.bytes_limit, stats.entries_limit) == (2, 1 << 20, 0)
    assert 29 < engine.ttl(next(iter(engine))) <= 30

    for threshold, options in ((500, {}), (70, {"CACHE_THRESHOLD": 70})):
        bounded = caching.Cache(app, config={"CACHE_TYPE": NAME, **options})
        with app.app_context():
            stats = bounded.cache.engine.stats()
        assert stats.entries_limit == threshold


def opened(**config: Any) -> Any:
    """Flask-Caching's cache, and an application for whose context it is."""
    app = flask.Flask("app")
    return caching.Cache(app, config={"CACHE_TYPE": NAME, **config}), app


def test_lifetimes_of_the_configuration() -> None:
    for given in (60, timedelta(seconds=59.5)):
        cache, app = opened(CACHE_DEFAULT_TIMEOUT=given)
        with app.app_context():
            assert cache.set("key", 1) is True
            assert 59 < cache.cache.engine.ttl("key") <= 60


def test_memoize_and_operations() -> None:
    cache, app = opened()
    made: list[int] = []

    @cache.memoize(timeout=50)  # type: ignore[untyped-decorator, unused-ignore]
    def double(number: int) -> int:
        made.append(number)
        return number * 2

    with app.app_context():
        assert [double(2), double(2)] == [4, 4] and made == [2]
        cache.delete_memoized(double, 2)
        assert double(2) == 4 and made == [2, 2]
        assert cache.set("a", 1) and cache.add("a", 2) is False and cache.get("a") == 1
        assert cache.set_many({"x": 1, "y": 2}) and cache.get_many("x", "y", "z") == [1, 2, None]
        assert cache.delete_many("x", "absent", "y") == ["x", "absent", "y"]
        assert cache.get_many("x", "y") == [None, None]
        assert (cache.cache.inc("n", 5), cache.cache.dec("n", 2)) == (5, 3)
        assert cache.set("a", 1, timeout=-1) is False and not cache.has("a")
        cache.clear()


def test_a_value_too_large_is_not_stored(caplog: pytest.LogCaptureFixture) -> None:
    cache, app = opened(CACHE_OPTIONS={"threshold": None, "max_bytes": 65536})
    with app.app_context():
        cache.set("key", 1)
        assert cache.set("key", b"x" * 100_000) is False and cache.get("key") is None
    assert caplog.messages == ["value_too_large"]


def test_arguments_by_position_go_before_the_settings() -> None:
    cache, app = opened(CACHE_ARGS=[5])
    with app.app_context():
        cache.set_many({str(number): number for number in range(10)})
        assert cache.cache.engine.count() == 5 and cache.cache.default_timeout == 300
    cache, _ = opened(CACHE_ARGS=[5, 7], CACHE_DEFAULT_TIMEOUT=9)
    assert cache.cache.default_timeout == 7
