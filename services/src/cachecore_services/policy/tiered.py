"""Decisions in the memory of this machine that an invalidation on any machine ends.

A decision bears the generation of its user, its action and its resource; see generations.py.  An invalidation
ends the one that it names, the user's before the resource's before the action's, and so other machines may
forget more than was asked for, and never less.  One that names none of them, or a pattern, ends everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ..generations import Generations
from .keys import Selection, key_parts
from .native import NativeStore
from .store import Found, Unavailable

if TYPE_CHECKING:
    from cachecore import Sweeper

#: Of what an entry begins with: four tokens in hexadecimal.
_SIZE: Final = 4 * 16


class TieredStore:
    """For one event loop."""

    implementation = "cachecore"
    get_now = None

    def __init__(self, store: NativeStore, generations: Generations) -> None:
        self._store, self._generations = store, generations

    async def _generation(self, key: str) -> bytes:
        """Unavailable if nobody can say."""
        generation = await self._generations.current(*_names(key))
        if generation is None:
            raise Unavailable("what other machines have invalidated is not known")
        return generation.encode()

    def may_have(self, key: str) -> bool:
        return self._store.may_have(key)

    async def get(self, key: str) -> bytes | None:
        generation = await self._generation(key)
        return _borne(await self._store.get(key), generation)

    async def get_or_evaluate(
        self,
        key: str,
        evaluate: Callable[[], Awaitable[bytes]],
        ttl: float,
        kept: Callable[[Exception | None], None],
    ) -> bytes:
        while True:
            generation = await self._generation(key)
            found = await self._store.get_or_evaluate(
                key, _bearing(generation, evaluate), ttl, kept
            )
            text = _borne(found, generation)
            if text is not None:
                return text
            await self._store.delete(key)  # evaluated before an invalidation, and not by this caller

    async def find(self, key: str) -> Found | None:
        generation = await self._generation(key)
        found = await self._store.find(key)
        text = None if found is None else _borne(found.text, generation)
        return None if found is None or text is None else found._replace(text=text)

    async def set(self, key: str, text: bytes, ttl: float) -> None:
        await self._store.set(key, await self._generation(key) + text, ttl)

    async def begin_renewal(self, key: str, found: Found) -> Callable[[], object] | None:
        return await self._store.begin_renewal(key, found)

    async def renew(self, key: str, text: bytes, ttl: float, found: Found) -> bool:
        """With the generation of what was found, which is older than the renewal."""
        before = self._store.cache.peek(key)  # if it is still that: else the version differs
        if before is None:
            return False
        return await self._store.renew(key, before[:_SIZE] + text, ttl, found)

    async def delete(self, key: str) -> bool:
        """All of the user's elsewhere."""
        try:
            return await self._store.delete(key)
        finally:
            await self._generations.end(_names(key)[:1])

    async def get_many(self, keys: Iterable[str]) -> list[bytes | None]:
        wanted = list(keys)
        generations = [await self._generation(key) for key in wanted]
        found = await self._store.get_many(wanted)
        return [_borne(text, generation) for text, generation in zip(found, generations)]

    async def set_many(self, texts: Mapping[str, bytes], ttl: float) -> int:
        bearing = {key: await self._generation(key) + text for key, text in texts.items()}
        return await self._store.set_many(bearing, ttl)

    async def invalidate(self, selection: Selection) -> int:
        user, action, resource = selection.parts
        named = [
            _name(kind, part)
            for kind, part in (("user", user), ("resource", resource), ("action", action))
            if part is not None
        ]
        try:
            return await self._store.invalidate(selection)
        finally:
            await self._generations.end(named[:1] or None)

    async def invalidate_pattern(self, pattern: str) -> int:
        try:
            return await self._store.invalidate_pattern(pattern)
        finally:
            await self._generations.end(None)

    async def size(self) -> int:
        return await self._store.size()

    async def cleanup_expired(self) -> int:
        return await self._store.cleanup_expired()

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()

    @property
    def evictions(self) -> int:
        return self._store.evictions

    @property
    def sweeper(self) -> Sweeper:
        return self._store.sweeper


def _name(kind: str, part: str) -> str:
    return f"{kind}:{part}"


def _names(key: str) -> list[str]:
    """ValueError for a key that is no decision's."""
    parts = key_parts(key)
    if parts is None:
        raise ValueError(f"not the key of a decision: {key!r:.80}")
    return [_name(kind, part) for kind, part in zip(("user", "action", "resource"), parts)]


def _bearing(
    generation: bytes, evaluate: Callable[[], Awaitable[bytes]]
) -> Callable[[], Awaitable[bytes]]:
    async def text() -> bytes:
        return generation + await evaluate()

    return text


def _borne(text: bytes | None, generation: bytes) -> bytes | None:
    """The decision, if it bears this generation."""
    return text[_SIZE:] if text is not None and text.startswith(generation) else None
