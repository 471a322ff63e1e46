"""What docs/seeds.md promises: every test it names exists."""

from __future__ import annotations

import re

import pytest
from programs import REPOSITORY

PLACES = {
    "": ("bindings/python/tests", "services/tests"),
    "p": ("services/tests/policy",),
    "m": ("services/tests/maintenance",),
    "s": ("services/tests/apps",),
}
PAGE = (REPOSITORY / "docs/seeds.md").read_text()
NAMED = re.findall(r"`(?:([pms])/)?(\w+\.py)::(test_\w+)`", PAGE)


def test_it_names_tests() -> None:
    assert len(NAMED) == PAGE.count("::test_") > 150


@pytest.mark.parametrize(("place", "file", "name"), sorted(set(NAMED)))
def test_the_test_exists(place: str, file: str, name: str) -> None:
    (source,) = [
        REPOSITORY / folder / file
        for folder in PLACES[place]
        if (REPOSITORY / folder / file).is_file()
    ]
    assert re.search(rf"^ *(async )?def {name}\(", source.read_text(), re.MULTILINE)
