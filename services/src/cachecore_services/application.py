"""What the services' applications have in common: guard, errors, health, dashboard, metrics."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError

from .dashboard import Board, board_router, monitoring_router
from .errors import InvalidationError
from .guard import OwnNames
from .json_answer import JSONAnswer
from .settings import ServiceSettings


#: For probes and Prometheus, which come under whatever name they know.
UNDER_ANY_NAME: Final = ("/health", "/health/cache-cleanup", "/metrics")


def make_app(
    title: str,
    settings: ServiceSettings,
    lifespan: Callable[[FastAPI], Any],
    *routers: APIRouter,
    version: str = "1.0.0",
) -> FastAPI:
    """The lifespan puts a ``Board`` at ``app.state.board``."""
    app = FastAPI(title=title, version=version, lifespan=lifespan)
    app.state.guard = guard = settings.guard()
    app.add_middleware(OwnNames, guard=guard, but_for=UNDER_ANY_NAME)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(InvalidationError, _not_forgotten)
    for router in (*routers, _health_router(), monitoring_router()):
        app.include_router(router)
    app.include_router(board_router(monitoring=False))
    return app


async def _invalid(request: Request, error: Exception) -> JSONAnswer:
    """FastAPI's answer without what was sent, which might be a secret, or no JSON."""
    assert isinstance(error, RequestValidationError)
    told = [{name: one[name] for name in ("type", "loc", "msg")} for one in error.errors()]
    return JSONAnswer({"detail": told}, 422)


async def _not_forgotten(request: Request, error: Exception) -> JSONAnswer:
    return JSONAnswer({"detail": f"{error}: try again"}, 503)


def _health_router() -> APIRouter:
    made = APIRouter(tags=["cachecore"])

    @made.get("/health")
    async def health(request: Request) -> JSONAnswer:
        """503 if it is unhealthy; ``problems`` says what is wrong."""
        board: Board = request.app.state.board
        problems = await board.problems()
        if not problems:
            return JSONAnswer({"status": "healthy"})
        serious = any(problem.serious for problem in problems)
        report = {
            "status": "unhealthy" if serious else "degraded",
            "problems": [problem.text for problem in problems],
        }
        return JSONAnswer(report, 503 if serious else 200)

    return made
