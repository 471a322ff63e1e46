"""The policy cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ..errors import InvalidationError
from .decision import Decision, decoded, encoded
from .decisions import Decisions
from .keys import Context, Part, Selection, decision_key
from .revalidation import Revalidate
from .store import Unavailable

if TYPE_CHECKING:
    from cachecore.contrib.cleanup import Sweeping

log = logging.getLogger("cachecore.policy")

#: ``await evaluate()`` is a decision.
Evaluate: TypeAlias = Callable[[], Awaitable[Decision]]


class _Unkept(Exception):  # noqa: N818  # it tells who waits of a decision that cannot be stored
    def __init__(self, decision: Decision, error: Exception | None) -> None:
        super().__init__(decision, error)
        self.decision, self.error = decision, error


class PolicyCache(Decisions):
    """Remembers what a policy engine decided: ``await cache.get("ann", "read", "file:1")``.

    A cache that fails must not stop an authorization: the asynchronous methods but for these raise
    nothing.  A failure is counted by operation, logged as a warning, and answered like an empty cache
    would: None, False, 0.  ``invalidate`` and ``invalidate_pattern`` raise InvalidationError: nobody may
    take a failure for "there was nothing to forget".  ``clear_all`` is False then, and ``delete`` is False
    for either.  What ``get_or_evaluate`` is told to evaluate may raise.

    Users, actions and resources are str, int, UUID or members of an Enum; 7 and "7" are one user, as
    are a UUID and its text.  A decision about anything else is not stored and not found: that is a
    failure as above, and the log says why.

    With the engine's store any method may be called from any thread and event loop, and none
    of get, set, delete and their batches ever waits.  Lifetimes are seconds.
    """

    # -- Evaluating ------------------------------------------------------------------------------

    async def get_or_evaluate(
        self,
        user_id: Part,
        action: Part,
        resource: Part,
        evaluate: Evaluate,
        context: Context | None = None,
        sensitivity: str | None = None,
    ) -> Decision:
        """The decision; if there is none, what ``await evaluate()`` says, which is stored.

        Of all who ask for it at the same time, in any event loop, one evaluates and the others wait for that; what
        it raises, each of them raises.  What is invalidated, deleted or set while it is evaluated is returned
        to those who asked before, and is not stored: with ``get``, then ``set`` it would be.

        None, or what is not JSON, is returned and not stored.  One who is cancelled leaves the evaluation to the
        others.  Where the cache fails, each evaluates.
        """
        if not self.enabled:
            return await evaluate()
        began = perf_counter_ns()
        try:
            key = decision_key(user_id, action, resource, context)
            may_be_there = self.store.may_have(key)
        except Exception as error:
            self._failed_get(error, perf_counter_ns() - began)
            return await evaluate()
        if may_be_there:
            decision = await self.get(user_id, action, resource, context, sensitivity)
            if decision is not None:
                return decision
        else:
            self.metrics.lookup("miss", perf_counter_ns() - began)
        return await self._evaluated(key, evaluate, self._get_ttl_for_sensitivity(sensitivity))

    async def _evaluated(self, key: str, evaluate: Evaluate, ttl: float) -> Decision:
        made: list[Decision] = []  # here, and not by another caller

        async def text() -> bytes:
            decision = await evaluate()
            made.append(decision)
            if decision is None:
                raise _Unkept(None, None)
            try:
                return encoded(decision)
            except (TypeError, ValueError, RecursionError) as error:
                raise _Unkept(decision, error) from None

        while True:
            try:
                found = await self.store.get_or_evaluate(key, text, ttl, self._kept)
            except _Unkept as unkept:
                if made and unkept.error is not None:
                    self._failed("set", unkept.error, None)
                return unkept.decision
            except Unavailable as error:
                self._failed("set", error, None)
                return made[0] if made else await evaluate()
            except asyncio.CancelledError:
                here = asyncio.current_task()
                if here is not None and here.cancelling():
                    raise
                continue  # somebody has cancelled the evaluation, and not this caller
            try:
                return decoded(found)
            except ValueError:  # nothing of ours, as ``get`` has said
                await self.store.delete(key)

    def _kept(self, error: Exception | None) -> None:
        self.kept_last = error is None
        if error is not None:
            self._failed("set", error, None)

    # -- Forgetting ------------------------------------------------------------------------------

    async def invalidate(
        self,
        user_id: Part | None = None,
        action: Part | None = None,
        resource: Part | None = None,
    ) -> int:
        """Removes the decisions of a user, an action, a resource, or any of these together.

        The number removed.  None stands for any: without an argument all decisions go.
        InvalidationError if some may still be there.
        """
        try:
            return await self.store.invalidate(Selection(user_id, action, resource))
        except Exception as error:
            raise self._not_forgotten("invalidate", error) from error

    async def invalidate_pattern(self, pattern: str) -> int:
        """Removes the decisions whose keys match a glob as Redis reads it; see keys.py.

        InvalidationError if some may still be there.
        """
        try:
            return await self.store.invalidate_pattern(pattern)
        except Exception as error:
            raise self._not_forgotten("invalidate_pattern", error) from error

    def _not_forgotten(self, operation: str, error: Exception) -> InvalidationError:
        return self._failed(operation, error, InvalidationError("decisions may still be there"))

    async def clear_all(self) -> bool:
        """Removes every decision; whether that succeeded."""
        try:
            removed = await self.store.invalidate(Selection())
        except Exception as error:
            return self._failed("clear", error, False)
        log.warning("policy_cache_cleared", extra={"entries": removed})
        return True

    clear = clear_all

    async def cleanup_expired(self) -> int:
        """Removes what has expired, now; its number.  A CacheCleanupTask does that regularly."""
        try:
            return await self.store.cleanup_expired()
        except Exception as error:
            return self._failed("cleanup_expired", error, 0)

    async def get_cache_size(self) -> int:
        """The number of decisions that have not expired."""
        try:
            return await self.store.size()
        except Exception as error:
            return self._failed("size", error, 0)

    size = get_cache_size

    # -- Revalidation, metrics, health -----------------------------------------------------------

    def set_revalidate_callback(self, callback: Revalidate | None) -> None:
        """``await callback(user_id, action, resource, context)`` is a new decision, or None."""
        self._revalidation.callback = callback

    def record_opa_latency(self, latency_ms: float) -> None:
        """How long the policy engine took for one decision."""
        self.metrics.opa_query(latency_ms)

    def get_metrics(self) -> dict[str, Any]:
        """Counters since the cache was opened or ``reset_metrics``; see metrics.py.

        "evictions" are those of the engine: live decisions that had to make room.
        """
        return {
            **self.metrics.to_dict(),
            "evictions": self._evictions() - self._evictions_before,
            "implementation": self.store.implementation,
        }

    def reset_metrics(self) -> None:
        self.metrics.reset()
        self._evictions_before = self._evictions()
        log.info("policy_cache_metrics_reset")

    def _evictions(self) -> int:
        try:
            return self.store.evictions
        except Exception:  # closed
            return self._evictions_before

    async def health_check(self) -> bool:
        """Whether the store answers.  Stores nothing, counts nothing; a disabled cache is well."""
        if not self.enabled:
            return True
        try:
            await self.store.ping()
        except Exception as error:
            log.error("policy_cache_health_check_failed", extra={"error": str(error)})
            return False
        return True

    @property
    def sweeper(self) -> Sweeping:
        """What a CacheCleanupTask drives."""
        return self.store.sweeper

    # -- The end ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Cancels revalidations and closes the store: the engine's cache, or the connections."""
        await self._revalidation.close()
        try:
            await self.store.close()
        except Exception as error:
            self._report("policy_cache_close_error", error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
