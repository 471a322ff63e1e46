"""What was measured, and on what."""

import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from coprocess import BUILT, LIBRARY, ROOT, environment

PYTHON_PEERS = ["cachebox", "moka-py", "theine", "cachetools", "lru-dict", "diskcache", "redis"]


def output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT,
                              env=environment()).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return "unknown"


def _cpu(field: str) -> str:
    found = re.search(rf"^{field}\s*:\s*(.*)$", output("lscpu"), re.MULTILINE)
    return found[1].strip() if found else "unknown"


def describe() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu("Model name"),
        "cores": os.cpu_count(),
        "l2": _cpu("L2 cache"),
        "l3": _cpu("L3 cache"),
        "hypervisor": _cpu("Hypervisor vendor"),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "huge_pages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "load_before": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    found = {
        "cachecore": output("git", "describe", "--always", "--dirty"),
        "cc": output("cc", "--version").split("\n")[0],
        "rustc": output("rustc", "--version"),
        "dashmap": output("dpkg-query", "-W", "-f=${Version}", "librust-dashmap-dev"),
        "redis-server": output("dpkg-query", "-W", "-f=${Version}", "redis-server"),
        "memcached": output("dpkg-query", "-W", "-f=${Version}", "memcached"),
        "hiredis": output("dpkg-query", "-W", "-f=${Version}", "libhiredis-dev"),
        "python": sys.version.split()[0],
        "binding": output(sys.executable, "-c", "import cachecore; print(['ctypes', 'compiled'][cachecore.compiled])"),
    }
    return found | {name: metadata.version(name) for name in PYTHON_PEERS}


def library() -> dict[str, Any]:
    """Its size without symbols, and how long a fresh process takes to load it."""
    with tempfile.TemporaryDirectory() as directory:
        stripped = Path(directory) / "libcachecore.so"
        shutil.copy(LIBRARY, stripped)
        subprocess.run(["strip", stripped], check=True)
        times = [float(output(str(BUILT / "load"), str(stripped))) for _ in range(31)]
        return {
            "stripped_bytes": stripped.stat().st_size,
            "load_us": {"median": statistics.median(times), "min": min(times), "max": max(times)},
        }
