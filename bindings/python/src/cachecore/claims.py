"""Claims: who computes a missing value.

When many miss the same key at once, one of them is to compute the value, and the others wait for it or
are served the old one.  The engine says who, and whether what was computed may still be stored: a claim
is void once somebody has stored, deleted or cleared what it is for.  cachecore.h has the rules.

A ``Claim`` here is made before the engine is asked, which writes into it what it gives.  So none is lost
between two steps.
"""

from __future__ import annotations

import asyncio
import ctypes
import enum
from abc import abstractmethod
from collections.abc import Callable
from time import CLOCK_MONOTONIC, clock_gettime
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar

from . import _native, durations, scratch
from .arguments import Key, key_bytes, value_bytes
from .durations import NEVER, Duration
from .errors import CacheCoreError, ClosedError, StateError

V = TypeVar("V")

_SLICE: Final = 100  # milliseconds of a wait, after which signal handlers may run
_POLL_FIRST: Final = 0.001  # seconds to the first look of a waiting task, and at most
_POLL_LAST: Final = 0.05


class Status(enum.Enum):
    """What ``get_or_claim`` found."""

    FRESH = _native.OK  #: a value
    STALE = _native.STALE  #: a value past its deadline, in the window that it was stored with
    ABSENT = _native.ABSENT  #: there is known to be no value
    CLAIMED = _native.CLAIMED  #: nothing; the caller has the claim, and computes
    PENDING = _native.PENDING  #: nothing; somebody else computes


_STATUSES: Final = {status.value: status for status in Status}


class Claim:
    """Who computes the value of a key: the caller (``held``), or somebody else whose claim was seen.

    Who holds a claim ends it by ``fulfill``, ``fulfill_absent`` or ``abandon``.  As a context manager,
    it is abandoned at the end of the block unless it has been ended before; so is one of
    ``get_or_claim`` that is dropped.  Any thread may end a claim, but not two of them at once.
    """

    __slots__ = ("__weakref__", "_cache", "_key", "_state")

    _state: _native.Claim
    _state_type: ClassVar[type[_native.Claim]] = _native.Claim
    _blank: ClassVar[bytes] = bytes(_native.Claim())  # to copy it is quicker than to make one

    def __init__(self, cache: Any, *, early: bool = False, claim_ms: int = 0) -> None:
        self._cache = cache
        self._key: Any = b""
        self._state = self._state_type.from_buffer_copy(self._blank)
        if early:
            self._state.flags = _native.CLAIM_EARLY
        self._state.claim_ms = claim_ms

    @property
    def held(self) -> bool:
        """Whether the caller has the claim and has not ended it.  It may be void by now."""
        return bool(self._state.token)

    def ask(self, key: Any) -> tuple[int, Any]:
        """The native status, and the value if there is one."""
        self._key = key_bytes(key, self._cache._decode_keys)
        return self._cache._get_or_claim(self._key, self._state)  # type: ignore[no-any-return]

    # -- Waiting ---------------------------------------------------------------------------------

    @property
    def seen(self) -> int:
        """The token of the claim that was seen; 0: there was none."""
        return self._state.seen  # type: ignore[no-any-return]

    @property
    def stands(self) -> bool:
        """Whether the claim that was seen, the caller's or another's, is neither ended nor void."""
        return not self._wait(0)

    def wait(self, timeout: Duration | None = None) -> bool:
        """Waits until the claim that was seen no longer stands; False after ``timeout`` seconds.

        None: for as long as it takes.  Real time, whatever clock the cache has.  ClosedError if the
        cache is closed meanwhile.
        """
        end = _end(timeout)
        while True:
            left = max(0.0, end - clock_gettime(CLOCK_MONOTONIC))
            if self._wait(min(_SLICE, int(min(left, 1) * 1000))):
                return True
            if left == 0:
                return False

    async def wait_async(self, timeout: Duration | None = None) -> bool:
        """As ``wait``, for a task: it looks now and then, every 1 ms at first, every 50 ms later."""
        end, pause = _end(timeout), _POLL_FIRST
        while not self._wait(0):
            left = end - clock_gettime(CLOCK_MONOTONIC)
            if left <= 0:
                return False
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _POLL_LAST)
        return True

    def _wait(self, timeout_ms: int) -> bool:
        key, cache = self._name(), self._cache
        status = _native.claim_wait(
            cache._handle, key, len(key), ctypes.byref(self._state), timeout_ms
        )
        if status == _native.E_STATE:
            raise ClosedError("the cache is closed")
        if status < 0 and status != _native.E_TIMEOUT:
            raise cache._failure("cachecore_claim_wait", status, key)
        if cache.closed:
            raise ClosedError("the cache is closed")
        return bool(status == _native.OK)

    def _name(self) -> bytes:
        """What the engine knows the key by."""
        return bytes(self._key)

    # -- Ending ----------------------------------------------------------------------------------

    def fulfill(
        self, value: Any, ttl: Duration | None = None, *, stale: Duration | None = None
    ) -> bool:
        """Stores the value as ``set`` does; False, and nothing is stored, if the claim is void.

        stale: so many seconds past its deadline the value may still be served, while the next
            is computed.

        What ``set`` raises; the claim has then ended, unless an argument was wrong.  StateError for
        a claim that is not held.
        """
        self._state.stale_ms = self._stale_ms(stale)
        ttl_ms = durations.ttl_ms(ttl)
        status: int = self._cache._fulfill(self._key, value, ttl_ms, self._state)
        return status == _native.OK

    def _stale_ms(self, stale: Duration | None) -> int:
        if not self.held:
            raise StateError("the claim is not held: it was never given, or has been ended")
        return 0 if stale is None else durations.ttl_ms(stale, "stale")

    def fulfill_absent(self, ttl: Duration | None = None) -> bool:
        """Stores that there is no value, for ``ttl`` seconds; None: the cache's default, if it has one.

        Otherwise as ``fulfill``.  A value that is there is deleted.
        """
        self._state.stale_ms = self._stale_ms(None)
        status: int = self._cache._fulfill_absent(self._key, durations.ttl_ms(ttl), self._state)
        return status == _native.OK

    def abandon(self, retry: Duration | None = None) -> None:
        """Gives the claim up, if it is held: whoever asks next has it.

        retry: what is stale goes on being served for so many seconds before the next is elected.
        """
        if self.held:
            retry_ms = 0 if retry is None else durations.ttl_ms(retry, "retry")
            self._cache._abandon(self._key, retry_ms, self._state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abandon()

    def __repr__(self) -> str:
        return f"<cachecore.Claim {'held' if self.held else 'not held'}>"


class _Dropped(Claim):
    """A claim of ``get_or_claim``, which is abandoned when it is dropped."""

    __slots__ = ()

    def __del__(self) -> None:
        try:
            if self._state.token:
                self.abandon()
        except Exception:  # the cache is closed, or the interpreter ends
            return


def _end(timeout: Duration | None) -> float:
    if timeout is None or timeout == NEVER:
        return NEVER
    seconds = durations.timeout_ms(timeout) / 1000 if timeout else 0
    return clock_gettime(CLOCK_MONOTONIC) + seconds


class Answer(NamedTuple, Generic[V]):
    """What ``get_or_claim`` says."""

    status: Status
    value: V | None  #: of FRESH and STALE
    claim: Claim  #: what the caller holds (``claim.held``), or another's, to ``wait`` for


class Claims(Generic[V]):
    """What a cache of bytes can do about who computes."""

    __slots__ = ()

    def get_or_claim(
        self, key: Key, *, claim_ttl: Duration | None = None, early: bool = False
    ) -> Answer[V]:
        """As ``get``; but of all who find nothing one is given the claim, and computes the value::

            while (answer := cache.get_or_claim(key)).status is Status.PENDING:
                answer.claim.wait()
            value = answer.value
            with answer.claim as claim:
                if claim.held:  # nothing was there; or it is stale, and may be served meanwhile
                    value = compute()
                    claim.fulfill(value, ttl=60, stale=600)

        claim_ttl: after so many seconds the claim is void, and somebody else may have it; None: 30.
        early: have somebody compute a fresh value anew a little before its deadline.  Each who reads it
            is elected with a probability that rises with the time that it took to compute, and as
            the deadline comes closer.  To be given each time, also by who computes first.

        Never waits.  FRESH counts as a hit, STALE, ABSENT and CLAIMED as misses, PENDING as nothing.
        """
        claim_ms = 0 if claim_ttl is None else durations.ttl_ms(claim_ttl, "claim_ttl")
        claim = _Dropped(self, early=early, claim_ms=claim_ms)
        status, value = claim.ask(key)
        return Answer(_STATUSES[status], value, claim)

    # -- What a claim uses -----------------------------------------------------------------------

    _decode_keys: bool
    _handle: Any
    _dumps: Any
    _loads: Any

    peek: Callable[..., Any]

    @abstractmethod
    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int: ...

    @abstractmethod
    def _collect(self) -> None: ...

    @abstractmethod
    def _failure(self, name: str, status: int, key: Key = b"?") -> CacheCoreError: ...

    def _get_or_claim(self, key: bytes, claim: _native.Claim) -> tuple[int, Any]:
        room = scratch.take()
        while True:
            buffer, capacity, size, size_out = room
            status = _native.get_or_claim(
                self._handle, key, len(key), buffer, capacity, size_out, ctypes.byref(claim)
            )
            if status != _native.E_TOO_SMALL:
                break
            room = scratch.exchange(room)
            if not claim.flags:  # if it is fresh it has been counted
                value = self.peek(key, scratch.ABSENT)
                if value is not scratch.ABSENT:
                    scratch.give_back(room)
                    return _native.OK, value
        content = buffer[: size.value] if status in (_native.OK, _native.STALE) else None
        scratch.give_back(room)
        if status < 0:
            raise self._failure("cachecore_get_or_claim", status, key)
        if content is None or self._loads is None:
            return status, content
        return status, self._loads(content)

    def _fulfill(self, key: bytes, value: Any, ttl_ms: int, claim: _native.Claim) -> int:
        content = value_bytes(value if self._dumps is None else self._dumps(value))
        reference = ctypes.byref(claim)
        status = self._on(_native.fulfill, key, content, len(content), ttl_ms, reference)
        self._collect()
        return status

    def _fulfill_absent(self, key: bytes, ttl_ms: int, claim: _native.Claim) -> int:
        status = self._on(_native.fulfill_absent, key, ttl_ms, ctypes.byref(claim))
        self._collect()
        return status

    def _abandon(self, key: bytes, retry_ms: int, claim: _native.Claim) -> None:
        self._on(_native.abandon, key, retry_ms, ctypes.byref(claim))
