"""Whatever an action reports can be shown, kept and compared."""

from __future__ import annotations

import enum
import json
import uuid
from collections import UserDict, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cachecore_services.maintenance import Job, Threshold
from cachecore_services.maintenance.plain import described, plain

from .conftest import bench


class Level(enum.IntEnum):
    LOW = 3


class Name(enum.StrEnum):
    ANN = "ann"


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Endless:
    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Any:
        raise OSError("gone")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), "sNaN"),
        (Decimal("1.5"), 1.5),
        (Fraction(1, 4), 0.25),
        (1j, "1j"),
        (True, True),
        (10**400, None),
        (2**70, float(2**70)),
        (Level.LOW, 3),
        (Name.ANN, "ann"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=1), 60.0),
        (b"a\xff", "a\\xff"),
        ("a\udcff", "a\\udcff"),
        ({1, 1}, [1]),
        ((1, deque([2])), [1, [2]]),
        ({1: 2, None: UserDict(a=b"b")}, {"1": 2, "None": {"a": "b"}}),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (Path("/tmp"), "/tmp"),
        (Mute(), "a Mute"),
        ((each for each in ()), None),
        (Endless(), None),
    ],
)
def test_each_kind_of_value(value: Any, expected: Any) -> None:
    made = plain(value)
    json.dumps(made, allow_nan=False).encode()
    if expected is None and made is not None:
        assert isinstance(made, str)  # its repr
    else:
        assert made == expected and type(made) is type(expected)


def test_what_contains_itself_or_is_very_deep() -> None:
    ring: list[Any] = [1]
    ring += [ring, {"ring": ring}]
    assert plain(ring) == [1, "...", {"ring": "..."}]
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    assert json.dumps(plain(deep)).count("[") == 16
    shared = [1]
    assert plain([shared, shared]) == [[1], [1]]
    del ring[:]
    while isinstance(deep, list):  # not by recursion
        deep = deep.pop()


@settings(max_examples=50)
@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary(),
        lambda inner: some.lists(inner) | some.dictionaries(some.text() | some.integers(), inner),
        max_leaves=20,
    )
)
def test_anything_is_json_and_stays_as_it_is(value: Any) -> None:
    made = plain(value)
    assert json.loads(json.dumps(made, allow_nan=False, ensure_ascii=False).encode()) == made
    assert plain(made) == made


def test_an_error_that_cannot_say_what_it_is() -> None:
    assert described(type("Odd", (Exception,), {"__str__": lambda self: 1 / 0})()) == "Odd: a Odd"
    assert described(OSError("a\udcff")) == "OSError: a\\udcff" and described(KeyError()) == "KeyError"


async def test_a_report_with_nan_is_recorded_without() -> None:
    rules = [Threshold("ratio", above=1)]
    async with bench(Job("job", lambda run: {"ratio": float("nan"), "o": object}), rules=rules) as at:
        outcome = await at.runner.run("job")
        assert outcome.succeeded and outcome.report["ratio"] is None
        json.dumps(at.runner.status(), allow_nan=False)
        assert not at.runner.alarm.firing and not at.runner.faults.counts
