"""A function that is run where a cache has no value: once, for all who want the same one at the same time.

Who runs it, and whether the result may still be stored, is the engine's to say (claims.py); what comes
of it goes to all who wait (flight.py).  What was invalidated while it was computed is given to
those who asked before, and is not stored; who asks later is given a claim of his own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from . import _native, scratch
from .cached_call import CachedCall
from .callables import is_awaitable
from .claims import Claim
from .errors import TimedOutError
from .flight import Flight, TaskFlight, ThreadFlight

_log = logging.getLogger("cachecore")

_ABSENT: Final = scratch.ABSENT
_PAUSE: Final = 0.05  # seconds of a wait for a claim whose computation is not known here
_PATIENCE: Final = 100  # such waits of one who is waited for himself: two processes may wait for each other


class SingleFlight:
    """A function, and the cache of what it returns.  For threads or, if it is async, for tasks."""

    def __init__(
        self,
        cache: Any,
        function: Callable[..., Any],
        *,
        early: bool = False,
        single_flight: bool = True,
        counted: bool = False,
    ) -> None:
        """cache: None if there is none, and nothing can miss.

        early: compute a value anew a little before its deadline.
        single_flight: who wants what is being computed waits for it; else he computes it, too.
        counted: ``get`` has counted a miss before, which is taken back.
        """
        self.cache = cache
        self.function = function
        self._early = early
        self._single_flight = single_flight
        self._counted = counted
        self.shared = 0  #: calls that somebody else's computation answered
        self.alone = 0  #: calls that computed what somebody else was computing
        #: Makes of this, a key and something to await for the value what the caller is given; None:
        #: that is a value like others.
        self.awaits: Callable[[Any, Any, Any], Any] | None = None

    def keep(self, claim: Claim, key: Any, value: Any) -> None:
        """Ends the claim, if it is held, by what was computed."""
        raise NotImplementedError

    def _answer(self, key: Any, flight: Flight) -> Any:
        """What somebody else has computed for this call."""
        self.shared += 1
        return flight.value

    def _claim(self) -> Claim:
        # It stands until it is ended: flight.py says how that comes about.
        claim: Claim = self.cache._claim_type(
            self.cache, early=self._early, claim_ms=_native.TTL_NEVER
        )
        return claim

    def _ask(self, flight: Flight, key: Any) -> tuple[int, Any]:
        flight.under_way.add(flight)
        try:
            status, value = flight.claim.ask(key)
        except TimedOutError:
            # Behind a process that is stopped, in a shared cache: each computes, and keeps nothing.
            return _native.CLAIMED, None
        if flight.claim.held:
            flight.under_way.claimed(flight)
        return status, value

    # -- Threads ---------------------------------------------------------------------------------

    def miss(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The value that is there by now, or that the function returns."""
        mine, value = self.begin(key, args, kwargs)
        if mine is None:
            return value
        try:
            try:
                value = self.function(*args, **kwargs)
            except BaseException as error:
                self.failed(mine, error)
                raise
            return self.done(mine, key, value)
        finally:
            del mine  # which has the exception, whose traceback has this frame

    def begin(
        self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[ThreadFlight | None, Any]:
        """None and a value; or a flight, whose function the caller runs, and then calls ``done`` or ``failed``."""
        if self._counted:
            self.cache._spared_misses -= 1  # whoever is given the claim is counted as one
        mine = ThreadFlight(self._claim(), self.cache._under_way, _OWNERS)
        try:
            value = self._board(mine, key, args, kwargs)
            if value is _ABSENT:
                return mine, None
        except BaseException as error:
            self.failed(mine, error)
            del mine  # which has the exception, whose traceback has this frame
            raise
        mine.land()
        return None, value

    def done(self, mine: ThreadFlight, key: Any, value: Any) -> Any:
        """The function has returned; what the caller is given."""
        try:
            if self.awaits is not None and is_awaitable(value):
                return self.awaits(self, key, value)
            self.keep(mine.claim, key, value)
            mine.value = value
            mine.worked = True
            return value
        except Exception as error:
            mine.fail(error)
            raise
        finally:
            mine.land()
            del mine

    def failed(self, mine: ThreadFlight, error: BaseException) -> None:
        """The function has not."""
        try:
            if isinstance(error, Exception):
                mine.fail(error)
        finally:
            mine.land()
            del mine

    def _board(
        self, mine: ThreadFlight, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A value, perhaps of another's flight, or what that raised; ABSENT: the caller computes."""
        left = _PATIENCE
        while True:
            status, value = self._ask(mine, key)
            if status == _native.CLAIMED:
                mine.take_off()
                return _ABSENT
            if status != _native.PENDING:
                if mine.claim.held:
                    self._refresh(mine, key, args, kwargs)
                return value
            flight = mine.under_way.find(mine.claim.seen) if self._single_flight else mine
            if flight is None and (left or mine.parent is None):
                left -= not mine.claim.wait(_PAUSE) and left > 0
                continue
            if flight is None or flight is mine or flight.would_wait_for_itself(blocking=True):
                self.alone += 1
                return _ABSENT
            flight.wait()
            if flight.worked:
                return self._answer(key, flight)
            if flight.failure is not None:
                raise flight.failure.copy()

    def _refresh(
        self, elected: ThreadFlight, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Has a thread of its own compute, for the claim of the flight that was elected."""
        mine = ThreadFlight(elected.claim, elected.under_way, {SingleFlight._refresh.__code__})
        elected.claim, mine.parent = self._claim(), None
        mine.under_way.claimed(mine)

        def work() -> None:
            mine.own(work.__code__)
            try:
                mine.take_off()
                value = self.function(*args, **kwargs)
                self.keep(mine.claim, key, value)
                mine.value = value
                mine.worked = True
            except Exception as error:
                mine.fail(error)
                _log_refresh(error)
            finally:
                mine.land()

        try:
            threading.Thread(target=work, name="cachecore refresh", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter ends
            mine.land()

    # -- Tasks -----------------------------------------------------------------------------------

    def miss_async(
        self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """As ``miss``, awaiting the function."""
        return self.miss_awaiting(key, lambda: self.function(*args, **kwargs))

    async def miss_awaiting(self, key: Any, begin: Callable[[], Awaitable[Any]]) -> Any:
        """The same for what ``begin`` returns, which is called at most once."""
        if self._counted:
            self.cache._spared_misses -= 1

        async def compute(claim: Claim) -> Any:
            value = await begin()
            self.keep(claim, key, value)
            return value

        left = _PATIENCE
        while True:
            mine = TaskFlight(self._claim(), self.cache._under_way)
            try:
                status, value = self._ask(mine, key)
                if status == _native.CLAIMED:
                    mine.start(compute)
                elif mine.claim.held:
                    self._refresh_in_task(mine, compute)
            finally:
                if mine.task is None:
                    mine.land()
            if mine.task is not None and status == _native.CLAIMED:
                await mine.join()
                return mine.task.result()
            if status != _native.PENDING:
                return value
            flight = mine.under_way.find(mine.claim.seen) if self._single_flight else mine
            if flight is None and (left or mine.parent is None):
                left -= not await mine.claim.wait_async(_PAUSE) and left > 0
                continue
            if flight is None or flight is mine or flight.would_wait_for_itself(blocking=False):
                self.alone += 1
                return await compute(mine.claim)
            await flight.join()
            if flight.worked:
                return self._answer(key, flight)
            if flight.failure is not None:
                raise flight.failure.copy()

    def _refresh_in_task(self, mine: TaskFlight, compute: Callable[[Claim], Any]) -> None:
        mine.callers.add(self)  # who does not leave
        mine.parent = None
        task = mine.start(compute)
        _refreshes.add(task)  # a loop alone does not keep its tasks
        task.add_done_callback(_refreshes.discard)
        task.add_done_callback(_note_refresh)


# In whose frames a flight is ``mine`` as long as somebody computes; but for ``computing``.
_OWNERS: Final = {
    function.__code__
    for function in (SingleFlight.miss, SingleFlight.begin, SingleFlight.done, SingleFlight.failed)
} | {call.__code__ for call in (CachedCall.__call__,)}

_refreshes: set[asyncio.Task[Any]] = set()


def _note_refresh(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log_refresh(task.exception())


def _log_refresh(error: BaseException | None) -> None:
    _log.error("a refresh failed: the stale value stays", exc_info=error)
