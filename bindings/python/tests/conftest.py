"""What the tests share."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_hooks import (
    pytest_make_collect_report,
    pytest_pyfunc_call,
    pytest_runtest_makereport,
)

from cachecore import Cache, ObjectCache, _library

__all__ = ["pytest_make_collect_report", "pytest_pyfunc_call", "pytest_runtest_makereport"]

if importlib.util.find_spec("redis") is None:
    collect_ignore = ["tiered"]  # which make test-tier runs, where it is installed

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = REPOSITORY / "include" / "cachecore.h"
_numbers = itertools.count()
LIBRARY = str(_library.releasing_gil._name)


@pytest.fixture
def cache() -> Iterator[Cache]:
    """A small cache with one exact order of use, whose time the test moves."""
    with Cache(100, shards=1, manual_clock=True) as cache:
        yield cache


@pytest.fixture
def object_cache() -> Iterator[ObjectCache[Any, Any]]:
    """The same of objects."""
    with ObjectCache[Any, Any](100, manual_clock=True) as cache:
        yield cache


@pytest.fixture
def place() -> Iterator[str]:
    """Where a cache of several processes may be: a file in memory that is not there yet."""
    path = Path(f"/dev/shm/cachecore-pytest-{os.getpid()}-{next(_numbers)}")
    yield str(path)
    path.unlink(missing_ok=True)


CACHES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: Cache(10_000, serializer="json", manual_clock=True),
    "objects": lambda: ObjectCache(10_000, manual_clock=True),
}


@pytest.fixture(params=CACHES)
def either_cache(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A cache of either kind, which takes the same values."""
    with CACHES[request.param]() as cache:
        yield cache


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own that shows every warning as an error."""
    environment = {**os.environ, "CACHECORE_LIBRARY": LIBRARY, **environment}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=60
    )


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Waits for something that another thread does; the bound is only there to end the test."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
