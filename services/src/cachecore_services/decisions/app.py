"""The policy-decision service.

    uvicorn --factory cachecore_services.decisions.app:create_app

``create_app(evaluate=...)`` says who decides; without it there is a demonstration.  With
POLICY_CACHE_STORE=redis the very same service keeps its decisions in Redis, with "none" nowhere.

A question that many ask at once is evaluated once, and an invalidation is stronger than an evaluation under way
in the same process: see PolicyCache.get_or_evaluate.  With CACHECORE_SHARED and CACHECORE_TIERED it is stronger than
those of other processes; in Redis it does not reach one that is under way in another process.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

from ..extras import needs

needs("apps", "fastapi", "pydantic_settings")

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import model_validator

from cachecore import Cache

from ..maintenance import Every, Job, Run, Runner
from ..policy import PolicyCache, RedisPolicyCache
from ..policy.keys import Selection
from ..policy.native import NativeStore
from ..policy.tiered import TieredStore
from ..application import make_app
from ..dashboard import Board, Latencies
from ..generations import Generations
from ..guard import FOR_OPERATORS, FROM_OWN_SITE
from ..health import Problem
from ..parameters import Body, Text
from ..settings import naming, passwords
from .settings import DecisionSettings

log = logging.getLogger("cachecore.decisions")

#: Decides: user, action, resource.
Evaluate: TypeAlias = Callable[[str, str, str], Awaitable[dict[str, Any]]]


class Invalidation(Body):
    """What is given has to match; ``all`` is how everything is asked for."""

    user: Text | None = None
    action: Text | None = None
    resource: Text | None = None
    all: bool = False

    @model_validator(mode="after")
    def _says_what(self) -> Invalidation:
        if self.all == any(part is not None for part in (self.user, self.action, self.resource)):
            raise ValueError("a user, an action, a resource, some of them, or all: true")
        return self

    def selection(self) -> Selection:
        return Selection(self.user, self.action, self.resource)


async def demonstration(user: str, action: str, resource: str) -> dict[str, Any]:
    """Everybody may read, and "admin" may do anything."""
    return {"allow": user == "admin" or action == "read"}


def create_app(
    settings: DecisionSettings | None = None, evaluate: Evaluate = demonstration
) -> FastAPI:
    settings = DecisionSettings() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with settings.open_tier("decisions") as tier:
            generations = None if tier is None else Generations(tier)
            async with _serving(app, settings, generations):
                yield

    app = make_app("Policy decisions", settings, lifespan, decision_router())
    app.state.evaluate = evaluate
    return app


@asynccontextmanager
async def _serving(
    app: FastAPI, settings: DecisionSettings, generations: Generations | None
) -> AsyncIterator[None]:
    policy, caches = _open(settings, generations)

    async def report(run: Run) -> Mapping[str, Any]:
        metrics = policy.get_metrics()
        return {name: metrics[name] for name in ("hits", "misses", "hit_rate", "errors")}

    runner = Runner(
        [Job("report", report, Every(3600), everywhere=True)],
        history=settings.job_history,
        workplace=settings.open_workplace(),
        on_alert=settings.alert_hook(),
    )
    latencies = Latencies()
    latencies.share("look-up", lambda: policy.metrics.cache_latency)
    app.state.policy = policy
    app.state.board = board = Board(
        caches,
        runner,
        latencies=latencies,
        sweep_interval=settings.sweep_interval,
        checks=[lambda: _problems(policy, generations)],
    )
    async with runner, board.lifespan():
        yield
    await policy.close()


def _open(
    settings: DecisionSettings, generations: Generations | None
) -> tuple[PolicyCache, dict[str, Cache[Any]]]:
    """The cache of decisions, and the engine's caches it is made of."""
    if settings.store == "none":
        return PolicyCache(settings.max_size, settings.ttl_seconds, enabled=False), {}
    if settings.store == "redis":
        url = settings.redis_url.get_secret_value()
        with naming("POLICY_CACHE_STORE or REDIS_URL", url, *passwords(url)):
            return RedisPolicyCache(ttl_seconds=settings.ttl_seconds, url=url), {}
    cache = settings.open_cache("decisions", settings.max_size, ttl=settings.ttl_seconds)
    native = NativeStore(cache)
    store = native if generations is None else TieredStore(native, generations)
    policy = PolicyCache(settings.max_size, settings.ttl_seconds, store=store)
    return policy, {"decisions": cache}


async def _problems(policy: PolicyCache, generations: Generations | None) -> list[Problem]:
    """A store that is away costs time and nothing else, until somebody invalidates."""
    if not await policy.health_check():
        return [Problem("the store of decisions does not answer")]
    found = [] if generations is None else generations.problems()
    if not policy.kept_last:  # full, or a read-only copy: it answers all the same
        found.append(Problem("the store of decisions did not keep the last one", False))
    return found


def _policy(request: Request) -> PolicyCache:
    policy: PolicyCache = request.app.state.policy
    return policy


_Policy = Annotated[PolicyCache, Depends(_policy)]


def decision_router() -> APIRouter:
    made = APIRouter(prefix="/api/decisions", tags=["decisions"], dependencies=FROM_OWN_SITE)

    @made.get("")
    async def decide(
        request: Request,
        policy: _Policy,
        user: str,
        action: str,
        resource: str,
        sensitivity: str | None = None,
    ) -> dict[str, Any]:
        async def evaluate() -> dict[str, Any]:
            decision: dict[str, Any] = await request.app.state.evaluate(user, action, resource)
            return decision

        decision = await policy.get_or_evaluate(
            user, action, resource, evaluate, sensitivity=sensitivity
        )
        return dict(decision)

    @made.post("/invalidate", dependencies=FOR_OPERATORS)
    async def invalidate(asked: Invalidation, policy: _Policy) -> dict[str, int]:
        """Everything that matches all that is given.  503 if it may still be there."""
        try:
            return {"invalidated": await policy.store.invalidate(asked.selection())}
        except Exception as error:
            policy.metrics.error("invalidate")
            log.error("an invalidation failed: %s: %s", type(error).__name__, error)
            raise HTTPException(503, "the store of decisions does not answer") from None

    @made.get("/metrics")
    async def metrics(policy: _Policy) -> dict[str, Any]:
        return policy.get_metrics()

    return made
