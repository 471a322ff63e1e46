"""A permission service whose permissions are lines of the file GRANTED, and change with it."""

from __future__ import annotations

import os
from pathlib import Path

from cachecore_services.permissions import app as permissions
from fastapi import FastAPI


async def load(user: str) -> list[str]:
    return Path(os.environ["GRANTED"]).read_text().split()


def create_app() -> FastAPI:
    return permissions.create_app(load=load)
