"""A program that is asked, a line at a time, and answers in JSON, a line at a time."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "build/bench"
LIBRARY = ROOT / "build/lib/libcachecore.so"


def environment() -> dict[str, str]:
    """Python peers find the binding in its sources, and the library where it was built."""
    sources = str(ROOT / "bindings/python/src")
    return os.environ | {"PYTHONPATH": sources, "CACHECORE_LIBRARY": str(LIBRARY)}


class Coprocess:
    """Waits between its turns, so that several can be measured in turns."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = [str(word) for word in command]
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.greeting = self._answer()

    def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)} ended with {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
