"""What the sdist says where it cannot be built, and the guide that wheels carry."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import REPOSITORY

PACKAGES = [REPOSITORY / "bindings" / "python", REPOSITORY / "services"]


def hook(monkeypatch: pytest.MonkeyPatch, root: Path, package: Path = PACKAGES[0]) -> Any:
    """The build hook of a package, without hatchling."""
    interface: Any = ModuleType("hatchling.builders.hooks.plugin.interface")
    interface.BuildHookInterface = type("BuildHookInterface", (), {})
    interface.BuildHookInterface.__class_getitem__ = classmethod(lambda cls, item: cls)
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("hatch_build", package / "hatch_build.py")
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


RELATIVE = re.compile(r"\]\((?!#|\w+:)([^)\s#]+)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[str]:
    return RELATIVE.findall(CODE.sub("", page.read_text()))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_guide_in_a_wheel_has_no_dead_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: Path
) -> None:
    made = hook(monkeypatch, package, package)
    made.work = tmp_path
    made._guide()
    pages = list(tmp_path.iterdir())
    assert pages
    for page in pages:
        source = (REPOSITORY / "docs" / page.name).read_text()
        assert CODE.findall(page.read_text()) == CODE.findall(source)
        for target in links(page):
            assert (tmp_path / target).is_file(), (page.name, target)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_what_a_package_index_shows(package: Path) -> None:
    """The README is the long description there, where relative links lead nowhere."""
    assert links(package / "README.md") == []
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["urls"] and project["readme"] == "README.md"
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.11"} < set(project["classifiers"])


def test_the_sdist_carries_the_sources_of_the_guide(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = hook(monkeypatch, PACKAGES[0])
    made.work = tmp_path
    project = tomllib.loads((PACKAGES[0] / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["sdist"]["force-include"]
    for page in made._guide():
        assert carried[f"../../docs/{page.name}"] == f"engine/docs/{page.name}"
