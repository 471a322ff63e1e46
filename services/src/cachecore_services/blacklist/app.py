"""The blacklist as a service: tokens are revoked by logging out, and no longer accepted.

    uvicorn --factory cachecore_services.blacklist.app:create_app

``include`` puts its routes into an application of one's own.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from ..extras import needs

needs("apps", "fastapi", "pydantic_settings", "jwt", "sqlalchemy")

import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ..maintenance import ConsecutiveFailures, Runner, Threshold
from ..application import make_app
from ..dashboard import Board, Latencies
from ..errors import InvalidationError
from ..guard import FROM_OWN_SITE
from .cleanup import SYNC, cleanup_job, sync_job
from .revocations import Revocations
from .settings import BlacklistSettings

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
        self.expires_at = int(claims["exp"])  # which PyJWT has verified it is


class Gate:
    """Lets those pass who have a token that is valid and not revoked."""

    def __init__(self, settings: BlacklistSettings, revocations: Revocations) -> None:
        self._settings, self._revocations = settings, revocations
        self._secret = settings.jwt_secret.get_secret_value()
        self.latencies = Latencies("is_revoked")

    def issue(self, user: str) -> str:
        expires = time.time() + self._settings.jwt_expire_minutes * 60
        claims = {"sub": user, "exp": int(expires), "jti": uuid.uuid4().hex}
        return str(jwt.encode(claims, self._secret, self._settings.jwt_algorithm))

    async def check(self, token: str) -> Session:
        try:
            claims = jwt.decode(
                token,
                self._secret,
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
        with self.latencies.measure("is_revoked"), _asking_the_database():
            return await self._revocations.is_revoked(token)


@contextmanager
def _asking_the_database() -> Iterator[None]:
    """503 if it does not answer: nobody is let in, nor told that a token has been revoked."""
    try:
        yield
    except InvalidationError as error:
        raise HTTPException(503, f"{error}: try again") from None
    except Exception as error:
        log.error("the blacklist's database failed: %s: %s", type(error).__name__, error)
        raise HTTPException(503, "the database does not answer: try again") from None


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
        blacklist = await asyncio.to_thread(settings.open_blacklist)
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
        async with settings.open_revocations(blacklist) as revocations:
            gate = Gate(settings, revocations)
            app.state.gate, app.state.blacklist, app.state.runner = gate, blacklist, runner
            app.state.revocations = revocations
            # Most tokens are not in it: its hit rate says nothing.
            app.state.board = board = Board(
                {"tokens": blacklist.cache},
                runner,
                latencies=gate.latencies,
                advised=(),
                checks=[
                    lambda: blacklist.problems(max(10.0, 10 * settings.sync_seconds)),
                    revocations.problems,
                ],
                patience={SYNC: 2},
            )
            log.info("Starting background task for token cleanup...")
            async with runner, board.lifespan():
                log.info("Token cleanup task started. Will run %s.", _words(settings))
                yield
            log.info("Token cleanup task cancelled successfully")
        await asyncio.to_thread(blacklist.close)

    app = make_app("Token blacklist", settings, lifespan, version=VERSION)
    include(app, settings)
    return app


def _words(settings: BlacklistSettings) -> str:
    return (
        f"by cron: {settings.cron}" if settings.cron else f"every {settings.interval_hours:g} hours"
    )


def include(app: FastAPI, settings: BlacklistSettings) -> None:
    """The service's routes; ``app.state`` has ``gate`` and ``revocations`` while they are used."""

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

    app.include_router(_token_router(settings))


def _token_router(settings: BlacklistSettings) -> APIRouter:
    made = APIRouter(dependencies=FROM_OWN_SITE)

    @made.post("/api/v1/auth/logout")
    async def logout(
        request: Request, session: Annotated[Session, Depends(current_session)]
    ) -> dict[str, str]:
        revocations: Revocations = request.app.state.revocations
        with _asking_the_database():
            await revocations.revoke(session.token, session.expires_at, session.user)
        return {"message": "Successfully logged out"}

    @made.get("/api/v1/auth/me")
    async def me(session: Annotated[Session, Depends(current_session)]) -> dict[str, str]:
        return {"user": session.user}

    if settings.demo_login:

        @made.post("/api/v1/auth/login")
        async def login(request: Request, user: str = "demo") -> dict[str, str]:
            gate: Gate = request.app.state.gate
            return {"access_token": gate.issue(user), "token_type": "bearer"}

    @made.get("/")
    async def root() -> dict[str, str]:
        return {
            "message": "Token blacklist",
            "version": VERSION,
            "docs": "/docs",
            "redoc": "/redoc",
        }

    return made
