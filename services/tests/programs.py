"""Programs that tests start, and where the repository is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own that shows every warning as an error."""
    environment = {**os.environ, **environment}
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    return subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=60
    )
