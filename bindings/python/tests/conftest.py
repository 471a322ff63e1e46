"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cachecore import Cache, _library

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = REPOSITORY / "include" / "cachecore.h"
LIBRARY = str(_library.releasing_gil._name)


@pytest.fixture
def cache() -> Iterator[Cache]:
    """A small cache with one exact order of use, whose time the test moves."""
    with Cache(100, shards=1, manual_clock=True) as cache:
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
