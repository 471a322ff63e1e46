"""What the sdist says where it cannot be built."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import REPOSITORY

HOOK = REPOSITORY / "bindings" / "python" / "hatch_build.py"


def hook(monkeypatch: pytest.MonkeyPatch, root: Path) -> Any:
    """The build hook, without hatchling."""
    interface: Any = ModuleType("hatchling.builders.hooks.plugin.interface")
    interface.BuildHookInterface = type("BuildHookInterface", (), {})
    interface.BuildHookInterface.__class_getitem__ = classmethod(lambda cls, item: cls)
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Hook()
    made.root, made.target_name = str(root), "wheel"
    return made


def test_one_sentence_without_swift(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CACHECORE_LIBRARY", raising=False)
    monkeypatch.setattr(shutil, "which", lambda *names, **options: None)
    with pytest.raises(SystemExit) as ended:
        hook(monkeypatch, tmp_path).initialize("standard", {"force_include": {}})
    assert ended.value.code == (
        "libcachecore: building it from source needs Swift 6.3 or later"
        " (https://swift.org/install), and there is no swift in PATH."
    )


def test_one_sentence_for_another_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHECORE_WHEEL", "both")
    with pytest.raises(SystemExit, match="CACHECORE_WHEEL is pure or compiled, not 'both'"):
        hook(monkeypatch, tmp_path)._wants_extension()
