"""What is said where a package that an extra brings is missing."""

from __future__ import annotations

from cachecore.contrib.extras import needs as _needs


def needs(extra: str, *modules: str) -> None:
    """ModuleNotFoundError that says which extra to install, unless the modules are there."""
    _needs(extra, *modules, distribution="libcachecore-services")
