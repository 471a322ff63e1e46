"""What ``TieredCache`` and ``AsyncTieredCache`` have in common: everything but waiting.

What has to be said to the server is written once, as generators: each yields a list of commands, is sent
the replies, and returns the result.  The one class runs them through a pipeline, the other awaits it.
"""

from __future__ import annotations

import logging
import os
import random
import weakref
from collections.abc import Generator, Iterable, Mapping
from time import monotonic
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from .. import _native, durations
from ..arguments import Key, key_bytes, natural, pairs, value_bytes
from ..cache import Cache
from ..claims import Claim, Status
from ..durations import Duration
from ..errors import ArgumentError, CacheCoreError, ClosedError
from ..serializers import Named, Serializer, functions
from .backlog import Backlog, Write
from .breaker import Breaker
from .commands import Command, Commands
from .errors import ServerAwayError
from .fetch import CLAIM_SECONDS, COMPUTE, Compute, Fetch, Found
from .floor import LONGEST, NOTHING, Floor
from .flusher import Flusher
from .health import Counters, Health, TierStats
from .keeper import Keeper
from .listener import Listener
from .tags import MARK_BYTE, tag_name, tag_names, unwrap, wrap
from .transport import Transport

V = TypeVar("V")
R = TypeVar("R")

Flow: TypeAlias = Generator[list[Command], list[Any], R]
Contents: TypeAlias = dict[bytes, bytes]

_log = logging.getLogger("cachecore.tiered")
_ABSENT: Final[Any] = object()

_tiers: weakref.WeakSet[Tier[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for tier in list(_tiers):
        tier._begin_anew()


os.register_at_fork(after_in_child=_after_fork)


class Tier(Generic[V]):
    """A cache here, and a server behind it."""

    _asynchronous = False

    def __init__(
        self,
        local: Cache[bytes, bytes],
        remote: Any,
        *,
        prefix: str | bytes = b"",
        serializer: Named | Serializer[Any] | None = None,
        local_ttl: Duration = 60.0,
        jitter: float = 0.1,
        max_lag: Duration = 2.0,
        stale_if_error: Duration | None = None,
        on_error: Literal["miss", "raise"] = "miss",
        queue_writes: int = 0,
        listen_on: Any = None,
    ) -> None:
        """Starts nothing; the first call starts the thread that listens.

        local: a cache of bytes without ``decode_keys``; with ``shared``, for all processes of the
            machine.  It stays the caller's, also to close, after the tier.
        remote: a client of redis-py or valkey-py, without ``decode_responses``; for Redis 6 and later,
            and Valkey.  Its timeouts and retries are those of reads and writes here.  No cluster.
        prefix: of the keys on the server.  Only changes to such keys are listened to.
        serializer: as of ``Cache``.
        local_ttl: most seconds that a value is served from here before the server is asked again; less
            if the server keeps it for less.
        jitter: each such time is shortened by a random part of up to this one, from 0 to 1.
        max_lag: nothing is served from here if the server has not told for so many seconds that
            nothing is missing.  So long may an old value be served where the connection is lost.
            The same in all processes.
        stale_if_error: while the server is away, values may be served for so many seconds more; None:
            they may not.
        on_error: what a read does that needs the server while that is away: find nothing, or raise
            ServerAwayError.
        queue_writes: so many writes wait in this process for a server that is away; 0: they raise
            ServerAwayError at once, as do those that find the queue full.
        listen_on: a synchronous client whose address the listener takes; None: that of ``remote``.
            An asynchronous client behind a Sentinel needs one.
        """
        if not isinstance(local, Cache) or local._dumps is not None or local._decode_keys:
            raise TypeError("local must be a Cache of bytes, without serializer and decode_keys")
        if on_error not in ("miss", "raise"):
            raise ValueError(f"on_error must be 'miss' or 'raise', not {on_error!r}")
        durations.jitter_permille(jitter)
        self.local = local
        self.remote = remote
        self._prefix = key_bytes(prefix) if prefix else b""
        self._dumps, self._loads = functions(serializer)
        self._cap = durations.ttl_ms(local_ttl, "local_ttl") / 1000
        self._jitter = jitter
        lag = durations.ttl_ms(max_lag, "max_lag") / 1000
        self._stale = None if stale_if_error is None else durations.ttl_ms(stale_if_error) / 1000
        self._raises = on_error == "raise"
        self._transport = Transport(remote, self._asynchronous, listen_on)
        self._commands = Commands(self._prefix)
        self._floor = Floor(local, self._prefix, lag)
        self._backlog = Backlog(natural(queue_writes, "queue_writes"))
        self._get_local = local.get
        self._closed = False
        self._equip()
        _tiers.add(self)

    def _equip(self) -> None:
        """What has locks or threads."""
        self._breaker, self._counters = Breaker(), Counters()
        self._fetch = Fetch(self.local, self._ask_for, self._stale, self._counters)
        self._compute = Compute(self.local, self._compute_for)
        timeout = 2 * self._floor.max_lag
        self._flusher = Flusher(
            self._transport,
            self._backlog,
            self._commands,
            forgetting(self.local, self._floor),
            self._counters,
            timeout,
        )
        local, transport, prefix = self.local, self._transport, self._prefix
        floor, counters = self._floor, self._counters

        def listener() -> Listener:
            return Listener(local, transport, prefix, floor, counters)

        self._keeper = Keeper(local, transport, prefix, floor, listener)
        weakref.finalize(self, self._keeper.stop, wait=False)

    def _begin_anew(self) -> None:
        """In the child of a fork: the threads are the parent's, and what is told is told to it."""
        self._keeper.leave()
        self._floor.forget()
        self._backlog.drop()
        self._equip()
        if self._closed:
            self._keeper.stop()
            self._flusher.stop()
            return
        try:
            self.local.shared_info()
        except ClosedError:
            return
        except CacheCoreError:  # the child has a copy, which nobody invalidates
            self._floor.remove()

    def _stop(self) -> None:
        self._closed = True
        self._keeper.stop()
        self._flusher.stop()
        self._floor.close()

    # -- Keys, values, lifetimes -----------------------------------------------------------------

    @staticmethod
    def _name_of(key: Key) -> bytes:
        name = key_bytes(key)
        if len(name) > LONGEST:
            raise ArgumentError(f"a key of a tier has {LONGEST} bytes at most, this one {len(name)}")
        return name

    def _content_of(self, value: Any) -> bytes:
        return value_bytes(value if self._dumps is None else self._dumps(value))

    def _value_of(self, content: bytes) -> Any:
        return content if self._loads is None else self._loads(content)

    def _lifetime(self, pttl: int, asked: float) -> float:
        """Seconds for which an answer may be kept here: never past its end on the server."""
        cap = self._cap * (1 - self._jitter * random.random()) if self._jitter else self._cap
        if pttl == -2:  # it has gone between the two commands
            return 0.0
        return cap if pttl == -1 else min(cap, pttl / 1000 - (monotonic() - asked))

    # -- What is here ----------------------------------------------------------------------------

    def _look(self) -> bytes | None:
        """The epoch to read under, looked at anew."""
        epoch = self._floor.look()
        if not self._keeper.running:
            self._keeper.start()
        return epoch

    def _epoch(self) -> bytes | None:
        epoch, until = self._floor.view
        return epoch if monotonic() < until else self._look()

    def peek(self, key: Key, default: Any = None) -> Any:
        """The value if it is here and may be served, else ``default``.  Never asks the server, and waits
        for nothing, in a task neither."""
        epoch = self._epoch()
        if epoch is None:
            return default
        content = self._checked(self._name_of(key), lambda name: self._get_local(epoch + name))
        return default if content is None else self._value_of(content)

    def _checked(self, name: bytes, find: Any) -> bytes | None:
        """The content without its envelope, if all its tags are there to agree; all by ``find``."""
        content: bytes | None = find(name)
        if content is None or content[:1] != MARK_BYTE:
            return content
        content, tokens = unwrap(content)
        agree = all(find(tag_name(tag)) == token for tag, token in tokens.items())
        return content if agree else None

    def _unanswered(self, names: Iterable[bytes], error: Exception) -> Contents:
        """What may be served of what the server was to be asked for, but is away."""
        found: Contents = {}
        fresh = self._floor.look()
        stale = None if self._stale is None else self._floor.last_epoch(self._stale)
        missing = False
        for name in names:
            if (write := self._waiting(name)) is not None:
                content = None if write.content is None else unwrap(write.content)[0]
                if content is not None:
                    found[name] = content
                continue
            content = None
            if fresh is not None:
                content = self._checked(name, lambda n: self._get_local(fresh + n))
            if content is None and stale is not None:
                content = self._checked(name, lambda n: self._find_stale(stale + n))
                self._counters.add("stale_served", content is not None)
            if content is None:
                missing = True
                self._counters.add("unanswered")
            else:
                found[name] = content
        if missing and self._raises:
            if isinstance(error, ServerAwayError):
                raise error
            raise ServerAwayError(f"the server could not be asked: {error}") from error
        return found

    def _find_stale(self, key: bytes) -> bytes | None:
        answer = self.local.get_or_claim(key)
        answer.claim.abandon()
        return answer.value

    # -- Reading ---------------------------------------------------------------------------------

    def _waiting(self, name: bytes) -> Write | None:
        """A write of this process that the server does not have yet."""
        return self._backlog.find(name) if self._backlog.limit else None

    def _load(self, name: bytes) -> Flow[Found]:
        """One key from the server."""
        asked = monotonic()
        self._counters.add("server_reads")
        content, pttl = yield self._commands.read(name)
        return self._found(content, pttl, asked)

    def _found(self, content: bytes | None, pttl: int, asked: float) -> Found:
        if content is None:
            return Found(None, self._lifetime(-1, asked))
        self._counters.add("server_hits")
        return Found(content, self._lifetime(pttl, asked))

    def _read(self, names: list[bytes]) -> Flow[Contents]:
        """Several keys, from here or in one pipeline, with their envelopes."""
        epoch = self._epoch()
        found: Contents = {}
        if epoch is not None:
            here = self.local.get_many([epoch + name for name in names])
            found = {key[len(epoch) :]: content for key, content in here.items()}
        wanted: dict[bytes, Claim | None] = {}
        for name in names:
            if name in found or name in wanted:
                continue
            if (write := self._waiting(name)) is not None:
                if write.content is not None:
                    found[name] = write.content
                continue
            claim = None
            if epoch is not None:
                # Who is asking for it already is not waited for: it is read, and not stored.
                answer = self.local.get_or_claim(epoch + name, claim_ttl=CLAIM_SECONDS)
                if answer.status is Status.ABSENT:
                    continue
                if answer.status is Status.FRESH and answer.value is not None:
                    found[name] = answer.value
                    continue
                claim = answer.claim
            wanted[name] = claim
        if wanted:
            asked = monotonic()
            self._counters.add("server_reads", len(wanted))
            replies = yield [command for name in wanted for command in self._commands.read(name)]
            for number, (name, claim) in enumerate(wanted.items()):
                answered = self._found(replies[2 * number], replies[2 * number + 1], asked)
                if answered.content is not None:
                    found[name] = answered.content
                if claim is not None:
                    self._fetch.keep(claim, name, answered)
        return found

    def _open_all(self, contents: Contents) -> Flow[Contents]:
        """The contents without their envelopes, of those whose tags have not been invalidated."""
        plain = {name: content for name, content in contents.items() if content[:1] != MARK_BYTE}
        tagged = {name: unwrap(contents[name]) for name in contents.keys() - plain.keys()}
        tags = {tag_name(tag) for _, tokens in tagged.values() for tag in tokens}
        current: Contents = {}
        if tags:
            current = yield from self._read(list(tags))
        for name, (content, tokens) in tagged.items():
            if all(current.get(tag_name(tag)) == token for tag, token in tokens.items()):
                plain[name] = content
        return plain

    def _read_open(self, names: list[bytes]) -> Flow[Contents]:
        contents = yield from self._read(names)
        opened = yield from self._open_all(contents)
        return opened

    # -- Writing ---------------------------------------------------------------------------------

    def _lifetime_ms(self, ttl: Duration | None) -> int | None:
        ms = durations.ttl_ms(ttl)
        return None if ms in (0, _native.TTL_NEVER) else ms

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
        yield from self._write(writes)

    def _write(self, writes: list[Write]) -> Flow[int]:
        """Brings writes to the server, or queues them; how many keys a removal has removed."""
        if not writes:
            return 0
        names = [write.name for write in writes]
        try:
            if self._backlog.limit and self._backlog.add(writes, only_behind=True):
                self._queued(writes)
                return 0
            commands = [self._commands.write(write) for write in writes]
            try:
                replies = yield [command for both in commands for command in both]
            except self._transport.away as error:
                if not self._backlog.limit:
                    raise away(error) from error
                self._backlog.add(writes)
                self._queued(writes)
                return 0
            return sum(reply for reply in replies[1::2] if type(reply) is int)
        finally:
            self._forget(names)  # also if it failed: it may have arrived

    def _queued(self, writes: list[Write]) -> None:
        self._counters.add("queued", len(writes))
        self._flusher.kick()

    def _forget(self, names: list[bytes]) -> None:
        forgetting(self.local, self._floor)(names)

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
            for epoch in (*self._floor.epochs(), COMPUTE):
                self.local.delete_prefix(epoch + start)
        return removed

    def _delete_tag(self, tag: str | bytes) -> Flow[None]:
        (name,) = tag_names([tag])
        yield from self._write([Write(tag_name(name), None, None)])

    # -- Computing -------------------------------------------------------------------------------

    def _guard(self, name: bytes, tags: list[bytes]) -> Flow[tuple[bytes, dict[bytes, bytes]] | None]:
        """What a computation needs to be stored; None: the server is away, and it will not be."""
        try:
            replies = yield [*self._commands.guard(name), *self._commands.tokens(tags)]
        except self._transport.errors:
            return None
        return replies[1], dict(zip(tags, replies[3::2], strict=True))

    def _store_guarded(
        self, name: bytes, value: Any, ttl: Duration | None, guard: tuple[bytes, dict[bytes, bytes]]
    ) -> Flow[None]:
        token, tokens = guard
        write = Write(name, wrap(self._content_of(value), tokens), self._lifetime_ms(ttl))
        try:
            (stored,) = yield self._commands.store_guarded(write, token)
        except self._transport.errors:
            return  # the caller has the value all the same
        finally:
            self._forget([name])
        if not stored:
            self._counters.add("late_refused")

    def _ask_for(self, name: bytes) -> Any:
        raise NotImplementedError

    def _compute_for(self, name: bytes, compute: Any, ttl: Duration | None, tags: list[bytes]) -> Any:
        raise NotImplementedError

    # -- The server ------------------------------------------------------------------------------

    def _allowed(self) -> None:
        if self._closed:
            raise ClosedError("the tier is closed")
        if not self._breaker.allows():
            raise ServerAwayError("the server does not answer, and is asked again in a while")

    def _failed(self, error: Exception) -> None:
        self._counters.add("errors")
        if isinstance(error, self._transport.away):
            self._breaker.failed()

    # -- How it does -----------------------------------------------------------------------------

    def health(self) -> Health:
        """How the tier does at this moment.  Never asks the server."""
        state = self._floor.state()
        lag = None if state is None or state.synced_at == NOTHING else monotonic() - state.synced_at
        return Health(
            synced=lag is not None and lag < self._floor.max_lag,
            lag=lag,
            listening=self._keeper.listening,
            server_away=self._breaker.open,
            queued=len(self._backlog),
            error=self._keeper.error,
        )

    def stats(self) -> TierStats:
        return self._counters.read()


def away(error: Exception) -> ServerAwayError:
    """What the caller is told if a write could not be made."""
    return error if isinstance(error, ServerAwayError) else ServerAwayError(f"the write was not made: {error}")


def forgetting(local: Cache[bytes, bytes], floor: Floor) -> Any:
    """The function that removes keys from the local cache, and voids the claims of who computes or
    fetches them."""

    def forget(names: list[bytes]) -> None:
        keys = [epoch + name for epoch in (*floor.epochs(), COMPUTE) for name in names]
        try:
            local.delete_many(keys)
        except ClosedError:
            raise
        except CacheCoreError as error:  # behind a stopped process: nobody sees the older value
            _log.debug("keys could not be removed: %s", error)

    return forget
