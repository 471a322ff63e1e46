"""Which rules hold at present, and who is told when that changes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Iterable, Sequence

from .alert import Alert, AlertHook, Rule
from .faults import Faults
from .outcome import History, Outcome
from .threads import Raised, on_thread

log = logging.getLogger("cachecore.maintenance")


class Alarm:
    def __init__(self, rules: Sequence[Rule], hook: AlertHook | None, faults: Faults) -> None:
        self._rules, self._hook, self._faults = rules, hook, faults
        self.firing: dict[tuple[str, str], Alert] = {}  #: by rule and job
        self.start()

    def start(self) -> None:
        """On the loop on which ``tell`` will be called."""
        self._telling = asyncio.Lock()  # so that what is over is told after what began

    def judge(self, outcome: Outcome, history: History, at: float) -> list[Alert]:
        """What an outcome, the last of the history, has changed."""
        changes = []
        for rule in self._rules:
            try:
                change = self._apply(rule, outcome, history, at)
            except BaseException:
                self._faults.survived("rule", "the rule %r failed for %s", rule, outcome.job)
                continue
            if change is not None:
                changes.append(change)
        for alert in changes:
            if alert.firing:
                log.warning("alert: %s", alert.message)
            else:
                log.info("alert %s", alert.message)
        return changes

    def recall(self, job: str, outcomes: Iterable[Outcome], history: History) -> None:
        """Replaces a job's history and alerts by what earlier processes knew; tells nobody."""
        for key in [key for key in self.firing if key[1] == job]:
            del self.firing[key]
        for outcome in history.recall(outcomes):
            for rule in self._rules:
                try:
                    self._apply(rule, outcome, history, outcome.started_at + outcome.duration)
                except BaseException:
                    self._faults.survived("rule", "the rule %r failed for %s", rule, job)

    def _apply(self, rule: Rule, outcome: Outcome, history: History, at: float) -> Alert | None:
        """Sets ``firing``; the change, if it is one."""
        if not rule.judges(outcome):
            return None
        wrong, key = rule.holds(outcome, history), (rule.name, outcome.job)
        before = self.firing.get(key)
        if wrong is not None:
            alert = Alert(*key, True, wrong, before.at if before else at)
            self.firing[key] = alert
            return None if before else alert
        if before is None:
            return None
        del self.firing[key]
        return Alert(*key, False, f"over: {before.message}", at)

    async def tell(self, alerts: Sequence[Alert]) -> None:
        """One after the other; what the hook raises is logged and counted."""
        async with self._telling:
            for alert in alerts:
                try:
                    await self._call(alert)
                    self._faults.passed("alert hook")
                except GeneratorExit:
                    raise  # the loop has ended
                except BaseException:
                    if (task := asyncio.current_task()) is not None and task.cancelling():
                        raise  # the runner stops
                    self._faults.survived("alert hook", "the alert hook failed for %s", alert.rule)

    async def _call(self, alert: Alert) -> None:
        if self._hook is None:
            return
        if inspect.iscoroutinefunction(self._hook):
            await self._hook(alert)
            return
        result = await on_thread("cachecore-alert", self._hook, alert)
        if isinstance(result, Raised):
            raise result.error
        if inspect.isawaitable(result):
            await result
