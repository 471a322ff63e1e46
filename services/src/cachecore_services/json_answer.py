"""Answers as JSON, whatever is in them: see maintenance/plain.py."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse

from .maintenance.plain import plain


class JSONAnswer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json.dumps(plain(content), allow_nan=False, separators=(",", ":")).encode()
