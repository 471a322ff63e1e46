"""The Python of docs/services.md and of README.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["docs/services.md", "services/README.md"])
def test_page(name: str, tmp_path: Path) -> None:
    page = (REPOSITORY / name).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    body = "\n".join(blocks).replace("/var/lib/app", str(tmp_path))
    code = f"""
import asyncio, logging
logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev: what took 0.1 s
async def main():
{textwrap.indent(body, "    ")}
asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    run = subprocess.run(command, check=False, env=os.environ, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
