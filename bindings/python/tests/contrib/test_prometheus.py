"""Prometheus, in one process and in several."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from conftest import run_python
from processes import in_child

from cachecore import Cache

from .conftest import used

prometheus = pytest.importorskip("prometheus_client")

from cachecore.contrib.prometheus import CacheCollector, CachePusher  # noqa: E402


def value(registry: object, name: str, **labels: str) -> float | None:
    found: float | None = registry.get_sample_value(name, labels)  # type: ignore[attr-defined]
    return found


def test_a_collector_reads_each_cache_when_asked(cache: Cache[bytes]) -> None:
    registry = prometheus.CollectorRegistry()
    registry.register(CacheCollector({"one": cache, "two": Cache(7)}))
    used(cache)
    for name, expected in {
        "cachecore_hits_total": 2,
        "cachecore_misses_total": 1,
        "cachecore_inserts_total": 3,
        "cachecore_updates_total": 1,
        "cachecore_deletes_total": 1,
        "cachecore_expirations_total": 1,
        "cachecore_evictions_total": 0,
        "cachecore_entries": 1,
        "cachecore_entries_limit": 1000,
        "cachecore_sweeper_healthy": 0,
    }.items():
        assert value(registry, name, cache="one") == expected, name
    assert value(registry, "cachecore_entries_limit", cache="two") == 7
    text = prometheus.generate_latest(registry).decode()
    assert "# TYPE cachecore_hits_total counter" in text
    assert "# TYPE cachecore_used_bytes gauge" in text


def test_a_collector_needs_no_more_than_to_read(place: str) -> None:
    registry = prometheus.CollectorRegistry()
    with Cache(10, shared=place) as writer, Cache(shared=place, read_only=True) as looker:
        registry.register(CacheCollector(looker))
        writer["a"] = writer["b"] = b""
        assert value(registry, "cachecore_inserts_total", cache="default") == 2
        assert value(registry, "cachecore_entries", cache="default") == 2
        assert value(registry, "cachecore_sweeps_total", cache="default") == 0
        assert writer.shared_info().processes == 1


def test_a_closed_cache_is_left_out() -> None:
    registry = prometheus.CollectorRegistry()
    open_one, closed = Cache(1), Cache(1)
    registry.register(CacheCollector({"open": open_one, "closed": closed}))
    closed.close()
    assert value(registry, "cachecore_entries", cache="open") == 0
    assert value(registry, "cachecore_entries", cache="closed") is None


def test_a_pusher_adds_what_is_new(cache: Cache[bytes]) -> None:
    registry = prometheus.CollectorRegistry()
    pusher = CachePusher(cache, registry)
    used(cache)
    for _ in range(2):
        pusher.push()
        assert value(registry, "cachecore_hits_total", cache="default") == 2
    cache.get("a")
    pusher.push()
    assert value(registry, "cachecore_hits_total", cache="default") == 3
    cache.reset_stats()
    cache.get("a")
    pusher.push()
    assert value(registry, "cachecore_hits_total", cache="default") == 4  # counters never go back
    assert value(registry, "cachecore_entries", cache="default") == 1


def test_a_pusher_has_a_thread_if_wanted(cache: Cache[bytes]) -> None:
    registry = prometheus.CollectorRegistry()
    pusher = CachePusher(cache, registry)
    pusher.start(interval=3600)
    with pytest.raises(RuntimeError):
        pusher.start()
    used(cache)
    pusher.stop()  # at once, and pushes a last time
    assert value(registry, "cachecore_hits_total", cache="default") == 2
    with pytest.raises(ValueError, match="interval"):
        pusher.start(0)


def test_a_shared_cache_has_one_set_of_counters() -> None:
    with Cache(100, shared=":memory:") as shared:
        registry = prometheus.CollectorRegistry()
        registry.register(CacheCollector(shared))

        def child() -> None:
            shared["a"] = b"1"
            assert shared["a"] == b"1"

        in_child(child)
        assert value(registry, "cachecore_hits_total", cache="default") == 1
        with pytest.raises(ValueError, match="CacheCollector"):
            CachePusher(shared, registry=None)


def test_counters_of_several_processes_add_up(tmp_path: Path) -> None:
    """As under gunicorn: caches made before the fork, pushers after it."""
    program = """
        import os, json, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from prometheus_client import CollectorRegistry, multiprocess
        from cachecore import Cache
        from cachecore.contrib.prometheus import CachePusher
        cache = Cache(100)
        workers = []
        for number in (1, 2, 3):
            worker = os.fork()
            if not worker:
                pusher = CachePusher(cache, registry=None)
                for _ in range(number):
                    cache["key"] = b"value"
                    cache.get("key")
                    pusher.push()
                os._exit(0)
            workers.append(worker)
        assert not any(os.waitpid(worker, 0)[1] for worker in workers)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        names = ("cachecore_hits_total", "cachecore_inserts_total", "cachecore_entries")
        print(json.dumps([registry.get_sample_value(n, {"cache": "default"}) for n in names]))
    """
    run = run_python(textwrap.dedent(program), PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert run.stderr == ""
    assert json.loads(run.stdout) == [6, 3, 3]
