"""Metrics for OpenTelemetry, read when the SDK collects.

::

    instrument({"sessions": cache})

Instruments are ``cachecore.hits``, ``cachecore.used_bytes``, ... with the attribute ``cache.name``.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from collections.abc import Callable, Iterable

from .extras import needs

needs("opentelemetry", "opentelemetry")

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from .measures import COUNTERS, GAUGES, Caches, Measure, by_name, readings


def instrument(caches: Caches, meter: Meter | None = None) -> None:
    """Registers observable instruments for the caches; a closed one is left out from then on.

    Without a meter, the global provider's for "cachecore".  They keep the caches alive, and cannot
    be taken back: OpenTelemetry has no way to.
    """
    named = by_name(caches)
    used = get_meter("cachecore") if meter is None else meter

    def callback(measure: Measure) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(options: CallbackOptions) -> Iterable[Observation]:
            return [
                Observation(measure.read(reading), {"cache.name": name})
                for name, reading in readings(named).items()
            ]

        return observe

    for create, measures in (
        (used.create_observable_counter, COUNTERS),
        (used.create_observable_gauge, GAUGES),
    ):
        for measure in measures:
            create(
                f"cachecore.{measure.name}",
                callbacks=[callback(measure)],
                unit=measure.unit,
                description=measure.help,
            )
