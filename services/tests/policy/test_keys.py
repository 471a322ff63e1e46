"""Different questions have different keys, and an invalidation means what it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cachecore_services.policy import decision_key, key_parts
from cachecore_services.policy.keys import Selection, glob_expression, glob_prefix

parts = some.text(some.sampled_from("ab:/%*?[]\\_é "), max_size=4)
questions = some.tuples(parts, parts, parts)


@given(questions, questions)
def test_a_key_belongs_to_one_question(
    one: tuple[str, str, str], two: tuple[str, str, str]
) -> None:
    assert (decision_key(*one) == decision_key(*two)) == (one == two)
    parts = key_parts(decision_key(*one))
    assert parts == (*one, "none")


@given(questions, questions, some.tuples(*[some.booleans()] * 3))
def test_a_selection_is_exact(
    kept: tuple[str, str, str], given: tuple[str, str, str], by: tuple[bool, bool, bool]
) -> None:
    wanted = [part if use else None for part, use in zip(given, by)]
    expected = all(want is None or want == part for want, part in zip(wanted, kept))
    selection, key = Selection(*wanted), decision_key(*kept)
    matches = selection.matches or (lambda key: True)
    assert (key.startswith(selection.prefix) and bool(matches(key))) == expected
    assert bool(glob_expression(selection.glob).fullmatch(key)) == expected


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a*c", ["ac", "a:b:c"], ["ab"]),
        ("a?c", ["abc", "a:c"], ["ac"]),
        ("[ab]*", ["a", "bc"], ["c"]),
        ("[^ab]", ["c"], ["a", "cc"]),
        ("[a-c]x", ["bx"], ["dx"]),
        (r"\*[\]]", ["*]"], ["a]"]),
        ("a.c(", ["a.c("], ["abc("]),
        ("[[&&]", ["[", "&"], ["a"]),
    ],
)
def test_globs_are_those_of_redis(pattern: str, matching: list[str], others: list[str]) -> None:
    expression = glob_expression(pattern)
    assert all(map(expression.fullmatch, matching))
    assert not any(map(expression.fullmatch, others))
    assert all(text.startswith(glob_prefix(pattern)) for text in matching)


@pytest.mark.parametrize(
    "context", [{"ratio": float("nan")}, {"at": object()}, {"a": {1: 2, "b": 3}}]
)
def test_what_is_not_json_is_no_context(context: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        decision_key("u", "a", "r", context)


class Action(Enum):
    READ = "read"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (7, "7"),
        (-(2**70), str(-(2**70))),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Action.READ, "read"),
        (IntEnum("Level", [("LOW", 3)])["LOW"], "3"),
    ],
)
def test_a_part_that_is_no_text_and_its_text_are_one(part: Any, text: str) -> None:
    assert decision_key(part, part, part) == decision_key(text, text, text)
    for place in range(3):
        wanted: list[Any] = [None] * 3
        wanted[place] = part
        selection, key = Selection(*wanted), decision_key(text, text, text)
        assert key.startswith(selection.prefix)
        assert selection.matches is None or selection.matches(key)


@pytest.mark.parametrize("part", [True, None, 7.0, b"7", ("7",), object()])
def test_what_has_no_spelling_of_its_own(part: Any) -> None:
    """Also not after its equal: 7 == 7.0 and 1 == True, and all have one hash."""
    assert decision_key(7, 1, "r") and decision_key(1, 1, "r")
    for place in range(3):
        question: list[Any] = ["u", "a", "r"]
        question[place] = part
        with pytest.raises(TypeError, match="a user id, an action or a resource is"):
            decision_key(*question)


def test_contexts_of_uuids_moments_and_members() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    keys = {
        decision_key("u", "a", "r", context)
        for context in ({"x": UUID(int=7)}, {"x": moment}, {"x": Action.READ}, {"x": moment.date()})
    }
    assert len(keys) == 4
    assert decision_key("u", "a", "r", {"x": str(UUID(int=7))}) in keys
    with pytest.raises(TypeError, match="a context has no 'set'"):
        decision_key("u", "a", "r", {"x": {1}})


def test_a_foreign_key_has_no_parts() -> None:
    assert key_parts("session:1") is None
    assert key_parts("policy:decision:a:b") is None
    assert re.fullmatch("[0-9a-f]{64}", (key_parts(decision_key("u", "a", "r", {})) or "")[3])
