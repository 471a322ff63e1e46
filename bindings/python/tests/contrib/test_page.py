"""What docs/python-frameworks.md shows runs, and what it lists is there."""

from __future__ import annotations

import re
import textwrap
import tomllib

import pytest
from conftest import REPOSITORY, run_python

from cachecore.contrib.measures import COUNTERS, GAUGES

PAGE = (REPOSITORY / "docs" / "python-frameworks.md").read_text()


def test_its_code_runs() -> None:
    pytest.importorskip("fastapi")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    body = textwrap.indent("\n".join(blocks), "    ")
    code = f"""
import asyncio, logging
logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev: what took 0.1 s
async def main():
{body}
    cache.close()
asyncio.run(main())
"""
    run = run_python(code)
    assert (run.returncode, run.stderr) == (0, "")


def test_metrics_have_the_names_that_it_lists() -> None:
    for kind, measures in (("_total", COUNTERS), ("", GAUGES)):
        listed = [names.split(",") for names in re.findall(r"cachecore_\{([\w,]+)\}" + kind, PAGE)]
        assert [measure.name for measure in measures] in listed


def test_extras_have_the_names_that_it_lists() -> None:
    project = tomllib.loads((REPOSITORY / "bindings/python/pyproject.toml").read_text())["project"]
    listed = set(re.findall(r"`(\w+)`", PAGE[: PAGE.index("An extra is installed")])) - {"libcachecore"}
    assert listed == set(project["optional-dependencies"])
