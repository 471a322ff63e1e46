"""How far a revocation or an invalidation reaches: this process, this machine, or every machine.

CACHECORE_SHARED names a directory for caches that the processes of a machine share.  With CACHECORE_TIERED
there is a tier before the server of REDIS_URL, which tells each machine what the others have changed; then the
shared cache is what one connection listens for.  Either may be there without the other.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from cachecore import Cache
from cachecore.tiered import AsyncTieredCache

from .policy.redis import connect
from .settings import (
    ServiceSettings,
    checked_address,
    ensure_writable,
    naming,
    passwords,
    variable,
)

#: Keys that are kept here of the server's; what is not is asked for.
KEPT: Final = 100_000

#: Seconds that one question to the server may take.
_PATIENCE: Final = 1.0


class ReachSettings(ServiceSettings):
    """CACHECORE_SHARED, CACHECORE_TIERED, CACHECORE_MAX_LAG_SECONDS, REDIS_URL."""

    #: On a file system of this machine's own, such as /dev/shm or /run.
    shared: Path | None = variable("CACHECORE_SHARED", None)
    tiered: bool = variable("CACHECORE_TIERED", False)
    #: For so long what was withdrawn may be accepted where nothing is heard of the server; one for all
    #: processes of a machine.
    max_lag: float = variable("CACHECORE_MAX_LAG_SECONDS", 2.0, ge=0.1, le=60)
    #: Secret, because a password may be in it.
    redis_url: SecretStr = variable("REDIS_URL", SecretStr("redis://localhost:6379/0"))

    @property
    def is_tiered(self) -> bool:
        return self.tiered

    @property
    def asks_redis(self) -> bool:
        """Whether REDIS_URL is of any interest: else it may be meant for another program."""
        return self.is_tiered

    @model_validator(mode="after")
    def _check_redis(self) -> Self:
        if self.asks_redis:
            try:
                _check(self.redis_url.get_secret_value())
            except ValueError as error:
                raise ValueError(f"REDIS_URL: {error}") from None
        return self

    def open_cache(self, name: str, entries: int, **options: Any) -> Cache[Any, Any]:
        """A cache of the machine's processes with CACHECORE_SHARED, else of this one."""
        with naming("CACHECORE_SHARED"):
            return Cache(entries, shared=self.place(name), **options)

    def place(self, name: str) -> str | None:
        """Where a cache is that the machine's processes share; None: each has its own."""
        if self.shared is None:
            return None
        with naming("CACHECORE_SHARED"):
            ensure_writable(self.shared)
            return str(self.shared / self._named(name, "."))

    def _named(self, name: str, mark: str) -> str:
        return f"{self.application}{mark}{name}" if self.application else name

    @asynccontextmanager
    async def open_tier(self, name: str) -> AsyncIterator[AsyncTieredCache[bytes] | None]:
        """None without CACHECORE_TIERED.  Reads and writes raise ServerAwayError if the server is away."""
        if not self.is_tiered:
            yield None
            return
        url = self.redis_url.get_secret_value()
        with naming("REDIS_URL", url, *passwords(url)):
            client = connect(url, patience=_PATIENCE)
        local: Cache[bytes, bytes] = self.open_cache(f"{name}.tier", KEPT)
        with naming("REDIS_URL", url, *passwords(url)):
            tier = AsyncTieredCache(
                local,
                client,
                prefix=f"cachecore:{self._named(name, ':')}:",
                max_lag=self.max_lag,
                on_error="raise",
            )
        tier.peek(b"")  # which begins to listen
        try:
            yield tier
        finally:
            await tier.aclose()
            await client.aclose()
            local.close()


def _check(url: str) -> None:
    """ValueError, without the address, for what is none of Redis."""
    checked_address(url, "redis", "rediss", "unix")
    parts = urlsplit(url)
    if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValueError("after the host, an address of Redis has the number of a database")
