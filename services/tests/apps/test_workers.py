"""Two processes of one service: one leads, both know what has been revoked in either."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .serving import serving

pytest.importorskip("uvicorn")


def ask(
    address: str, path: str, token: str = "", method: str = "GET", body: object = None
) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    data = None
    if body is not None:
        headers["content-type"], data = "application/json", json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def until(holds: Callable[[], bool]) -> None:
    """Waits for what another process does; the bound is only there to end the test."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_one_leads_and_both_refuse_what_either_revoked(tmp_path: Path) -> None:
    environment = {
        "CACHECORE_WORKPLACE": str(tmp_path / "workplace"),
        "TOKEN_BLACKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/tokens.db",
        "TOKEN_BLACKLIST_SYNC_SECONDS": "0.05",
        "TOKEN_DEMO_LOGIN": "true",
        "JWT_SECRET_KEY": "a secret of thirty-two bytes or more",
    }

    def leads(address: str) -> bool:
        return bool(ask(address, "/dashboard/data")[1]["leads"])

    with ExitStack() as stack:
        first_stack = stack.enter_context(ExitStack())
        first = first_stack.enter_context(serving("blacklist", **environment))
        second = stack.enter_context(serving("blacklist", **environment))
        assert leads(first) and not leads(second)
        for here, there in ((first, second), (second, first)):
            token = ask(here, "/api/v1/auth/login", method="POST")[1]["access_token"]
            assert ask(there, "/api/v1/auth/me", token)[0] == 200
            assert ask(here, "/api/v1/auth/logout", token, "POST")[0] == 200
            assert ask(here, "/api/v1/auth/me", token)[0] == 401
            until(lambda: ask(there, "/api/v1/auth/me", token)[0] == 401)
        first_stack.close()
        until(lambda: leads(second))
