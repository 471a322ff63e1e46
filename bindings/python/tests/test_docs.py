"""Every block of Python in the guides and READMEs runs."""

from __future__ import annotations

import re

import pytest
from conftest import REPOSITORY, run_python

PAGES = [
    "README.md",
    "docs/tutorial.md",
    "docs/howto.md",
    "docs/stampedes.md",
    "docs/warm.md",
    "docs/python.md",
    "bindings/python/README.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    run = run_python("\n".join(blocks))
    assert (run.returncode, run.stderr) == (0, "")
