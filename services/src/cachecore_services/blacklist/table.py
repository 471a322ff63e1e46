"""Revoked tokens in a database, where they outlive the process.

A token is kept as a SHA-256 (see identity.py): who reads the table cannot log in with it.  Moments are
whole milliseconds since 1970: there is no time zone to get wrong.  A token has expired at its
deadline, not after it, for whoever looks it up as for whoever removes it.

Rows have ascending numbers, none of which is used twice: who has seen a number has seen all rows
before it but those whose transactions were still open.  That is how processes find out what is
new, and no clock has a part in it.  SQLite promises it only of a table with AUTOINCREMENT, so
one that was made without is rebuilt when it is opened.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
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
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

log = logging.getLogger("cachecore.blacklist")

_metadata = MetaData()

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")  # where only INTEGER counts up
_DIGEST: Final = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
_USER_ID_LONGEST: Final = 255
_PAGE: Final = 1000
_TRIES: Final = 10  # with a token that others write and remove at the same time
_PATIENCE_S: Final = 10  # with a locked SQLite file

_tokens: Final = Table(
    "token_blacklist",
    _metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("token", _DIGEST, nullable=False, unique=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("blacklisted_at", BigInteger, nullable=False),
    Column("user_id", String(_USER_ID_LONGEST), index=True),
    sqlite_autoincrement=True,
)


class TokenExists(ValueError):
    """The token is in the table already; it has the later of the two deadlines."""

    def __init__(self, message: str, expires_ms: int) -> None:
        super().__init__(message, expires_ms)
        self.expires_ms = expires_ms  #: the deadline that it had

    def __str__(self) -> str:
        return str(self.args[0])


class Revoked(NamedTuple):
    digest: bytes
    expires_ms: int


class TableReplaced(OSError):
    """The file of the database is no longer the one that was opened: what is written would be lost."""


class TokenTable:
    """Any method may be called from any thread, and may wait for the database."""

    def __init__(self, url: str = "sqlite:///token_blacklist.db") -> None:
        """Makes the table where it is not there yet."""
        parsed = make_url(url)
        self._engine: Engine = _open(parsed)
        _make(self._engine)
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                _ensure_ascending(connection)
        self._path = _file(parsed)
        self._file = _identity(self._path)

    def close(self) -> None:
        self._engine.dispose()

    def ensure_in_place(self) -> None:
        """TableReplaced if the file has been removed or replaced: the process has to be restarted."""
        if _identity(self._path) != self._file:
            raise TableReplaced(f"{self._path} has been removed or replaced")

    def add(self, digest: bytes, expires_ms: int, now_ms: int, user_id: object = None) -> None:
        """On disk when this returns.  TokenExists if it was there; TableReplaced.

        One that is there with an earlier deadline is given this one, by a row with a new number, so that
        other processes find it.

        user_id: only for people who look into the table; cut to 255 characters, as its text.
        """
        self.ensure_in_place()
        row = {
            "token": digest,
            "expires_at": expires_ms,
            "blacklisted_at": now_ms,
            "user_id": _user_text(user_id),
        }
        for attempt in range(1, _TRIES + 1):
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(_tokens), row)
                return
            except IntegrityError as error:
                before = self._prolong(row)
                if before is not None:
                    raise TokenExists("the token has been revoked already", before) from error
                if attempt == _TRIES:
                    raise

    def _prolong(self, row: dict[str, Any]) -> int | None:
        """The deadline that the token had; None: it has gone meanwhile, or another came first."""
        same = _tokens.c.token == row["token"]
        try:
            with self._engine.begin() as connection:
                before = connection.execute(select(_tokens.c.expires_at).where(same)).scalar()
                if before is not None and before < row["expires_at"]:
                    it = delete(_tokens).where(same, _tokens.c.expires_at == before)
                    if connection.execute(it).rowcount == 0:
                        return None
                    connection.execute(insert(_tokens), row)
        except IntegrityError:
            return None
        return None if before is None else int(before)

    def contains(self, digests: bytes | Sequence[bytes], now_ms: int) -> bool:
        """Whether it, or any of them, is there and has not expired."""
        any_of = [digests] if isinstance(digests, bytes) else digests
        wanted = select(_tokens.c.id).where(
            _tokens.c.token.in_(any_of), _tokens.c.expires_at > now_ms
        )
        with self._engine.connect() as connection:
            return connection.execute(wanted).first() is not None

    def last_id(self) -> int:
        """The highest number of a row; 0: there is none."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.max(_tokens.c.id))).scalar() or 0)

    def unexpired(self, now_ms: int, after_id: int = 0) -> Iterator[Revoked]:
        """Those with higher numbers, in pages: no connection is held in between."""
        columns = _tokens.c.id, _tokens.c.token, _tokens.c.expires_at
        while True:
            page = select(*columns).where(_tokens.c.id > after_id).order_by(_tokens.c.id)
            with self._engine.connect() as connection:
                rows = connection.execute(page.limit(_PAGE)).all()
            for after_id, token, expires_ms in rows:
                if expires_ms > now_ms:
                    yield Revoked(bytes(token), expires_ms)
            if len(rows) < _PAGE:
                return

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


def _make(engine: Engine) -> None:
    """Makes the table, unless it is there."""
    try:
        _metadata.create_all(engine)
    except DBAPIError:  # as also when another process has made it since this one looked
        _metadata.create_all(engine)


def _user_text(user_id: object) -> str | None:
    """A revocation must not fail because of a name."""
    if user_id is None:
        return None
    name = str(user_id).encode(errors="replace").decode().replace("\0", "?")
    return name[:_USER_ID_LONGEST]


# -- SQLite --------------------------------------------------------------------------------------


def _open(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    if _in_memory(url):
        log.warning("the blacklist's database is in memory: what is revoked ends with the process")
        # One connection for all threads, used by one at a time: another would be another database.
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )
    else:
        engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _file(url: URL) -> str | None:
    """Of a database that is a file, and no URI of SQLite's own."""
    if url.get_backend_name() != "sqlite" or _in_memory(url):
        return None
    return None if str(url.database).startswith("file:") else url.database


def _identity(path: str | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else os.stat(path)
    except FileNotFoundError:
        return -1, -1
    return None if found is None else (found.st_dev, found.st_ino)


def _in_memory(url: URL) -> bool:
    name = url.database or ""
    return name in ("", ":memory:") or ":memory:" in name or url.query.get("mode") == "memory"


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers beside one writer, and nothing lost when the power fails."""
    connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE_S}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _write_ahead(connection: Any) -> None:
    """The one change for which SQLite does not wait while others have the file open."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:  # locked
            if time.monotonic() >= end:
                raise
            time.sleep(0.02)


def _ensure_ascending(connection: Connection) -> None:
    """Rebuilds a table whose numbers may be used twice, rows and numbers as they are."""
    made = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'token_blacklist'")
    if "AUTOINCREMENT" in str(connection.execute(made).scalar()).upper():
        return
    connection.rollback()
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # of several processes, the first one does it
    if "AUTOINCREMENT" in str(connection.execute(made).scalar()).upper():
        connection.rollback()
        return
    for index in connection.dialect.get_indexes(connection, "token_blacklist"):
        connection.exec_driver_sql(f'DROP INDEX "{index["name"]}"')
    connection.exec_driver_sql("ALTER TABLE token_blacklist RENAME TO token_blacklist_before")
    _tokens.create(connection)
    names = ", ".join(column.name for column in _tokens.columns)
    connection.exec_driver_sql(
        f"INSERT INTO token_blacklist ({names}) SELECT {names} FROM token_blacklist_before"
    )
    connection.exec_driver_sql("DROP TABLE token_blacklist_before")
    connection.commit()
