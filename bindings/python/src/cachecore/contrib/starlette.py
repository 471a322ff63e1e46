"""Routes for Starlette.

::

    service = CacheService({"sessions": cache})
    app = Starlette(routes=[*routes(service)], lifespan=service.lifespan)
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from .extras import needs

needs("starlette", "starlette")

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .service import CacheService

__all__ = ["CacheService", "routes"]


def routes(service: CacheService) -> list[Route]:
    """Statistics, health and a sweep on request.  None is protected: mount them where that is.

    ``GET /cache/stats``; ``GET /health/cache-cleanup``, which is 503 when unhealthy; ``POST
    /cache/cleanup``, which is 500 when a sweep failed.
    """

    async def stats(request: Request) -> JSONResponse:
        return JSONResponse(service.stats())

    async def health(request: Request) -> JSONResponse:
        report = await service.health()
        return JSONResponse(report, 503 if report["status"] == "unhealthy" else 200)

    async def cleanup(request: Request) -> JSONResponse:
        report = await service.cleanup()
        return JSONResponse(report, 200 if report["success"] else 500)

    return [
        Route("/cache/stats", stats, methods=["GET"]),
        Route("/health/cache-cleanup", health, methods=["GET"]),
        Route("/cache/cleanup", cleanup, methods=["POST"]),
    ]
