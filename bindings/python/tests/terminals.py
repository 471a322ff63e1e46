"""Programs on a terminal, as far as a pseudo-terminal is one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import NamedTuple

from processes import SECONDS


class Shown(NamedTuple):
    status: int
    raw: str  #: all that it wrote to the terminal

    @property
    def text(self) -> str:
        """Without what moves the cursor and chooses colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")


def on_terminal(
    *arguments: str, interrupt_after: str | None = None, lines: int = 40, **environment: str
) -> Shown:
    """Runs Python with these arguments on a terminal of 100 columns; with what it has shown so far matching
    ``interrupt_after``, presses Ctrl-C."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
    variables = {name: os.environ[name] for name in os.environ if name not in ("COLUMNS", "LINES")}
    # A child keeps a signal ignored that its parent ignores, as one does that a shell started with &.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", *arguments],
            stdin=its, stdout=its, stderr=its, start_new_session=True,
            env=variables | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | environment,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    os.close(its)
    raw, end = "", time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                try:
                    raw += os.read(ours, 1 << 16).decode(errors="replace")
                except OSError:  # EIO: nobody has it open any more
                    break
            if interrupt_after is not None and re.search(interrupt_after, Shown(0, raw).text, re.DOTALL):
                process.send_signal(signal.SIGINT)
                interrupt_after = None
        return Shown(process.wait(max(1, end - time.monotonic())), raw)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(ours)
