"""What the blacklist service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
from jwt.algorithms import get_default_algorithms
from pydantic import SecretStr, ValidationInfo, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ..maintenance import Every, Schedule
from ..reach import KEPT, ReachSettings
from ..settings import (
    MANY,
    YEARS,
    checked_schedule,
    checked_timezone,
    naming,
    passwords,
    variable,
)
from .blacklist import TokenBlacklist
from .revocations import Revocations
from .table import TokenTable

log = logging.getLogger("cachecore.blacklist")

_SHORT = {"HS256": 32, "HS384": 48, "HS512": 64}  # bytes of a secret, at least: RFC 7518, 3.2


class BlacklistSettings(ReachSettings):
    database_url: SecretStr = variable(
        "TOKEN_BLACKLIST_DATABASE_URL", SecretStr("sqlite:///token_blacklist.db")
    )
    max_tokens: int = variable("TOKEN_BLACKLIST_MAX_TOKENS", 1_000_000, ge=1, le=MANY)
    sync_seconds: float = variable("TOKEN_BLACKLIST_SYNC_SECONDS", 1.0, ge=0.01, le=3600)
    #: More than the leeway of any verifier and the difference between any two clocks together.
    margin_seconds: float = variable("TOKEN_BLACKLIST_MARGIN_SECONDS", 300.0, ge=0, le=86_400)
    interval_hours: float = variable("TOKEN_CLEANUP_INTERVAL_HOURS", 24.0, ge=1e-4, le=YEARS / 3600)
    timezone: str = variable("TOKEN_CLEANUP_TIMEZONE", "UTC")
    cron: str | None = variable("TOKEN_CLEANUP_CRON", None)
    #: Anybody may log in as anybody: for trying it out.
    demo_login: bool = variable("TOKEN_DEMO_LOGIN", False)
    jwt_algorithm: str = variable("JWT_ALGORITHM", "HS256")
    jwt_secret: SecretStr = variable("JWT_SECRET_KEY", SecretStr(""), validate_default=True)
    jwt_expire_minutes: int = variable("JWT_EXPIRE_MINUTES", 1440, ge=1, le=int(YEARS / 60))

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, given: SecretStr) -> SecretStr:
        try:
            make_url(given.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("no address of a database: see SQLAlchemy's engine URLs") from None
        return given

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, given: str) -> str:
        return checked_timezone(given)

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None and "timezone" in info.data:
            checked_schedule(given, info.data["timezone"])
        return given

    @field_validator("jwt_algorithm")
    @classmethod
    def _check_algorithm(cls, given: str) -> str:
        known = set(get_default_algorithms()) - {"none"}
        if given not in known:
            raise ValueError(f"one of {', '.join(sorted(known))}")
        return given

    @field_validator("jwt_secret")
    @classmethod
    def _check_secret(cls, given: SecretStr, info: ValidationInfo) -> SecretStr:
        algorithm = info.data.get("jwt_algorithm")
        secret = given.get_secret_value()
        if algorithm is None:  # which is an error already
            return given
        if not secret and algorithm in _SHORT:
            log.warning("JWT_SECRET_KEY is not set: tokens are good for this process only")
            return SecretStr(secrets.token_urlsafe(64))
        if algorithm not in _SHORT and info.data.get("demo_login"):
            raise ValueError(f"TOKEN_DEMO_LOGIN signs with {', '.join(_SHORT)} only")
        try:
            jwt.get_algorithm_by_name(algorithm).prepare_key(secret)
        except Exception:
            raise ValueError(f"no key for {algorithm}") from None
        if len(secret.encode()) < _SHORT.get(algorithm, 0):
            log.warning(
                "JWT_SECRET_KEY is short: for %s it has %d bytes or more, or can be guessed",
                algorithm,
                _SHORT[algorithm],
            )
        return given

    def schedule(self) -> Schedule:
        """TOKEN_CLEANUP_CRON, such as "0 2 * * *", goes before TOKEN_CLEANUP_INTERVAL_HOURS."""
        if self.cron:
            return checked_schedule(self.cron, self.timezone)
        return Every(self.interval_hours * 3600)

    def open_blacklist(self) -> TokenBlacklist:
        """Opens the table and loads it, which may take seconds."""
        url = self.database_url.get_secret_value()
        with naming("TOKEN_BLACKLIST_DATABASE_URL", url, *passwords(url)):
            table = TokenTable(url)
            return TokenBlacklist(table, max_tokens=self.max_tokens, margin=self.margin_seconds)

    @asynccontextmanager
    async def open_revocations(self, blacklist: TokenBlacklist) -> AsyncIterator[Revocations]:
        """By which processes tell each other; closes what it opens, and not the blacklist."""
        async with self.open_tier("tokens") as tier:
            if tier is not None or self.shared is None:
                yield Revocations(blacklist, tier=tier)
                return
            with self.open_cache("tokens", KEPT) as machine:
                yield Revocations(blacklist, machine=machine)
