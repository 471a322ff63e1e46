"""Answers, on either path: what PolicyCache asks on the way of a request."""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cachecore._path import Answers
from cachecore.latency import LATENCY_BOUNDS_NS

DOCUMENT = {"allow": True, "why": ["a", {"b": [1, [2]]}], "who": {"role": {"id": 7}}, "none": None}


class Asked:
    """Texts by key, and how often each function was called."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self.texts = texts
        self.parses = 0
        self.answers = Answers(self.texts.get, self.key, self.parse)

    def key(self, *question: Any) -> str:
        return json.dumps(question)

    def parse(self, text: bytes) -> Any:
        self.parses += 1
        return json.loads(text)


def asked(*questions: Any, document: Any = DOCUMENT) -> Asked:
    text = json.dumps(document).encode()
    return Asked({json.dumps(question): text for question in questions})


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def test_each_answer_is_the_askers_own() -> None:
    with_document = asked(["u", None])
    one, two = (with_document.answers.ask("u", None) for _ in range(2))
    assert one == two == DOCUMENT
    assert not {id(inner) for inner in containers(one)} & {id(inner) for inner in containers(two)}
    for inner in list(containers(one)):
        inner.clear()
    assert with_document.answers.ask("u", None) == DOCUMENT
    assert with_document.parses == 1


@pytest.mark.parametrize("document", [True, 0, 1.5, "text", [], {}, [[]], {"a": {}}])
def test_whatever_json_says(document: Any) -> None:
    assert asked(["u"], document=document).answers.ask("u") == document


def test_a_long_text_is_parsed_each_time() -> None:
    long = asked(["u"], document=["x" * 512])
    for _ in range(3):
        assert long.answers.ask("u") == ["x" * 512]
    assert long.parses == 3


def test_more_questions_and_texts_than_are_remembered() -> None:
    many = 10_000
    several = Asked({json.dumps([f"u{n}"]): b"[%d]" % n for n in range(many)})
    for _ in range(2):
        for n in range(many):
            assert several.answers.ask(f"u{n}") == [n]
    assert several.answers.take()[0] == 2 * many


def test_equal_questions_that_read_differently() -> None:
    class Name(str):
        pass

    alike = Asked({"[1]": b"1", "[true]": b"2", "[1.0]": b"3", '["u"]': b"4"})
    for question, number in ((1, 1), (True, 2), (1.0, 3), (Name("u"), 4), ("u", 4)):
        assert alike.answers.ask(question) == alike.answers.ask(question) == number


def test_parts_that_cannot_be_hashed() -> None:
    with_context = asked(["u", {"ip": [1]}])
    assert with_context.answers.ask("u", {"ip": [1]}) == DOCUMENT
    assert with_context.answers.ask("u", {"ip": [2]}) is None


def test_what_is_counted() -> None:
    mixed = asked(["u"])
    for _ in range(3000):
        mixed.answers.ask("u")
    mixed.answers.ask("absent")
    with pytest.raises(TypeError):
        mixed.answers.ask(b"not JSON")
    hits, misses, sum_ns, max_ns, buckets = mixed.answers.take()
    assert (hits, misses, sum(buckets)) == (3000, 1, 3002)  # the failure took its time, too
    assert len(buckets) == len(LATENCY_BOUNDS_NS) + 1
    assert 0 < max_ns <= sum_ns
    below = sum(bound / 2 * count for bound, count in zip(LATENCY_BOUNDS_NS, buckets))
    assert below <= sum_ns <= 2 * below + max_ns * buckets[-1]
    assert mixed.answers.take() == (0, 0, 0, 0, (0,) * len(buckets))


@pytest.mark.parametrize("where", ["get", "key", "parse"])
def test_what_a_function_raises(where: str) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError(where)

    functions: dict[str, Any] = {"get": lambda _: b"1", "key": lambda *_: "k", "parse": json.loads}
    with pytest.raises(RuntimeError, match=where):
        Answers(**{**functions, where: fail}).ask("u")


@pytest.mark.parametrize("text", ["1", bytearray(b"1"), bytearray(b" " * 600 + b"1"), memoryview(b"1")])
def test_texts_that_are_no_bytes(text: Any) -> None:
    answers = Answers(lambda _: text, lambda *_: "k", lambda text: [len(text)])
    assert answers.ask("u") == answers.ask("u") == [len(text)]


def test_a_collection_that_asks_while_counts_are_taken() -> None:
    nested = asked(["u"])
    asks = 0

    def collected(phase: str, _: dict[str, int]) -> None:
        nonlocal asks
        if phase == "start":
            asks += 1
            nested.answers.ask("u")

    thresholds = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1, 1, 1)
    try:
        hits = sum(nested.answers.take()[0] for _ in range(200))
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(collected)
    assert hits + nested.answers.take()[0] == asks > 0


def test_a_parse_that_asks_again() -> None:
    depth = 0

    def parse(text: bytes) -> Any:
        nonlocal depth
        depth += 1
        return [answers.ask("u")] if depth < 50 else json.loads(text)

    answers = Answers(lambda _: b"{}", lambda *_: "k", parse)
    answers.ask("u")
    assert answers.take()[0] == 50


def test_nothing_is_leaked() -> None:
    several = asked(["u"], ["v"])
    text = next(iter(several.texts.values()))
    for _ in range(10):
        several.answers.ask("u")
    gc.collect()
    held = sys.getrefcount(text), sys.getrefcount(None), len(gc.get_objects())
    for _ in range(5000):
        several.answers.ask("u")
        several.answers.ask("v")
        several.answers.ask("absent")
        with pytest.raises(TypeError):
            several.answers.ask(b"")
    several.answers.take()
    gc.collect()
    grown = sys.getrefcount(text), sys.getrefcount(None), len(gc.get_objects())
    assert all(after - before < 1000 for before, after in zip(held, grown))


def test_threads_are_all_counted() -> None:
    shared = asked(["u"])

    def ask() -> None:
        for _ in range(5000):
            assert shared.answers.ask("u") == DOCUMENT

    taken = [0, 0]
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        hits, *_, buckets = shared.answers.take()
        taken[0] += hits
        taken[1] += sum(buckets)
    hits, *_, buckets = shared.answers.take()
    assert [taken[0] + hits, taken[1] + sum(buckets)] == [20_000, 20_000]


@pytest.mark.parametrize("arguments", [(), (1, 2), (1, 2, 3, 4)])
def test_it_takes_three_functions(arguments: Any) -> None:
    with pytest.raises(TypeError):
        Answers(*arguments)
