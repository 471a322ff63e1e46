"""The Python of docs/tiered.md runs, and the tests that it names are there."""

from __future__ import annotations

import re

from conftest import REPOSITORY, run_python

from .server import Server

PAGE = (REPOSITORY / "docs" / "tiered.md").read_text()


def test_the_blocks(server: Server, place: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    program = "\n".join(blocks).replace("port=6379", f"port={server.port}")
    program = program.replace('shared="shop"', f"shared={place!r}")
    run = run_python(program)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_tests_that_are_named() -> None:
    here = REPOSITORY / "bindings" / "python" / "tests" / "tiered"
    there = set(re.findall(r"def (test_\w+)", "".join(path.read_text() for path in here.glob("test_*.py"))))
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= there
