"""The page's addresses: ``app.include_router(board_router(), dependencies=[Depends(admin)])``.

The application puts its ``Board`` at ``app.state.board``, and a ``Guard`` at ``app.state.guard`` if
the default one is not enough: it refuses requests of other sites and knows no operators.  Probes
and Prometheus come without a password: for them the monitoring has a router of its own.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from ..maintenance import JobRunning
from ..guard import FOR_OPERATORS
from ..json_answer import JSONAnswer
from ..metrics import metrics_text
from ..parameters import DryRun
from .board import Board

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)


def _board(request: Request) -> Board:
    board: Board = request.app.state.board
    return board


_Board = Annotated[Board, Depends(_board)]


def board_router(*, monitoring: bool = True) -> APIRouter:
    """``/dashboard``, its data and buttons; monitoring: and what ``monitoring_router`` has."""
    made = APIRouter(tags=["cachecore"])
    board_routes = APIRouter(dependencies=FOR_OPERATORS)
    page = (resources.files("cachecore_services.dashboard") / "page.html").read_text()

    @board_routes.get("/dashboard", response_class=HTMLResponse)
    async def dashboard() -> HTMLResponse:
        headers = {"content-security-policy": _POLICY, "x-frame-options": "DENY"}
        return HTMLResponse(page, headers=headers)

    @board_routes.get("/dashboard/data")
    async def data(board: _Board) -> JSONAnswer:
        return JSONAnswer(board.data())

    @board_routes.post("/dashboard/jobs/{name}/run")
    async def run(name: str, board: _Board, dry_run: DryRun) -> JSONAnswer:
        try:
            return JSONAnswer((await board.run(name, dry_run)).to_dict())
        except KeyError:
            raise HTTPException(404, f"there is no job {name!r}") from None
        except JobRunning as error:
            raise HTTPException(409, str(error)) from None

    @board_routes.post("/dashboard/caches/{name:path}/sweep")  # a name may have slashes
    async def sweep(name: str, board: _Board) -> JSONAnswer:
        try:
            return JSONAnswer({"removed": await board.sweep(name)})
        except KeyError:
            raise HTTPException(404, f"there is no cache {name!r} to sweep") from None

    made.include_router(board_routes)
    if monitoring:
        made.include_router(monitoring_router())
    return made


def monitoring_router() -> APIRouter:
    """``/health/cache-cleanup`` and ``/metrics``, for everybody who reaches them."""
    made = APIRouter(tags=["cachecore"])

    @made.get("/health/cache-cleanup")
    async def health(board: _Board) -> JSONAnswer:
        report = await board.health()
        return JSONAnswer(report, 503 if report["status"] == "unhealthy" else 200)

    @made.get("/metrics")
    async def metrics(board: _Board) -> Response:
        return Response(metrics_text(board.caches, board.runner), media_type="text/plain")

    return made
