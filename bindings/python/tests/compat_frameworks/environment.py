"""A virtual environment with other people's packages, and their sources, for the time of a run.

Everything comes from PyPI when it is needed, and nothing of it is kept in this repository.  With
CACHECORE_COMPAT set to a folder, what was fetched stays there for the next run.  The interpreter is
the one that runs this, or the one CACHECORE_COMPAT_PYTHON names: the newest Django needs 3.12.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src"


class Environment:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        if not self.python.exists():
            chosen = os.environ.get("CACHECORE_COMPAT_PYTHON", sys.executable)
            subprocess.run([chosen, "-m", "venv", str(folder / "venv")], check=True)

    def pip(self, *arguments: str) -> None:
        command = [str(self.python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *arguments], check=True, cwd=self.folder)

    def version(self, package: str) -> str:
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        return self.run("-c", code, check=True).stdout.strip()

    def source(self, package: str) -> Path:
        """The unpacked source distribution of the version that is installed."""
        name = f"{package.lower()}-{self.version(package)}"
        sources = self.folder / "sources"
        if not (sources / name).exists():
            wanted = f"{package}=={self.version(package)}"
            options = ["--no-deps", "--no-binary", ":all:", "--dest", str(sources)]
            self.pip("download", *options, wanted)
            with tarfile.open(sources / f"{name}.tar.gz") as archive:
                archive.extractall(sources, filter="data")
        return sources / name

    def run(
        self,
        *arguments: str,
        path: tuple[Path, ...] = (),
        cwd: Path | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs its Python, which sees this package's sources and the paths given."""
        package = os.environ.get("CACHECORE_SOURCE", str(PACKAGE))
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *map(str, path)])}
        return subprocess.run(
            [str(self.python), *arguments],
            check=check,
            cwd=cwd or self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )


@contextmanager
def environment(name: str) -> Iterator[Environment]:
    if sys.version_info < (3, 11, 4):
        raise SystemExit("needs Python 3.11.4 or later, for tarfile's filters")
    kept = os.environ.get("CACHECORE_COMPAT")
    if kept:
        folder = Path(kept) / name
        folder.mkdir(parents=True, exist_ok=True)
        yield Environment(folder)
    else:
        with tempfile.TemporaryDirectory(prefix=f"cachecore-{name}-") as temporary:
            yield Environment(Path(temporary))
