"""Which rules hold at present, and who is told when that changes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Sequence

from .alert import Alert, AlertHook, Rule
from .outcome import History, Outcome

log = logging.getLogger("cachecore.maintenance")


class Alarm:
    def __init__(self, rules: Sequence[Rule], hook: AlertHook | None) -> None:
        self._rules, self._hook = rules, hook
        self._telling = asyncio.Lock()  # so that what is over is told after what began
        self.firing: dict[tuple[str, str], Alert] = {}  #: by rule and job

    def judge(self, outcome: Outcome, history: History, at: float) -> list[Alert]:
        """What an outcome, the last of the history, has changed."""
        changes = []
        for rule in self._rules:
            if not rule.judges(outcome):
                continue
            wrong, key = rule.holds(outcome, history), (rule.name, outcome.job)
            before = self.firing.get(key)
            if wrong is not None:
                alert = Alert(*key, True, wrong, before.at if before else at)
                self.firing[key] = alert
                if before is None:
                    log.warning("alert: %s", wrong)
                    changes.append(alert)
            elif before is not None:
                del self.firing[key]
                log.info("alert over: %s", before.message)
                changes.append(Alert(*key, False, f"over: {before.message}", at))
        return changes

    async def tell(self, alerts: Sequence[Alert]) -> None:
        """One after the other; what the hook raises is logged."""
        async with self._telling:
            for alert in alerts:
                try:
                    if inspect.iscoroutinefunction(self._hook):
                        await self._hook(alert)
                    elif self._hook is not None:
                        await asyncio.to_thread(self._hook, alert)
                except Exception:
                    log.exception("the alert hook failed for %s", alert.rule)
