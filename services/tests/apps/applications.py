"""All four services, as tests that are about each of them want them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from cachecore_services.blacklist import app as blacklist
from cachecore_services.blacklist.settings import BlacklistSettings
from cachecore_services.decisions import app as decisions
from cachecore_services.decisions.settings import DecisionSettings
from cachecore_services.narration import app as narration
from cachecore_services.narration.settings import NarrationSettings
from cachecore_services.permissions import app as permissions
from cachecore_services.permissions.settings import PermissionSettings
from cachecore_services.settings import ServiceSettings

SECRET = "a secret of thirty-two bytes or more"

SETTINGS: dict[str, type[ServiceSettings]] = {
    "blacklist": BlacklistSettings,
    "decisions": DecisionSettings,
    "narration": NarrationSettings,
    "permissions": PermissionSettings,
}
CREATE: dict[str, Callable[[Any], FastAPI]] = {
    "blacklist": blacklist.create_app,
    "decisions": decisions.create_app,
    "narration": narration.create_app,
    "permissions": permissions.create_app,
}


def create(service: str, directory: Path, **options: Any) -> FastAPI:
    own = {
        "blacklist": {
            "database_url": f"sqlite:///{directory}/tokens.db",
            "jwt_secret": SECRET,
            "demo_login": True,
        },
        "narration": {"cache_dir": directory / "audio"},
    }.get(service, {})
    return CREATE[service](SETTINGS[service](**own, **options))
