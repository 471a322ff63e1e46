"""The tier for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from ..arguments import Key
from ..cache import Cache
from ..durations import Duration
from ..serializers import Named, Serializer
from .commands import Command
from .fetch import Found
from .options import Options
from .tags import MARK_BYTE, tag_names
from .tier import ABSENT, Flow
from .writing import Writing

T = TypeVar("T")
V = TypeVar("V")
R = TypeVar("R")
K = TypeVar("K", bound=Key)


class TieredCache(Writing[V]):
    """A near cache before Valkey or Redis.  Any method may be called from any thread.

    Keys are bytes, or str for its UTF-8, and stand for ``prefix + key`` on the server.  Values are bytes,
    or what the serializer takes.

    Reads do not raise because the server is away, unless ``on_error="raise"``; writes raise
    ServerAwayError, unless they may be queued.  An error that the server answers a write with is raised
    as the client raises it.
    """

    @overload
    def __init__(
        self: TieredCache[bytes],
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        serializer: None = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: TieredCache[str],
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        serializer: Literal["str"],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: TieredCache[Any],
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        serializer: Literal["json", "pickle"],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: TieredCache[T],
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        serializer: Serializer[T],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        serializer: Named | Serializer[Any] | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Starts nothing; the first call starts the thread that listens.

        local: a cache of bytes without ``decode_keys``; with ``shared``, for all processes of the
            machine.  It stays the caller's, also to close, after the tier.
        remote: a client of redis-py or valkey-py, without ``decode_responses``, of Redis 6 or later, or
            Valkey.  Its timeouts and retries are those of reads and writes here.  No cluster.
        serializer: as of ``Cache``.
        options: see ``Options``.
        """
        super().__init__(local, remote, serializer, options)

    @overload
    def get(self, key: Key) -> V | None: ...
    @overload
    def get(self, key: Key, default: T) -> V | T: ...
    def get(self, key: Key, default: Any = None) -> Any:
        """The value, from here or from the server, or ``default``.

        Of all who miss the same key on this machine, one asks the server.
        """
        content = self._hit(self._floor.view, key)
        if content is None:
            content = self._hit_anew(key)
        if content is not None and content[:1] != MARK_BYTE:
            return content if self._loads is None else self._loads(content)
        return self._get_slowly(self._name_of(key), default)

    def _get_slowly(self, name: bytes, default: Any) -> Any:
        try:
            content = self._from_server(name)
            if content is not None and content[:1] == MARK_BYTE:
                content = self._run(self._open_all({name: content})).get(name)
        except self._transport.errors as error:
            content = self._unanswered([name], error).get(name)
        return default if content is None else self._value_of(content)

    def _from_server(self, name: bytes) -> bytes | None:
        if (write := self._waiting(name)) is not None:
            return write.content
        epoch = self._epoch()
        if epoch is None:  # nothing may be kept, so nothing may be shared
            return self._ask_for(name).content
        found = self._fetch.miss(epoch + name, (name,), {})
        content: bytes | None = found.content if isinstance(found, Found) else found
        return content

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """The values of those keys that are there, under the keys as given.  What is not here is read
        from the server in one pipeline."""
        names = {key: self._name_of(key) for key in keys}
        try:
            contents = self._run(self._read_open(list(names.values())))
        except self._transport.errors as error:
            contents = self._unanswered(names.values(), error)
        return {key: self._value_of(contents[name]) for key, name in names.items() if name in contents}

    def set(
        self, key: Key, value: V, ttl: Duration | None = None, *, tags: Iterable[str | bytes] = ()
    ) -> None:
        """Stores the value on the server, for ``ttl`` seconds, None: without end; and forgets it here.

        tags: ``invalidate_tag`` of any of them gives the value up.
        """
        self._run(self._store({key: value}, ttl, tags))

    def set_many(
        self, values: Mapping[K, V], ttl: Duration | None = None, *, tags: Iterable[str | bytes] = ()
    ) -> None:
        """As ``set``, for all of a mapping, in one pipeline."""
        self._run(self._store(values, ttl, tags))

    def delete(self, key: Key) -> bool:
        """Removes the value from the server and from here; whether it was there (False if queued)."""
        return self._run(self._delete([key])) > 0

    def delete_many(self, keys: Iterable[Key]) -> int:
        """As ``delete``, in one pipeline; how many were there."""
        return self._run(self._delete(keys))

    def delete_prefix(self, prefix: Key) -> int:
        """Removes all whose key begins so; how many.  The server goes through all its keys for that:
        where it has many, tags are cheaper."""
        return self._run(self._delete_prefix(prefix))

    def invalidate_tag(self, tag: str | bytes) -> None:
        """Gives up all values that were stored with the tag, with one command, however many they are."""
        self._run(self._delete_tag(tag))

    @overload
    def get_or_set(
        self,
        key: Key,
        compute: Callable[[], V],
        ttl: Duration | None = None,
        *,
        tags: Iterable[str | bytes] = (),
    ) -> V: ...
    @overload
    def get_or_set(
        self,
        key: Key,
        compute: Callable[[], T],
        ttl: Duration | None = None,
        *,
        tags: Iterable[str | bytes] = (),
    ) -> V | T: ...
    def get_or_set(
        self,
        key: Key,
        compute: Callable[[], Any],
        ttl: Duration | None = None,
        *,
        tags: Iterable[str | bytes] = (),
    ) -> Any:
        """The value; if there is none, what ``compute()`` returns, which is stored on the server.

        Of all who miss the same key on this machine, one computes.  What was set or deleted through a tier
        while it was computed, on any machine, is not stored, and is returned to those who asked before;
        nor is what takes more than a minute to compute, or None.  If the server is away, the value is
        returned and not stored.
        """
        name = self._name_of(key)
        value = self.peek(name, ABSENT)
        if value is not ABSENT:
            return value
        self._lifetime_ms(ttl)  # before it is computed in vain
        return self._compute.miss(self._floor.computing + name, (name, compute, ttl, tag_names(tags)), {})

    def _compute_for(self, name: bytes, compute: Any, ttl: Duration | None, tags: list[bytes]) -> Any:
        value = self._get_slowly(name, ABSENT)
        if value is not ABSENT:
            return value
        guard = self._run(self._guard(name, tags))
        if guard is not None and guard.content is not None:
            return self._value_of(guard.content)
        value = compute()
        if guard is not None and value is not None:
            self._run(self._store_guarded(name, value, ttl, guard))
        return value

    # -- The server ------------------------------------------------------------------------------

    def _ask_for(self, name: bytes) -> Found:
        return self._run(self._load(name))

    def _run(self, flow: Flow[R]) -> R:
        """Runs what is to be said to the server."""
        try:
            commands = next(flow)
            while True:
                try:
                    replies = self._execute(commands)
                except BaseException as error:
                    commands = flow.throw(error)
                else:
                    commands = flow.send(replies)
        except StopIteration as stop:
            result: R = stop.value
            return result

    def _execute(self, commands: list[Command]) -> list[Any]:
        self._allowed()
        try:
            with self.remote.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                replies: list[Any] = pipeline.execute()
        except self._transport.errors as error:
            self._failed(error)
            raise
        self._breaker.worked()
        return replies

    # -- Closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the threads of the tier; another process of the machine listens then.  What waits to be
        written is lost.  The local cache and the client stay open, and are the caller's."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
