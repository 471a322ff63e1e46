"""The blacklist as a service: tokens are revoked by logging out, and no longer accepted.

    uvicorn --factory cachecore.services.blacklist.app:create_app

``include`` puts the same into an application of one's own.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ...maintenance import ConsecutiveFailures, Runner, Threshold
from ..dashboard import Board, Latencies, board_router
from .blacklist import TokenBlacklist
from .cleanup import cleanup_job, sync_job
from .settings import BlacklistSettings
from .table import TokenTable

log = logging.getLogger("cachecore.blacklist")

VERSION = "1.0.0"


class Unauthorized(Exception):
    """Answered as 401: what is wrong, and a word for it that programs understand."""

    def __init__(self, detail: str, error_type: str) -> None:
        super().__init__(detail)
        self.detail, self.error_type = detail, error_type


class Session:
    """A token that has been checked."""

    def __init__(self, token: str, claims: dict[str, Any]) -> None:
        self.token = token
        self.user: str = claims["sub"]
        self.expires_at: float = claims["exp"]


class Gate:
    """Lets those pass who have a token that is valid and not revoked."""

    def __init__(self, settings: BlacklistSettings, blacklist: TokenBlacklist) -> None:
        self._settings, self._blacklist = settings, blacklist
        self.latencies = Latencies("is_revoked")

    def issue(self, user: str) -> str:
        expires = time.time() + self._settings.jwt_expire_minutes * 60
        claims = {"sub": user, "exp": int(expires), "jti": f"{time.time_ns():x}"}
        return str(jwt.encode(claims, self._settings.jwt_secret, self._settings.jwt_algorithm))

    async def check(self, token: str) -> Session:
        try:
            claims = jwt.decode(
                token,
                self._settings.jwt_secret,
                [self._settings.jwt_algorithm],
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized("Token has expired", "token_expired") from None
        except jwt.InvalidTokenError:
            raise Unauthorized("Could not validate credentials", "invalid_token") from None
        if await self._is_revoked(token):
            raise Unauthorized("Token has been invalidated", "token_blacklisted")
        return Session(token, claims)

    async def _is_revoked(self, token: str) -> bool:
        with self.latencies.measure("is_revoked"):
            if self._blacklist.degraded:
                return await asyncio.to_thread(self._blacklist.is_revoked, token)
            return self._blacklist.is_revoked(token)


_bearer = HTTPBearer(auto_error=False)


async def current_session(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Session:
    """A dependency: the session of a request; 401 without one."""
    if credentials is None:
        raise Unauthorized("Not authenticated", "not_authenticated")
    gate: Gate = request.app.state.gate
    return await gate.check(credentials.credentials)


def create_app(settings: BlacklistSettings | None = None) -> FastAPI:
    settings = BlacklistSettings() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        table = await asyncio.to_thread(TokenTable, settings.database_url)
        blacklist = await asyncio.to_thread(TokenBlacklist, table, max_tokens=settings.max_tokens)
        runner = Runner(
            [
                cleanup_job(blacklist, settings.schedule()),
                sync_job(blacklist, settings.sync_seconds),
            ],
            workplace=settings.open_workplace(),
            history=settings.job_history,
            rules=(ConsecutiveFailures(2), Threshold("degraded", above=0)),
            on_alert=settings.alert_hook(),
        )
        gate = Gate(settings, blacklist)
        app.state.gate, app.state.blacklist, app.state.runner = gate, blacklist, runner
        # Most tokens are not in it: its hit rate says nothing.
        board = Board({"tokens": blacklist.cache}, runner, latencies=gate.latencies, advised=())
        app.state.board = board
        log.info("Starting background task for token cleanup...")
        async with runner, board.lifespan():
            log.info("Token cleanup task started. Will run %s.", _words(settings))
            yield
        log.info("Token cleanup task cancelled successfully")
        await asyncio.to_thread(blacklist.close)

    app = FastAPI(title="Token blacklist", version=VERSION, lifespan=lifespan)
    include(app, settings)
    app.include_router(board_router())
    return app


def _words(settings: BlacklistSettings) -> str:
    return (
        f"by cron: {settings.cron}" if settings.cron else f"every {settings.interval_hours:g} hours"
    )


def include(app: FastAPI, settings: BlacklistSettings) -> None:
    """The service's routes; ``app.state`` has ``gate`` and ``blacklist`` while they are used."""

    @app.exception_handler(Unauthorized)
    async def unauthorized(request: Request, error: Unauthorized) -> JSONResponse:
        return JSONResponse(
            {
                "detail": error.detail,
                "error_type": error.error_type,
                "timestamp": datetime.now(UTC).isoformat(),
            },
            status_code=401,
            headers={"www-authenticate": "Bearer"},
        )

    @app.post("/api/v1/auth/logout")
    async def logout(
        request: Request, session: Annotated[Session, Depends(current_session)]
    ) -> dict[str, str]:
        blacklist: TokenBlacklist = request.app.state.blacklist
        await asyncio.to_thread(blacklist.revoke, session.token, session.expires_at, session.user)
        return {"message": "Successfully logged out"}

    @app.get("/api/v1/auth/me")
    async def me(session: Annotated[Session, Depends(current_session)]) -> dict[str, str]:
        return {"user": session.user}

    if settings.demo_login:

        @app.post("/api/v1/auth/login")
        async def login(request: Request, user: str = "demo") -> dict[str, str]:
            gate: Gate = request.app.state.gate
            return {"access_token": gate.issue(user), "token_type": "bearer"}

    @app.get("/health")
    async def health(request: Request) -> dict[str, str]:
        blacklist: TokenBlacklist = request.app.state.blacklist
        return {"status": "degraded" if blacklist.degraded else "healthy"}

    @app.get("/")
    async def root() -> dict[str, str]:
        return {
            "message": "Token blacklist",
            "version": VERSION,
            "docs": "/docs",
            "redoc": "/redoc",
        }
