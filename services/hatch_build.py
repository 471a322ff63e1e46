"""Puts the guide, docs/services.md, into the wheel as cachecore_services/guide/services.md."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CODE = re.compile(r"(^```.*?^```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\((?!#|\w+:)[^)\s]+\)")


class Hook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        self.work = Path(tempfile.mkdtemp(prefix="cachecore-wheel-"))
        included: dict[str, str] = build_data["force_include"]
        included[str(self._guide())] = "cachecore_services/guide/services.md"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "work"):
            shutil.rmtree(self.work)

    def _guide(self) -> Path:
        """The page, whose links to what the wheel does not carry are their text alone."""
        root = Path(self.root)
        inside = root / "docs"  # in the sdist; above us in the repository
        source = (inside if inside.is_dir() else root.parent / "docs") / "services.md"
        parts = CODE.split(source.read_text())
        parts[::2] = [LINK.sub(r"\1", part) for part in parts[::2]]
        page = self.work / source.name
        page.write_text("".join(parts))
        return page
