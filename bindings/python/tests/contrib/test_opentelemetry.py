"""OpenTelemetry, through its SDK."""

from __future__ import annotations

from typing import Any

import pytest

from cachecore import Cache

from .conftest import used

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402

from cachecore.contrib.opentelemetry import instrument  # noqa: E402


def collected(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return {metric.name: metric for metric in metrics}


def test_observed_when_collected(cache: Cache[bytes]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    closed = Cache(1)
    instrument({"one": cache, "closed": closed}, provider.get_meter("test"))
    closed.close()
    used(cache)
    metrics = collected(reader)
    (hits,) = metrics["cachecore.hits"].data.data_points
    assert (hits.value, dict(hits.attributes)) == (2, {"cache.name": "one"})
    assert metrics["cachecore.hits"].data.is_monotonic
    (size,) = metrics["cachecore.used_bytes"].data.data_points
    assert size.value == cache.stats().bytes_used and metrics["cachecore.used_bytes"].unit == "By"
    cache.get("a")
    (hits,) = collected(reader)["cachecore.hits"].data.data_points
    assert hits.value == 3
    provider.shutdown()
