"""Policy decisions in an asyncio service: remembered, revalidated, swept and measured."""

import asyncio
import logging
import sys

from cachecore_services.cleanup import get_cache_health, start_cache_cleanup, stop_cache_cleanup
from cachecore.contrib.logging import JSONFormatter
from cachecore_services.policy import PolicyCache, close_policy_cache, get_policy_cache

QUESTION = ("ann", "execute", "tool:calculator")
asked = 0


async def ask_policy_engine(
    user_id: str, action: str, resource: str, context: dict | None = None
) -> dict:
    global asked
    asked += 1
    await asyncio.sleep(0.002)
    return {"allow": user_id == "ann", "answer": asked}


async def decide(cache: PolicyCache, user_id: str, action: str, resource: str) -> dict:
    async def evaluate() -> dict:
        return await ask_policy_engine(user_id, action, resource)

    return await cache.get_or_evaluate(user_id, action, resource, evaluate, sensitivity="critical")


async def main() -> None:
    # The engine, or Redis on a machine without its library; the same methods in either case.
    cache = get_policy_cache(max_size=10_000, ttl_seconds=300)
    cache.set_revalidate_callback(ask_policy_engine)
    await start_cache_cleanup(cache, interval=60)

    # A thousand ask the policy engine once: who comes while it is asked waits for its answer.
    decision, *_ = await asyncio.gather(*(decide(cache, *QUESTION) for _ in range(1000)))
    print("decided", decision)
    assert asked == 1 and decision["allow"]

    # A decision that is about to expire is served, and a new one fetched in the background.
    await cache.set(*QUESTION, {"allow": True, "answer": "old"}, ttl_seconds=0.2)
    await asyncio.sleep(0.16)
    decision = await decide(cache, *QUESTION)
    await asyncio.sleep(0.05)
    print("served", decision, "and fetched", await decide(cache, *QUESTION))

    # Ann changes roles: whatever was decided about her, and only her, is forgotten.
    await cache.set("anna", "read", "file:1", {"allow": False})
    print("forgotten:", await cache.invalidate("ann"))
    assert await cache.get("anna", "read", "file:1") == {"allow": False}

    metrics = cache.get_metrics()
    print({name: metrics[name] for name in ("hits", "stale_hits", "misses", "effective_hit_rate")})
    health = await get_cache_health()
    print("cleanup", health["status"], "healthy:", health["healthy"])
    assert metrics["errors"] == 0 and health["healthy"]

    await stop_cache_cleanup()
    await close_policy_cache()


if __name__ == "__main__":
    # What the package reports, one line of JSON for each event.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    asyncio.run(main())
