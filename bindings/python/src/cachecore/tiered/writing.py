"""What a tier tells the server when it writes, and when it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from .. import durations
from .._native import TTL_NEVER
from ..arguments import Key, key_bytes, pairs
from ..durations import Duration
from .backlog import Write
from .errors import ServerAwayError
from .reading import Reading
from .tags import tag_name, tag_names, wrap
from .tier import Flow

V = TypeVar("V")


class Guard(NamedTuple):
    """What a computation begins with."""

    token: bytes
    tokens: dict[bytes, bytes]  #: of its tags
    content: bytes | None  #: what somebody has stored in the meantime


class Writing(Reading[V]):
    """The part of a tier that writes and computes."""

    def _lifetime_ms(self, ttl: Duration | None) -> int | None:
        ms = durations.ttl_ms(ttl)
        return None if ms in (0, TTL_NEVER) else ms

    def _tokens(self, tags: list[bytes]) -> Flow[dict[bytes, bytes]]:
        if not tags:
            return {}
        replies = yield self._commands.tokens(tags)
        return dict(zip(tags, replies[1::2], strict=True))

    def _store(
        self, values: Mapping[Any, Any], ttl: Duration | None, tags: Iterable[str | bytes]
    ) -> Flow[None]:
        """``set`` and ``set_many``."""
        ttl_ms, names = self._lifetime_ms(ttl), tag_names(tags)
        contents = {self._name_of(key): self._content_of(value) for key, value in pairs(values)}
        try:
            tokens = yield from self._tokens(names)
        except self._transport.away as error:
            raise away(error) from error
        writes = [Write(name, wrap(content, tokens), ttl_ms) for name, content in contents.items()]
        yield from self._write(writes, names)

    def _write(self, writes: list[Write], tags: Iterable[bytes] = ()) -> Flow[int]:
        """Brings writes to the server, or queues them; how many keys a removal has removed.

        tags: those that have been made for it, whose absence may be known here.
        """
        if not writes:
            return 0
        names = [*(write.name for write in writes), *map(tag_name, tags)]
        try:
            if self._backlog.limit and self._backlog.add(writes, only_behind=True):
                self._queued(writes)
                return 0
            try:
                _, *replies = yield self._commands.write(writes)
            except self._transport.away as error:
                if not self._backlog.limit:
                    raise away(error) from error
                self._backlog.add(writes)
                self._queued(writes)
                return 0
            return sum(reply for reply in replies if type(reply) is int)
        finally:
            self._forget(names)  # also if it failed: it may have arrived

    def _queued(self, writes: list[Write]) -> None:
        self._counters.add("queued", len(writes))
        self._flusher.kick()

    def _delete(self, keys: Iterable[Key]) -> Flow[int]:
        removed = yield from self._write([Write(self._name_of(key), None, None) for key in keys])
        return removed

    def _delete_prefix(self, prefix: Key) -> Flow[int]:
        start, removed = key_bytes(prefix), 0
        try:
            for guards in (True, False):
                cursor = None
                while cursor != 0:
                    ((cursor, keys),) = yield [self._commands.scan(start, cursor or 0, guards)]
                    if keys:
                        (count,) = yield [("UNLINK", *keys)]
                        removed += 0 if guards else count
        except self._transport.away as error:
            raise away(error) from error
        finally:
            for epoch in (*self._floor.epochs(), self._floor.computing):
                self.local.delete_prefix(epoch + start)
        return removed

    def _delete_tag(self, tag: str | bytes) -> Flow[None]:
        (name,) = tag_names([tag])
        yield from self._write([Write(tag_name(name), None, None)])

    # -- Computing -------------------------------------------------------------------------------

    def _guard(self, name: bytes, tags: list[bytes]) -> Flow[Guard | None]:
        """What a computation needs to be stored; None: the server is away, and it will not be."""
        try:
            _, token, content, *replies = yield [*self._commands.guard(name), *self._commands.tokens(tags)]
            if content is not None:
                contents = yield from self._open_all({name: content})
                content = contents.get(name)
        except self._transport.errors:
            return None
        return Guard(token, dict(zip(tags, replies[1::2], strict=True)), content)

    def _store_guarded(
        self, name: bytes, value: Any, ttl: Duration | None, guard: Guard
    ) -> Flow[None]:
        write = Write(name, wrap(self._content_of(value), guard.tokens), self._lifetime_ms(ttl))
        try:
            (stored,) = yield self._commands.store_guarded(write, guard.token)
        except self._transport.errors:
            return  # the caller has the value all the same
        finally:
            self._forget([name, *map(tag_name, guard.tokens)])
        if not stored:
            self._counters.add("late_refused")


def away(error: Exception) -> ServerAwayError:
    """What the caller is told if a write could not be made."""
    return error if isinstance(error, ServerAwayError) else ServerAwayError(f"the write was not made: {error}")
