"""Permissions as a service: looked up, remembered, audited.

    uvicorn --factory cachecore_services.permissions.app:create_app

``create_app(load=...)`` says where permissions come from; without it there is a demonstration.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from ..extras import needs

needs("apps", "fastapi", "pydantic_settings")

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import Field, model_validator

from ..maintenance import JobRunning
from ..application import make_app
from ..dashboard import Board, Latencies
from ..generations import Generations
from ..guard import FOR_OPERATORS, FROM_OWN_SITE
from ..json_answer import JSONAnswer
from ..parameters import Body, DryRun, Text
from .cache import Loader, PermissionCache
from .cleanup import PermissionCacheCleanup
from .settings import PermissionSettings


class CacheCleanupJobData(Body):
    """The job's options, as the seed spells them; what is not given is as configured."""

    scanBatchSize: int | None = Field(default=None, ge=1, le=1_000_000)  # noqa: N815
    aggressiveCleanup: bool | None = None  # noqa: N815
    inactivityThresholdDays: float | None = Field(default=None, gt=0, le=36_525)  # noqa: N815
    generateReport: bool | None = None  # noqa: N815

    def options(self) -> dict[str, Any]:
        given = {
            "scan_batch_size": self.scanBatchSize,
            "aggressive_cleanup": self.aggressiveCleanup,
            "inactivity_threshold_days": self.inactivityThresholdDays,
            "generate_report": self.generateReport,
        }
        return {name: value for name, value in given.items() if value is not None}


class CacheAction(Body):
    action: Literal["warm", "clear", "invalidate", "reset-metrics"]
    users: list[Text] | None = None

    @model_validator(mode="after")
    def _says_whom(self) -> CacheAction:
        if (self.users is not None) != (self.action in ("warm", "invalidate")):
            raise ValueError("warm and invalidate name users, the other actions none")
        return self


async def demonstration(user: str) -> list[str]:
    """Everybody may read, and whoever's name begins with "admin" may write."""
    return ["read", "write"] if user.startswith("admin") else ["read"]


def create_app(settings: PermissionSettings | None = None, load: Loader = demonstration) -> FastAPI:
    settings = PermissionSettings() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with settings.open_tier("permissions") as tier:
            generations = None if tier is None else Generations(tier)
            permissions = settings.open_permissions(generations)
            cleanup = PermissionCacheCleanup(
                permissions,
                settings.schedule(permissions),
                settings.options(),
                history=settings.job_history,
                workplace=settings.open_workplace(),
                on_alert=settings.alert_hook(),
            )
            latencies = Latencies()
            latencies.share("look-up", lambda: permissions.lookups)
            latencies.share("load", lambda: permissions.loads)
            board = Board(
                {"permissions": permissions.cache},
                cleanup.runner,
                latencies=latencies,
                checks=[cleanup.problems, *([] if generations is None else [generations.problems])],
            )
            app.state.permissions, app.state.cleanup, app.state.board = permissions, cleanup, board
            await cleanup.start()
            async with board.lifespan():
                yield
            await cleanup.stop()
            permissions.close()

    app = make_app("Permissions", settings, lifespan, permission_router(), admin_router())
    app.state.load = load
    return app


def _permissions(request: Request) -> PermissionCache:
    found: PermissionCache = request.app.state.permissions
    return found


def _cleanup(request: Request) -> PermissionCacheCleanup:
    found: PermissionCacheCleanup = request.app.state.cleanup
    return found


_Permissions = Annotated[PermissionCache, Depends(_permissions)]
_Cleanup = Annotated[PermissionCacheCleanup, Depends(_cleanup)]


def permission_router() -> APIRouter:
    made = APIRouter(
        prefix="/api/permissions", tags=["permissions"], dependencies=FROM_OWN_SITE
    )

    @made.get("/{user}")
    async def get(user: str, request: Request, permissions: _Permissions) -> dict[str, Any]:
        found = await permissions.get_or_load(user, request.app.state.load)
        return {"userId": user, "permissions": found}

    @made.delete("/{user}", dependencies=FOR_OPERATORS)
    async def invalidate(user: str, permissions: _Permissions) -> dict[str, Any]:
        return {"invalidated": await permissions.withdraw([user]) == 1}

    return made


def admin_router() -> APIRouter:
    made = APIRouter(
        prefix="/api/admin/permissions/cache", tags=["permissions"], dependencies=FOR_OPERATORS
    )

    @made.get("/metrics")
    async def metrics(permissions: _Permissions) -> dict[str, Any]:
        return permissions.get_metrics()

    @made.post("/metrics")
    async def act(asked: CacheAction, request: Request, permissions: _Permissions) -> Any:
        users = asked.users or []
        if asked.action == "warm":
            for user in users:
                await permissions.get_or_load(user, request.app.state.load)
            return {"warmed": len(users)}
        if asked.action == "invalidate":
            return {"invalidated": await permissions.withdraw(users)}
        if asked.action == "clear":
            return {"cleared": await permissions.withdraw_all()}
        permissions.reset_metrics()
        return {"reset": True}

    @made.post("/cleanup")
    async def run(
        cleanup: _Cleanup, dry_run: DryRun, asked: CacheCleanupJobData | None = None
    ) -> JSONAnswer:
        options = {} if asked is None else asked.options()
        try:
            outcome = await cleanup.run_cleanup_now(dry_run, **options)
        except JobRunning as error:
            raise HTTPException(409, str(error)) from None
        if not outcome.succeeded:
            raise HTTPException(500, outcome.error)
        return JSONAnswer(outcome.report)

    @made.get("/statistics")
    async def statistics(cleanup: _Cleanup) -> dict[str, Any]:
        return cleanup.get_cleanup_statistics()

    @made.get("/forecast")
    async def forecast(permissions: _Permissions) -> dict[str, Any]:
        """Hit rates by lifetime, as measured, and the outcome of an experiment."""
        found = permissions.forecast.forecasts()
        experiment = permissions.experiment
        return {
            "forecasts": [{"ttl": one.ttl, "hitRate": one.hit_rate} for one in found],
            "advice": permissions.forecast.advice(),
            "experiment": None if experiment is None else experiment.report(),
        }

    return made
