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


#: Those whose Python other tests run.
ELSEWHERE = {
    "docs/python-frameworks.md": "bindings/python/tests/contrib/test_page.py",
    "docs/tiered.md": "bindings/python/tests/tiered/test_page.py",
    "docs/services.md": "services/tests/test_pages.py",
    "services/README.md": "services/tests/test_pages.py",
}


def test_no_page_is_left_out() -> None:
    folders = [REPOSITORY, REPOSITORY / "docs", REPOSITORY / "bindings" / "python", REPOSITORY / "services"]
    pages = {path for folder in folders for path in folder.glob("*.md")}
    pages |= {*(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "examples").rglob("*.md")}
    with_python = {str(page.relative_to(REPOSITORY)) for page in pages if "```python" in page.read_text()}
    assert with_python == {*PAGES, *ELSEWHERE}
    for page, test in ELSEWHERE.items():
        assert page.rpartition("/")[2] in (REPOSITORY / test).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    run = run_python("\n".join(blocks))
    assert (run.returncode, run.stderr) == (0, "")
