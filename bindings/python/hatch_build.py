"""Builds what a wheel carries beside the Python files; see README.md, "Wheels".

CACHECORE_LIBRARY  a libcachecore.so to take, instead of building one with Swift
CACHECORE_WHEEL    "pure": ctypes alone, for any Python; "compiled": with the compiled path, for
                   CPython; by default "compiled" where there is a C compiler
CACHECORE_PLATFORM the wheel's platform, such as linux_aarch64, if it is not this machine's; then CC and
                   STRIP are the tools for it
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The pages of docs/ that a wheel carries as cachecore/guide.
GUIDE = ("python.md", "python-frameworks.md", "sharing.md", "stampedes.md", "tiered.md", "warm.md")
CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")


class Hook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        self.work = Path(tempfile.mkdtemp(prefix="cachecore-wheel-"))
        included: dict[str, str] = build_data["force_include"]
        included[str(self._library())] = "cachecore/libcachecore.so"
        for page in self._guide():
            included[str(page)] = f"cachecore/guide/{page.name}"
        machine = os.environ.get("CACHECORE_PLATFORM") or sysconfig.get_platform()
        machine = machine.replace("-", "_").replace(".", "_")
        tag = f"py3-none-{machine}"
        if self._wants_extension():
            included[str(self._extension())] = "cachecore/_fast.abi3.so"
            tag = f"cp311-abi3-{machine}"
        build_data["pure_python"] = False
        build_data["tag"] = tag

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "work"):
            shutil.rmtree(self.work)

    @property
    def _engine(self) -> Path:
        """Where Package.swift is: beside us in the sdist, above us in the repository."""
        inside = Path(self.root) / "engine"
        return inside if inside.is_dir() else Path(self.root).parents[1]

    def _guide(self) -> list[Path]:
        """The pages, whose links to what the wheel does not carry are their text alone."""
        pages = []
        for name in GUIDE:
            parts = CODE.split((self._engine / "docs" / name).read_text())
            parts[::2] = [LINK.sub(self._link, part) for part in parts[::2]]
            pages.append(self.work / name)
            pages[-1].write_text("".join(parts))
        return pages

    @staticmethod
    def _link(found: re.Match[str]) -> str:
        text, target = found.groups()
        page = target.partition("#")[0]
        kept = ":" in target or (page in GUIDE if page else True)
        return found[0] if kept else text

    def _library(self) -> Path:
        built = Path(os.environ.get("CACHECORE_LIBRARY") or self._build_library())
        stripped = self.work / "libcachecore.so"
        shutil.copy(built.resolve(), stripped)
        self._strip(stripped)
        return stripped

    @staticmethod
    def _strip(library: Path) -> None:
        subprocess.run([os.environ.get("STRIP", "strip"), "--strip-unneeded", library], check=True)

    def _build_library(self) -> Path:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/opt/swift/usr/bin"])
        if shutil.which("swift", path=path) is None:
            raise SystemExit(
                "libcachecore: building it from source needs Swift 6.3 or later"
                " (https://swift.org/install), and there is no swift in PATH."
            )
        script = self._engine / "tools" / "build-library.sh"
        subprocess.run([script, self.work / "lib"], check=True)
        return self.work / "lib" / "libcachecore.so"

    def _wants_extension(self) -> bool:
        wanted = os.environ.get("CACHECORE_WHEEL", "")
        if wanted not in ("", "pure", "compiled"):
            raise SystemExit(f"libcachecore: CACHECORE_WHEEL is pure or compiled, not {wanted!r}.")
        if wanted:
            return wanted == "compiled"
        header = Path(sysconfig.get_path("include")) / "Python.h"
        return (
            platform.python_implementation() == "CPython"
            and not sysconfig.get_config_var("Py_GIL_DISABLED")
            and shutil.which(os.environ.get("CC", "gcc")) is not None
            and header.is_file()
        )

    def _extension(self) -> Path:
        script = Path(self.root) / "tools" / "build-extension.sh"
        include = str(self._engine / "include")
        environment = {**os.environ, "CACHECORE_INCLUDE": include}
        environment.setdefault("PYTHON", sys.executable)
        subprocess.run([script, self.work / "fast"], check=True, env=environment)
        built = self.work / "fast" / "_fast.abi3.so"
        self._strip(built)
        return built
