"""Every example runs, says something, and complains of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import REPOSITORY, run_python

EXAMPLES = sorted((REPOSITORY / "examples" / "python").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example: Path) -> None:
    run = run_python(f"import runpy; runpy.run_path({str(example)!r}, run_name='__main__')")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip()


def test_each_has_its_line_in_the_readme() -> None:
    readme = (REPOSITORY / "examples" / "python" / "README.md").read_text()
    assert EXAMPLES and all(f"`{example.name}`" in readme for example in EXAMPLES)
