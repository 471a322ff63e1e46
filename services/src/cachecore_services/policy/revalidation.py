"""New decisions for those about to expire, fetched while the old are still served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from .decision import encoded
from .keys import Context, Part
from .metrics import PolicyMetrics
from .store import Found, Store

log = logging.getLogger("cachecore.policy")

#: Called with the parts of the question as they were asked.
Revalidate: TypeAlias = Callable[[Any, Any, Any, Context | None], Awaitable[Any]]


class Question(NamedTuple):
    user_id: Part
    action: Part
    resource: Part
    context: Context | None
    sensitivity: str | None


class Revalidation:
    """At most one question at a time for each key, whoever asks, how often, and in which event loop.

    The answer replaces the decision it was asked for and no other: if that was invalidated, or
    replaced, while the policy engine was thinking, the answer may be older than the reason for
    it, and is dropped.
    """

    def __init__(self, store: Store, metrics: PolicyMetrics) -> None:
        self.callback: Revalidate | None = None
        self._store = store
        self._metrics = metrics
        # The event loop itself holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, key: str, question: Question, found: Found, ttl: float) -> None:
        """Starts a task on the running loop, if the store says that it is for this caller to do."""
        ask = self.callback
        if ask is None:
            return
        try:
            end = await self._store.begin_renewal(key, found)
        except Exception as error:
            self._failed(error)
            return
        if end is None:
            return
        answer = self._renew(ask, key, question, found, ttl)
        task = asyncio.get_running_loop().create_task(answer, name="revalidate")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: end())  # also of a task that never began

    async def _renew(
        self, ask: Revalidate, key: str, question: Question, found: Found, ttl: float
    ) -> None:
        try:
            decision = await ask(*question[:4])
            if decision is None:
                return
            if await self._store.renew(key, encoded(decision), ttl, found):
                self._metrics.revalidated()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._metrics.error("revalidate")
        fields = {"error": str(error), "error_type": type(error).__name__}
        log.warning("policy_cache_revalidation_error", extra=fields)

    async def close(self) -> None:
        """Cancels what is under way on this loop and waits for its end."""
        self.callback = None
        here = asyncio.get_running_loop()
        tasks = [task for task in list(self._tasks) if task.get_loop() is here]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
