"""Other people's tests of what ours stands in for: ``python run.py [functools|cachetools]``.

CPython's TestLRU runs on @cached, cachetools' tests of its LRUCache on ObjectCache, each on both paths
to the library.  Nothing of them is kept here: the first comes with the interpreter, the second
from PyPI's source distribution, for the time of the run; constraints.txt says which version
(PIP_CONSTRAINT, as pip itself reads it), and without it the newest.  Prints what passed of what was run, and why
the rest was not; fails if anything did.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = os.environ.get("CACHECORE_SOURCE", str(HERE.parents[1] / "src"))


def run(script: str, *arguments: str, path: tuple[str, ...] = ()) -> bool:
    """Runs a script of this folder on either path and prints what it says."""
    good = True
    for pure in ("0", "1"):
        environment = {
            **os.environ,
            "CACHECORE_PURE": pure,
            "PYTHONPATH": os.pathsep.join([SOURCE, *path]),
        }
        command = [sys.executable, str(HERE / script), *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        try:
            outcome = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            outcome = None
        if outcome is None or outcome["passed"] < outcome["run"]:
            print(*(done.stdout + done.stderr).splitlines()[-60:], sep="\n")
            good = False
        if outcome is not None:
            way = "compiled" if outcome["compiled"] else "ctypes"
            print(f"{outcome['suite']} ({way}): {outcome['passed']} of {outcome['run']} passed")
            for test, reason in outcome["excluded"].items():
                print(f"  not run: {test}: {reason}")
    return good


def functools_suite() -> bool:
    return run("functools_lru.py")


def cachetools_suite() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
        options = ["download", "--no-deps", "--no-binary", ":all:", "-d", folder, "cachetools"]
        subprocess.run([*pip, *options], check=True)
        archive = next(Path(folder).glob("cachetools-*.tar.gz"))
        with tarfile.open(archive) as contents:
            contents.extractall(folder)
        root = Path(folder) / archive.name.removesuffix(".tar.gz")
        version = archive.name.removeprefix("cachetools-").removesuffix(".tar.gz")
        return run("cachetools_lru.py", version, path=(str(root / "src"), str(root)))


SUITES = {"functools": functools_suite, "cachetools": cachetools_suite}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"there is {', '.join(SUITES)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    outcomes = [SUITES[name]() for name in names or SUITES]
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
