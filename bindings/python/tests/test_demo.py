"""The part of the demo in which processes that share a cache are killed."""

from __future__ import annotations

from conftest import REPOSITORY, run_python

WORKERS = REPOSITORY / "examples" / "demo" / "workers.py"


def test_nothing_is_lost() -> None:
    code = f"import runpy, sys; sys.argv = ['workers.py', '0.5']; runpy.run_path({str(WORKERS)!r}, run_name='__main__')"
    run = run_python(code)
    assert (run.returncode, run.stderr) == (0, "")
    rows = dict(line.strip().rsplit(None, 1) for line in run.stdout.splitlines() if "ms" not in line)
    found = {title: int(number.replace(",", "")) for title, number in rows.items()}
    assert found["workers killed with -9"] >= 4
    assert found["processes that share the cache"] == 5
    assert found["of these there after them"] == found["entries before the kills"] > 0
    assert found["of the last of these lost"] == found["entries evicted meanwhile"] == 0
