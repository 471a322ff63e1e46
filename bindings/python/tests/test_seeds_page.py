"""What docs/seeds.md promises: every test it names exists."""

from __future__ import annotations

import re

import pytest
from conftest import REPOSITORY

PLACES = {"m": "maintenance", "s": "services"}
NAMED = re.findall(r"`([ms])/(\w+\.py)::(test_\w+)`", (REPOSITORY / "docs/seeds.md").read_text())


def test_it_names_tests() -> None:
    assert len(NAMED) > 80


@pytest.mark.parametrize(("place", "file", "name"), sorted(set(NAMED)))
def test_the_test_exists(place: str, file: str, name: str) -> None:
    source = REPOSITORY / "bindings/python/tests" / PLACES[place] / file
    assert re.search(rf"^(async )?def {name}\(", source.read_text(), re.MULTILINE)
