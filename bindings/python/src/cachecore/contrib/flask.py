"""A backend for Flask-Caching.

::

    app.config["CACHE_TYPE"] = "cachecore.contrib.flask.CacheCoreCache"
    app.config["CACHE_THRESHOLD"] = 10_000                  # most entries
    app.config["CACHE_OPTIONS"] = {"max_bytes": 64 << 20}   # and more, see cachelib.py
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

from typing import Any

from flask import Flask
from .extras import needs

needs("flask", "flask_caching")

from flask_caching.backends.base import BaseCache

from . import cachelib


class CacheCoreCache(cachelib.CacheCoreCache, BaseCache):
    """As ``cachecore.contrib.cachelib.CacheCoreCache``, made from the app's configuration."""

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> CacheCoreCache:
        """CACHE_ARGS and CACHE_OPTIONS go before CACHE_THRESHOLD, which Flask-Caching sets to 500
        unless told otherwise, and CACHE_DEFAULT_TIMEOUT.
        """
        given = {
            "threshold": config["CACHE_THRESHOLD"],
            "default_timeout": config["CACHE_DEFAULT_TIMEOUT"],
            **kwargs,
        }
        for name in ("threshold", "default_timeout")[: len(args)]:
            del given[name]  # which is there by position
        return cls(*args, **given)
