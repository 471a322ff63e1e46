"""Decisions stored and found, one by one and many together."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any, ClassVar, TypeAlias, TypeVar

from .decision import Decision, decoded, encoded
from .keys import KEY_PREFIX, Context, Part, decision_key
from .metrics import Outcome, PolicyMetrics
from .native import open_native_store
from .revalidation import Question, Revalidation
from .store import Store
from .ttl import (
    DEFAULT_TTL_SECONDS,
    OPTIMIZED_TTL,
    REVALIDATED,
    STALE_THRESHOLD_RATIO,
    ttl_for_sensitivity,
)

log = logging.getLogger("cachecore.policy")

T = TypeVar("T")

Lookup: TypeAlias = "tuple[Part, Part, Part, Context | None]"
Entry: TypeAlias = "tuple[Part, Part, Part, Decision, Context | None, float | None]"
Preload: TypeAlias = "tuple[Part, Part, Part, Decision, Context | None]"
Looked: TypeAlias = "tuple[Outcome, Decision | None]"


class Decisions:
    """What a PolicyCache does on the way of a request; see there."""

    KEY_PREFIX: ClassVar = KEY_PREFIX
    DEFAULT_MAX_SIZE: ClassVar = 10_000
    DEFAULT_TTL_SECONDS: ClassVar = DEFAULT_TTL_SECONDS
    OPTIMIZED_TTL: ClassVar = OPTIMIZED_TTL
    STALE_THRESHOLD_RATIO: ClassVar = STALE_THRESHOLD_RATIO

    def __init__(
        self,
        max_size: int | None = None,
        ttl_seconds: float | None = None,
        enabled: bool = True,
        use_optimized_ttl: bool = True,
        *,
        stale_while_revalidate: bool = True,
        store: Store | None = None,
    ) -> None:
        """Opens a cache of the engine, or uses a store that is there.

        max_size: most decisions held; None: 10000.
        ttl_seconds: lifetime of a decision of no known sensitivity; None: 300.
        enabled: False: nothing is stored and nothing found.
        use_optimized_ttl: look a sensitivity's lifetime up in OPTIMIZED_TTL.
        stale_while_revalidate: ask again, in the background, for decisions about to expire.

        RuntimeError if the engine's library cannot be loaded, ValueError for a bound or a lifetime
        that is not positive.
        """
        self.max_size = self.DEFAULT_MAX_SIZE if max_size is None else max_size
        self.ttl_seconds = self.DEFAULT_TTL_SECONDS if ttl_seconds is None else ttl_seconds
        self.enabled = enabled
        self.use_optimized_ttl = use_optimized_ttl
        self.stale_while_revalidate = stale_while_revalidate
        if not 0 < self.ttl_seconds < math.inf:
            raise ValueError("ttl_seconds must be greater than 0, and finite")
        self.store: Store = (
            open_native_store(self.max_size, self.ttl_seconds) if store is None else store
        )
        self.kept_last = True  #: whether the last decision that was evaluated could be stored
        self._get_now = self.store.get_now
        self.metrics = PolicyMetrics()
        self._revalidation = Revalidation(self.store, self.metrics)
        self._evictions_before = self.store.evictions  # the store's, when these metrics began
        fields = {"implementation": self.store.implementation, "ttl_seconds": self.ttl_seconds}
        log.info("policy_cache_initialized", extra={**fields, "enabled": enabled})

    # -- One decision ----------------------------------------------------------------------------

    async def get(
        self,
        user_id: Part,
        action: Part,
        resource: Part,
        context: Context | None = None,
        sensitivity: str | None = None,
    ) -> Decision | None:
        """The decision, or None.

        For a critical or confidential resource, in the last 30 % of its lifetime: the decision,
        and the revalidate callback is asked for a new one in the background.
        """
        if not self.enabled:
            return None
        if self._get_now is None or (sensitivity is not None and self._may_revalidate):
            question = Question(user_id, action, resource, context, sensitivity)
            return await self._get_measured(question)
        began = perf_counter_ns()
        try:
            text = self._get_now(decision_key(user_id, action, resource, context))
            decision = None if text is None else decoded(text)
        except Exception as error:
            self._failed_get(error, perf_counter_ns() - began)
            return None
        self.metrics.lookup("miss" if text is None else "hit", perf_counter_ns() - began)
        return decision

    @property
    def _may_revalidate(self) -> bool:
        return self._revalidation.callback is not None and self.stale_while_revalidate

    async def _get_measured(self, question: Question) -> Decision | None:
        began = perf_counter_ns()
        try:
            revalidates = self._may_revalidate and question.sensitivity in REVALIDATED
            look = self._get_or_revalidate if revalidates else self._get
            outcome, decision = await look(question)
        except Exception as error:
            self._failed_get(error, perf_counter_ns() - began)
            return None
        self.metrics.lookup(outcome, perf_counter_ns() - began)
        return decision

    async def _get(self, question: Question) -> Looked:
        text = await self.store.get(decision_key(*question[:4]))
        return ("miss", None) if text is None else ("hit", decoded(text))

    async def _get_or_revalidate(self, question: Question) -> Looked:
        key = decision_key(*question[:4])
        found = await self.store.find(key)
        if found is None:
            return "miss", None
        decision = decoded(found.text)
        ttl = self._get_ttl_for_sensitivity(question.sensitivity)
        lifetime = ttl if found.lifetime is None else found.lifetime
        if found.ttl >= lifetime * self.STALE_THRESHOLD_RATIO:
            return "hit", decision
        await self._revalidation.begin(key, question, found, ttl)
        return "stale hit", decision

    async def set(
        self,
        user_id: Part,
        action: Part,
        resource: Part,
        decision: Decision,
        context: Context | None = None,
        ttl_seconds: float | None = None,
        sensitivity: str | None = None,
    ) -> bool:
        """Stores a decision; whether it was stored.

        An explicit ``ttl_seconds`` goes before the sensitivity's; it must be greater than 0.
        """
        if not self.enabled:
            return False
        try:
            ttl = self._get_ttl_for_sensitivity(sensitivity) if ttl_seconds is None else ttl_seconds
            key = decision_key(user_id, action, resource, context)
            await self.store.set(key, encoded(decision), ttl)
        except Exception as error:
            return self._failed("set", error, False)
        return True

    async def delete(
        self, user_id: Part, action: Part, resource: Part, context: Context | None = None
    ) -> bool:
        """Removes a decision; whether there was one."""
        try:
            return await self.store.delete(decision_key(user_id, action, resource, context))
        except Exception as error:
            return self._failed("delete", error, False)

    # -- Many decisions --------------------------------------------------------------------------

    async def get_batch(self, requests: Iterable[Lookup]) -> list[Decision | None]:
        """Decisions for (user_id, action, resource, context), in the same order."""
        wanted = list(requests)
        if not self.enabled or not wanted:
            return [None] * len(wanted)
        began = perf_counter_ns()
        try:
            texts = await self.store.get_many(decision_key(*lookup) for lookup in wanted)
        except Exception as error:
            self.metrics.batch_read(0, 0, len(wanted), perf_counter_ns() - began)
            self._report("policy_cache_get_batch_error", error)
            return [None] * len(wanted)
        decisions: list[Decision | None] = []
        failures = 0
        for text in texts:
            try:
                decisions.append(None if text is None else decoded(text))
            except ValueError as error:
                failures += 1
                decisions.append(None)
                self._report("policy_cache_get_batch_error", error)
        misses = texts.count(None)
        hits = len(texts) - misses - failures
        self.metrics.batch_read(hits, misses, failures, perf_counter_ns() - began)
        return decisions

    async def set_batch(self, entries: Iterable[Entry]) -> int:
        """Stores (user_id, action, resource, decision, context, ttl_seconds) each.

        A lifetime of None is ``ttl_seconds`` of the cache.  The number stored: an entry that
        cannot be is counted as an error and does not keep the others out.
        """
        if not self.enabled:
            return 0
        by_ttl: dict[float, dict[str, bytes]] = {}
        for user_id, action, resource, decision, context, ttl_seconds in entries:
            ttl = self.ttl_seconds if ttl_seconds is None else ttl_seconds
            try:
                key = decision_key(user_id, action, resource, context)
                text = encoded(decision)
            except Exception as error:
                self._failed("set_batch", error, 0)
                continue
            for others in by_ttl.values():
                others.pop(key, None)  # of several under one key the last one counts
            by_ttl.setdefault(ttl, {})[key] = text
        stored = 0
        for ttl, texts in by_ttl.items():
            try:
                stored += await self.store.set_many(texts, ttl) if texts else 0
            except Exception as error:
                self._failed("set_batch", error, 0)
        if by_ttl:
            self.metrics.batch_written()
        return stored

    async def preload_cache(self, preload_data: Iterable[Preload]) -> int:
        """``set_batch`` with the default lifetime, for a warm start."""
        stored = await self.set_batch((*entry, None) for entry in preload_data)
        log.info("policy_cache_preloaded", extra={"entries": stored})
        return stored

    # -- Helpers ---------------------------------------------------------------------------------

    def _generate_cache_key(
        self, user_id: Part, action: Part, resource: Part, context: Context | None = None
    ) -> str:
        return decision_key(user_id, action, resource, context)

    def _get_ttl_for_sensitivity(self, sensitivity: str | None) -> float:
        return ttl_for_sensitivity(sensitivity, self.ttl_seconds, self.use_optimized_ttl)

    def _failed_get(self, error: Exception, duration_ns: int) -> None:
        self.metrics.failed_read("get", duration_ns)
        self._report("policy_cache_get_error", error)

    def _failed(self, operation: str, error: Exception, answer: T) -> T:
        self.metrics.error(operation)
        self._report(f"policy_cache_{operation}_error", error)
        return answer

    def _report(self, event: str, error: Exception) -> None:
        """Neither the question nor the decision: they are nobody's business who reads logs."""
        log.warning(event, extra={"error": str(error), "error_type": type(error).__name__})
