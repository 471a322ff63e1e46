"""A router for FastAPI.

::

    service = CacheService({"sessions": cache})
    app = FastAPI(lifespan=service.lifespan)
    app.include_router(router(service), dependencies=[Depends(admin)])
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from .extras import needs

needs("fastapi", "fastapi")

from fastapi import APIRouter, Response

from .service import CacheService

__all__ = ["CacheService", "router"]


def router(service: CacheService) -> APIRouter:
    """The routes of ``cachecore.contrib.starlette``, in the app's OpenAPI under "cache"."""
    made = APIRouter(tags=["cache"])

    @made.get("/cache/stats")
    async def cache_stats() -> dict[str, Any]:
        return service.stats()

    @made.get("/health/cache-cleanup")
    async def cache_cleanup_health(response: Response) -> dict[str, Any]:
        report = await service.health()
        response.status_code = 503 if report["status"] == "unhealthy" else 200
        return report

    @made.post("/cache/cleanup")
    async def run_cache_cleanup(response: Response) -> dict[str, Any]:
        report = await service.cleanup()
        response.status_code = 200 if report["success"] else 500
        return report

    return made
