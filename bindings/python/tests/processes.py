"""Processes of a test: what a forked child does, how it ends, what another program prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable

SECONDS = 120  # after which a child that hangs is killed


def forked(work: Callable[[], object]) -> int:
    """A child that does the work; its process id."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            work()
        except BaseException:  # whatever it is, it is told by the status
            os.write(2, f"in the child: {traceback.format_exc()}\n".encode())
            os._exit(1)
        os._exit(0)
    return child


def ended(*children: int) -> list[int]:
    """The statuses of children when they have ended: 0 for one that did what it had to."""
    return [os.waitpid(child, 0)[1] for child in children]


def in_child(work: Callable[[], object]) -> None:
    """Does the work in a forked child, and fails with it."""
    assert ended(forked(work)) == [0]


def kill(*children: int) -> None:
    """Ends children as the OOM killer would."""
    for child in children:
        os.kill(child, signal.SIGKILL)
    assert all(os.WTERMSIG(status) == signal.SIGKILL for status in ended(*children))


def in_program(code: str, *arguments: str) -> str:
    """What another Python program printed."""
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
