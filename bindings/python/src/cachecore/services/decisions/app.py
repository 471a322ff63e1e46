"""The policy-decision service.

    uvicorn --factory cachecore.services.decisions.app:create_app

``create_app(evaluate=...)`` says who decides; without it there is a demonstration.  With
POLICY_CACHE_STORE=redis the very same service keeps its decisions in Redis, with "none" nowhere.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from ...cache import Cache
from ...maintenance import Every, Job, Run, Runner
from ...policy import PolicyCache, RedisPolicyCache
from ...policy.native import NativeStore
from ..dashboard import Board, Latencies, board_router
from .settings import DecisionSettings

#: Decides: user, action, resource.
Evaluate: TypeAlias = Callable[[str, str, str], Awaitable[dict[str, Any]]]


class Invalidation(BaseModel):
    user: str | None = None
    action: str | None = None
    resource: str | None = None


async def demonstration(user: str, action: str, resource: str) -> dict[str, Any]:
    """Everybody may read, and "admin" may do anything."""
    return {"allow": user == "admin" or action == "read"}


def create_app(
    settings: DecisionSettings | None = None, evaluate: Evaluate = demonstration
) -> FastAPI:
    settings = DecisionSettings() if settings is None else settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        policy, caches = _open(settings)

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
        board = Board(caches, runner, latencies=latencies, sweep_interval=settings.sweep_interval)
        app.state.policy, app.state.board = policy, board
        async with runner, board.lifespan():
            yield
        await policy.close()

    app = FastAPI(title="Policy decisions", lifespan=lifespan)
    app.state.evaluate = evaluate
    app.include_router(decision_router())
    app.include_router(board_router())
    return app


def _open(settings: DecisionSettings) -> tuple[PolicyCache, dict[str, Cache[Any]]]:
    """The cache of decisions, and the engine's caches it is made of."""
    if settings.store == "none":
        return PolicyCache(settings.max_size, settings.ttl_seconds, enabled=False), {}
    if settings.store == "redis":
        redis = RedisPolicyCache(ttl_seconds=settings.ttl_seconds, url=settings.redis_url)
        return redis, {}
    cache = Cache[Any](settings.max_size, ttl=settings.ttl_seconds)
    policy = PolicyCache(settings.max_size, settings.ttl_seconds, store=NativeStore(cache))
    return policy, {"decisions": cache}


def _policy(request: Request) -> PolicyCache:
    policy: PolicyCache = request.app.state.policy
    return policy


_Policy = Annotated[PolicyCache, Depends(_policy)]


def decision_router() -> APIRouter:
    made = APIRouter(prefix="/api/decisions", tags=["decisions"])

    @made.get("")
    async def decide(
        request: Request,
        policy: _Policy,
        user: str,
        action: str,
        resource: str,
        sensitivity: str | None = None,
    ) -> dict[str, Any]:
        known = await policy.get(user, action, resource, sensitivity=sensitivity)
        if known is not None:
            return dict(known)
        decision: dict[str, Any] = await request.app.state.evaluate(user, action, resource)
        await policy.set(user, action, resource, decision, sensitivity=sensitivity)
        return decision

    @made.post("/invalidate")
    async def invalidate(asked: Invalidation, policy: _Policy) -> dict[str, int]:
        """Everything that matches all that is given; nothing, if nothing is."""
        return {"invalidated": await policy.invalidate(asked.user, asked.action, asked.resource)}

    @made.get("/metrics")
    async def metrics(policy: _Policy) -> dict[str, Any]:
        return policy.get_metrics()

    return made
