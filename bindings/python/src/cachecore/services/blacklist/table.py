"""Revoked tokens in a database, where they outlive the process.

A token is kept as its SHA-256: who reads the table cannot log in with it.  Moments are whole
milliseconds since 1970: there is no time zone to get wrong.  A token has expired at its deadline, not
after it, for whoever looks it up as for whoever removes it.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

_metadata = MetaData()

_tokens: Final = Table(
    "token_blacklist",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("token", LargeBinary(32), nullable=False, unique=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("blacklisted_at", BigInteger, nullable=False, index=True),
    Column("user_id", String(255), index=True),
)


class TokenExists(ValueError):
    """The token is in the table already."""


class Revoked(NamedTuple):
    digest: bytes
    expires_ms: int


def digest(token: str) -> bytes:
    """What is stored of a token, here and in memory."""
    return hashlib.sha256(token.encode()).digest()


class TokenTable:
    """Any method may be called from any thread, and may wait for the database."""

    def __init__(self, url: str = "sqlite:///token_blacklist.db") -> None:
        """Makes the table where it is not there yet."""
        self._engine: Engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
        _metadata.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def add(self, digest: bytes, expires_ms: int, now_ms: int, user_id: str | None = None) -> None:
        """On disk when this returns.  TokenExists if it was there."""
        row = {
            "token": digest,
            "expires_at": expires_ms,
            "blacklisted_at": now_ms,
            "user_id": user_id,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_tokens), row)
        except IntegrityError as error:
            raise TokenExists("the token has been revoked already") from error

    def contains(self, digest: bytes, now_ms: int) -> bool:
        """Whether it is there and has not expired."""
        wanted = select(_tokens.c.id).where(
            _tokens.c.token == digest, _tokens.c.expires_at > now_ms
        )
        with self._engine.connect() as connection:
            return connection.execute(wanted).first() is not None

    def unexpired(self, now_ms: int, since_ms: int = 0) -> Iterator[Revoked]:
        """Those revoked since then, a thousand at a time."""
        wanted = select(_tokens.c.token, _tokens.c.expires_at).where(
            _tokens.c.expires_at > now_ms, _tokens.c.blacklisted_at >= since_ms
        )
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=1000).execute(wanted)
            for token, expires_ms in rows:
                yield Revoked(token, expires_ms)

    def count(self, expired_at_ms: int | None = None) -> int:
        """How many there are; with a moment, only those expired at it."""
        wanted = select(func.count()).select_from(_tokens)
        if expired_at_ms is not None:
            wanted = wanted.where(_tokens.c.expires_at <= expired_at_ms)
        with self._engine.connect() as connection:
            return int(connection.execute(wanted).scalar_one())

    def remove_expired(self, now_ms: int, batch_size: int = 1000) -> int:
        """All that have expired and no other; how many.  Each batch is a short transaction."""
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        some = select(_tokens.c.id).where(_tokens.c.expires_at <= now_ms).limit(batch_size)
        removed = 0
        while True:
            with self._engine.begin() as connection:
                gone = connection.execute(delete(_tokens).where(_tokens.c.id.in_(some))).rowcount
            removed += gone
            if gone < batch_size:
                return removed


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers beside one writer, and nothing lost when the power fails."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}")
