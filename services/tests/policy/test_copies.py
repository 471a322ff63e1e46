"""Decisions parsed once and copied, and lookups counted, on the way of a request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cachecore_services.latency import Latency
from cachecore_services.policy.copies import Copies
from cachecore_services.policy.metrics import PolicyMetrics

DOCUMENT = {"allow": True, "why": ["a", {"b": [1, [2]]}], "who": {"role": {"id": 7}}, "none": None}


class Parsing:
    """Counts what is parsed."""

    def __init__(self) -> None:
        self.parses = 0
        self.copies = Copies(self._parse)

    def _parse(self, text: bytes) -> Any:
        self.parses += 1
        return json.loads(text)


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def test_each_copy_is_the_askers_own() -> None:
    parsing, text = Parsing(), json.dumps(DOCUMENT).encode()
    one, two = parsing.copies(text), parsing.copies(text)
    assert one == two == DOCUMENT
    assert not {id(inner) for inner in containers(one)} & {id(inner) for inner in containers(two)}
    for inner in list(containers(one)):
        inner.clear()
    assert parsing.copies(text) == DOCUMENT
    assert parsing.parses == 1


@pytest.mark.parametrize("document", [True, 0, 1.5, "text", [], {}, [[]], {"a": {}}])
def test_whatever_json_says(document: Any) -> None:
    assert Parsing().copies(json.dumps(document).encode()) == document


def test_a_long_text_is_parsed_each_time() -> None:
    parsing, text = Parsing(), json.dumps(["x" * 512]).encode()
    for _ in range(3):
        assert parsing.copies(text) == ["x" * 512]
    assert parsing.parses == 3


def test_more_texts_than_are_remembered() -> None:
    parsing = Parsing()
    for _ in range(2):
        for n in range(10_000):
            assert parsing.copies(b"[%d]" % n) == [n]


def test_durations_together_and_one_by_one_are_the_same() -> None:
    durations = [0, 1, 2, 3, 1023, 1024, 10**9, 10**12]
    together, apart = Latency(), Latency()
    together.record_all(durations)
    together.record_all([])
    for duration_ns in durations:
        apart.record(duration_ns)
    assert vars(together) == vars(apart) and together.count == 8


def test_lookups_of_many_threads_are_all_counted() -> None:
    metrics = PolicyMetrics()

    def look() -> None:
        for duration_ns in range(5000):
            metrics.lookup("hit", duration_ns)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert metrics.hits <= 20_000
    assert metrics.hits == metrics.cache_latency.count == 20_000
    assert metrics.cache_latency.sum_ns == 4 * sum(range(5000))
