"""Where decisions are kept, as a policy cache sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .keys import Selection

if TYPE_CHECKING:
    from cachecore.contrib.cleanup import Sweeping


class Found(NamedTuple):
    """An entry, and what is needed to replace it only if it is still the same."""

    text: bytes
    ttl: float  #: seconds left to live
    lifetime: float | None  #: seconds it was given; None: not known
    version: int | None  #: None: not known


class Unavailable(Exception):  # noqa: N818
    """The store has failed before or after an evaluation: it has been closed."""


class Store(Protocol):
    """Texts under names, each with a lifetime in seconds.  Failures are exceptions."""

    #: "cachecore" or "redis", for logs and metrics.
    implementation: str

    @property
    def get_now(self) -> Callable[[str], bytes | None] | None:
        """As ``get``, of a store that never waits; None of one that does."""
        ...

    def may_have(self, key: str) -> bool:
        """False: it has not, which is known without waiting.  Counts as nothing."""
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def get_or_evaluate(
        self,
        key: str,
        evaluate: Callable[[], Awaitable[bytes]],
        ttl: float,
        kept: Callable[[Exception | None], None],
    ) -> bytes:
        """What is there, else what ``evaluate`` returns: once for all who ask at the same time.

        What was written or invalidated meanwhile is returned, and not stored.  A store that may fail to store it
        says by ``kept`` whether it has, and why not.  Raises what ``evaluate`` raises, or Unavailable.
        """
        ...

    async def find(self, key: str) -> Found | None: ...

    async def set(self, key: str, text: bytes, ttl: float) -> None: ...

    async def begin_renewal(self, key: str, found: Found) -> Callable[[], object] | None:
        """None if what was found is being renewed, or is there no longer; else what ends that."""
        ...

    async def renew(self, key: str, text: bytes, ttl: float, found: Found) -> bool:
        """Replaces what was found; False if it is gone, or another has come, meanwhile."""
        ...

    async def delete(self, key: str) -> bool: ...

    async def get_many(self, keys: Iterable[str]) -> list[bytes | None]:
        """In the order of the keys."""
        ...

    async def set_many(self, texts: Mapping[str, bytes], ttl: float) -> int:
        """The number stored."""
        ...

    async def invalidate(self, selection: Selection) -> int: ...

    async def invalidate_pattern(self, pattern: str) -> int: ...

    async def size(self) -> int: ...

    async def cleanup_expired(self) -> int: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...

    @property
    def evictions(self) -> int:
        """Live entries forgotten to make room, ever."""
        ...

    @property
    def sweeper(self) -> Sweeping: ...
