"""A service's metrics, as Prometheus reads them."""

# mypy: disable-error-code="import-not-found,misc,no-any-return"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from cachecore import Cache
from cachecore.contrib.prometheus import CacheCollector

from .maintenance import Runner
from .maintenance.prometheus import JobCollector


def metrics_text(caches: Mapping[str, Any], runner: Runner) -> bytes:
    """``cachecore_*`` of the caches of bytes, and ``cachecore_job_*``."""
    registry = CollectorRegistry()
    engines = {name: cache for name, cache in caches.items() if isinstance(cache, Cache)}
    registry.register(CacheCollector(engines))
    registry.register(JobCollector(runner))
    return generate_latest(registry)
