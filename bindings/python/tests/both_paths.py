"""The package twice in one process, once on each path to the library."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import lru_cache
from types import ModuleType
from unittest import mock


def have_both() -> bool:
    return importlib.util.find_spec("cachecore._fast") is not None


@lru_cache
def both_paths() -> tuple[ModuleType, ModuleType]:
    """The compiled one and the one through ctypes, neither of which anybody else imports."""
    packages = []
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    try:
        for pure in ("0", "1"):
            for name in filter(_is_ours, list(sys.modules)):
                del sys.modules[name]
            with mock.patch.dict(os.environ, CACHECORE_PURE=pure):
                packages.append(importlib.import_module("cachecore"))
    finally:
        for name in filter(_is_ours, list(sys.modules)):
            del sys.modules[name]
        sys.modules.update(ours)
    compiled, pure_one = packages
    assert compiled.compiled and not pure_one.compiled
    return compiled, pure_one


def _is_ours(name: str) -> bool:
    return name == "cachecore" or name.startswith("cachecore.")
