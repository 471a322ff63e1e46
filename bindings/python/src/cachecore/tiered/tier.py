"""What ``TieredCache`` and ``AsyncTieredCache`` have in common: everything but waiting.

What has to be said to the server is written once, as generators: each yields a list of commands, is sent
the replies, and returns the result.  The one class runs them through a pipeline, the other awaits it.
"""

from __future__ import annotations

import logging
import os
import random
import weakref
from collections.abc import Callable, Generator, Iterable
from time import monotonic
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from .. import durations
from ..arguments import Key, key_bytes, natural, value_bytes
from ..cache import Cache
from ..durations import Duration
from ..errors import ArgumentError, CacheCoreError, ClosedError, TimedOutError
from ..serializers import Named, Serializer, functions
from .backlog import Backlog, Write
from .breaker import Breaker
from .commands import Command, Commands
from .errors import ServerAwayError
from .fetch import Compute, Fetch
from .floor import LONGEST, NOTHING, Floor
from .flusher import Flusher
from .health import Counters, Health, TierStats
from .keeper import Keeper
from .listener import Listener
from .options import DEFAULTS, Options
from .tags import MARK_BYTE, tag_name, unwrap
from .transport import Transport

T = TypeVar("T")
V = TypeVar("V")
R = TypeVar("R")

Flow: TypeAlias = Generator[list[Command], list[Any], R]
Contents: TypeAlias = dict[bytes, bytes]

_log = logging.getLogger("cachecore.tiered")
ABSENT: Final[Any] = object()  #: stands for no value where None is one
_LONGEST: Final = 1e9

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
        serializer: Named | Serializer[Any] | None,
        options: Options,
    ) -> None:
        given = {**DEFAULTS, **options}
        if unknown := given.keys() - DEFAULTS.keys():
            raise TypeError(f"there is no option {', '.join(sorted(unknown))}")
        if not isinstance(local, Cache) or local._dumps is not None or local._decode_keys:
            raise TypeError("local must be a Cache of bytes, without serializer and decode_keys")
        if given["on_error"] not in ("miss", "raise"):
            raise ValueError(f"on_error must be 'miss' or 'raise', not {given['on_error']!r}")
        durations.jitter_permille(given["jitter"])
        self.local = local
        self.remote = remote
        self._prefix = key_bytes(given["prefix"])
        self._dumps, self._loads = functions(serializer)
        self._cap = seconds(given["local_ttl"], "local_ttl")
        self._jitter: float = given["jitter"]
        lag = seconds(given["max_lag"], "max_lag")
        stale = given["stale_if_error"]
        self._stale = None if stale is None else seconds(stale, "stale_if_error")
        self._raises = given["on_error"] == "raise"
        self._transport = Transport(remote, self._asynchronous, given["listen_on"])
        self._commands = Commands(self._prefix)
        self._floor = Floor(local, self._transport.address + b" " + self._prefix, lag)
        self._backlog = Backlog(natural(given["queue_writes"], "queue_writes"))
        self._hit = local._get_until
        self._closed = False
        self._equip()
        _tiers.add(self)

    def _equip(self) -> None:
        """What has locks or threads."""
        self._breaker, self._counters = Breaker(), Counters()
        self._fetch = Fetch(self.local, self._ask_for, self._stale, self._counters)
        self._compute = Compute(self.local, self._compute_for)
        self._forget = forgetting(self.local, self._floor)
        self._flusher = Flusher(
            self._transport,
            self._backlog,
            self._commands,
            self._forget,
            self._counters,
            timeout=2 * self._floor.max_lag,
        )
        local, transport, prefix = self.local, self._transport, self._prefix
        floor, counters = self._floor, self._counters

        def listener() -> Listener:
            return Listener(local, transport, prefix, floor, counters)

        self._keeper = Keeper(local, transport, floor, listener)
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

    def _hit_anew(self, key: Key) -> bytes | None:
        """Looks here again if what this process had seen of the state was too old to look at all."""
        if monotonic() < self._floor.view[1]:
            return None
        self._look()
        return self._hit(self._floor.view, key)

    @overload
    def peek(self, key: Key) -> V | None: ...
    @overload
    def peek(self, key: Key, default: T) -> V | T: ...
    def peek(self, key: Key, default: Any = None) -> Any:
        """The value if it is here and may be served, else ``default``.  Never asks the server, and waits
        for nothing, in a task neither."""
        content = self._hit(self._floor.view, key)
        if content is None:
            content = self._hit_anew(key)
        if content is not None and content[:1] != MARK_BYTE:
            return content if self._loads is None else self._loads(content)
        epoch = self._epoch()
        if epoch is None:
            return default
        content = self._checked(self._name_of(key), lambda name: self.local.get(epoch + name))
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
                content = self._checked(name, lambda n: self.local.get(fresh + n))
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
        try:
            answer = self.local.get_or_claim(key)
        except TimedOutError:  # behind a process that is stopped
            return None
        answer.claim.abandon()
        return answer.value

    def _waiting(self, name: bytes) -> Write | None:
        """A write of this process that the server does not have yet."""
        return self._backlog.find(name) if self._backlog.limit else None

    # -- The server ------------------------------------------------------------------------------

    def _ask_for(self, name: bytes) -> Any:
        raise NotImplementedError

    def _compute_for(self, name: bytes, compute: Any, ttl: Duration | None, tags: list[bytes]) -> Any:
        raise NotImplementedError

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


def seconds(duration: Duration, name: str) -> float:
    """A duration of at most some years, in whole milliseconds."""
    return min(durations.ttl_ms(duration, name) / 1000, _LONGEST)


def forgetting(local: Cache[bytes, bytes], floor: Floor) -> Callable[[list[bytes]], None]:
    """The function that removes keys from the local cache, and voids the claims of who computes or
    fetches them."""

    def forget(names: list[bytes]) -> None:
        keys = [epoch + name for epoch in (*floor.epochs(), floor.computing) for name in names]
        try:
            local.delete_many(keys)
        except ClosedError:
            raise
        except CacheCoreError as error:  # behind a stopped process: nobody sees the older value
            _log.debug("keys could not be removed: %s", error)

    return forget
