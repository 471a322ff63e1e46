"""The page's addresses: ``app.include_router(board_router(), dependencies=[Depends(admin)])``.

The application puts its ``Board`` at ``app.state.board``.  Nothing here is protected by itself,
but for this: a browser may press the buttons only on a page of the same origin.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from ...maintenance import JobRunning
from ..metrics import metrics_text
from .board import Board

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)


def _board(request: Request) -> Board:
    board: Board = request.app.state.board
    return board


def _same_origin(request: Request) -> None:
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise HTTPException(403, "not from another site")


def board_router() -> APIRouter:
    """``/dashboard``, its data and buttons, ``/health/cache-cleanup`` and ``/metrics``."""
    made = APIRouter(tags=["cachecore"])
    page = (resources.files("cachecore.services.dashboard") / "page.html").read_text()

    @made.get("/dashboard", response_class=HTMLResponse)
    async def dashboard() -> HTMLResponse:
        headers = {"content-security-policy": _POLICY, "x-frame-options": "DENY"}
        return HTMLResponse(page, headers=headers)

    @made.get("/dashboard/data")
    async def data(board: Annotated[Board, Depends(_board)]) -> dict[str, Any]:
        return board.data()

    @made.post("/dashboard/jobs/{name}/run", dependencies=[Depends(_same_origin)])
    async def run(
        name: str, board: Annotated[Board, Depends(_board)], dry_run: bool = False
    ) -> dict[str, Any]:
        try:
            return (await board.run(name, dry_run)).to_dict()
        except KeyError:
            raise HTTPException(404, f"there is no job {name!r}") from None
        except JobRunning as error:
            raise HTTPException(409, str(error)) from None

    @made.post("/dashboard/caches/{name}/sweep", dependencies=[Depends(_same_origin)])
    async def sweep(name: str, board: Annotated[Board, Depends(_board)]) -> dict[str, Any]:
        try:
            return {"removed": await board.sweep(name)}
        except KeyError:
            raise HTTPException(404, f"there is no cache {name!r} to sweep") from None

    @made.get("/health/cache-cleanup")
    async def health(response: Response, board: Annotated[Board, Depends(_board)]) -> Any:
        report = await board.health()
        response.status_code = 503 if report["status"] == "unhealthy" else 200
        return report

    @made.get("/metrics")
    async def metrics(board: Annotated[Board, Depends(_board)]) -> Response:
        return Response(metrics_text(board.caches, board.runner), media_type="text/plain")

    return made
