"""Narration as a service: texts are spoken, kept, and cleaned up.

    uvicorn --factory cachecore_services.narration.app:create_app

One process: the directory is its own.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, BinaryIO

from ..extras import needs

needs("apps", "fastapi", "pydantic_settings")

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from ..maintenance import JobRunning
from ..application import make_app
from ..dashboard import Board, Latencies
from ..guard import FOR_OPERATORS, FROM_OWN_SITE
from ..json_answer import JSONAnswer
from ..parameters import Body, DryRun, Text
from . import speech
from .audio import AudioCache
from .cleanup import NarrationCleanupService
from .requests import Generator, NarrationRequest, NarrationRequests, Priority
from .settings import NarrationSettings


class Asked(Body):
    content: Text
    voice: Text = "en"
    priority: Priority = Priority.NORMAL


def create_app(
    settings: NarrationSettings | None = None, generate: Generator | None = None
) -> FastAPI:
    """generate: what makes the audio; None: espeak-ng, or beeps where that is not installed."""
    settings = NarrationSettings() if settings is None else settings
    make = speech.available() if generate is None else generate

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        audio = await asyncio.to_thread(settings.open_audio)
        requests = NarrationRequests(
            audio,
            make,
            max_concurrent=settings.max_concurrent,
            max_content_length=settings.max_content_length,
        )
        cleanup = NarrationCleanupService(
            audio,
            requests,
            settings.interval_hours,
            settings.timeout_hours,
            history=settings.job_history,
            workplace=settings.open_workplace(),
            on_alert=settings.alert_hook(),
        )
        app.state.audio, app.state.requests, app.state.cleanup = audio, requests, cleanup
        app.state.latencies = Latencies("find")
        app.state.board = Board(
            {"audio": audio.index, "finished requests": requests.finished},
            cleanup.runner,
            latencies=app.state.latencies,
            checks=[audio.problems],
        )
        await requests.start()
        await cleanup.start()
        yield
        await cleanup.stop()
        await requests.stop()
        await asyncio.to_thread(audio.close)

    return make_app("Narration", settings, lifespan, narration_router(), cleanup_router())


def _found(id: str, request: Request) -> NarrationRequest:
    requests: NarrationRequests = request.app.state.requests
    narration = requests.find(id)
    if narration is None:
        raise HTTPException(404, "there is no such request")
    return narration


def _service(request: Request) -> NarrationCleanupService:
    found: NarrationCleanupService | None = getattr(request.app.state, "cleanup", None)
    if found is None:
        raise HTTPException(503, "Cleanup service is not available")
    return found


def narration_router() -> APIRouter:
    made = APIRouter(prefix="/api/narration", tags=["narration"], dependencies=FROM_OWN_SITE)

    @made.post("", status_code=202)
    async def ask(asked: Asked, request: Request) -> dict[str, Any]:
        requests: NarrationRequests = request.app.state.requests
        try:
            return requests.submit(asked.content, asked.voice, asked.priority).to_dict()
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    @made.get("/audio")
    async def listen(request: Request, content: str, voice: str = "en") -> StreamingResponse:
        audio: AudioCache = request.app.state.audio
        with request.app.state.latencies.measure("find"):
            opened = await asyncio.to_thread(audio.open, content, voice)
        if opened is None:
            raise HTTPException(404, "not generated yet, or no longer kept")
        # With its length, so that whoever is cut off knows.
        headers = {"content-length": str(os.fstat(opened.fileno()).st_size)}
        return StreamingResponse(_pieces(opened), media_type="audio/wav", headers=headers)

    @made.get("/requests/{id}")
    async def follow(narration: Annotated[NarrationRequest, Depends(_found)]) -> dict[str, Any]:
        return narration.to_dict()

    @made.delete("/requests/{id}")
    async def cancel(
        request: Request, narration: Annotated[NarrationRequest, Depends(_found)]
    ) -> dict[str, Any]:
        requests: NarrationRequests = request.app.state.requests
        return {"cancelled": requests.cancel(narration)}

    return made


def _pieces(opened: BinaryIO) -> Iterator[bytes]:
    with opened:
        while piece := opened.read(1 << 16):
            yield piece


def cleanup_router() -> APIRouter:
    """The cleanup service's two endpoints; ``app.state.cleanup`` is the service, or None."""
    made = APIRouter(
        prefix="/api/narration/cleanup", tags=["narration"], dependencies=FOR_OPERATORS
    )

    @made.get("/stats")
    async def stats(
        cleanup: Annotated[NarrationCleanupService, Depends(_service)],
    ) -> dict[str, Any]:
        try:
            return cleanup.get_cleanup_stats()
        except Exception as error:
            raise HTTPException(500, f"Failed to get cleanup stats: {error}") from error

    @made.post("/run")
    async def run(
        cleanup: Annotated[NarrationCleanupService, Depends(_service)], dry_run: DryRun
    ) -> dict[str, Any]:
        try:
            outcome = await cleanup.run_cleanup(dry_run)
        except JobRunning:
            raise HTTPException(409, "Cleanup is running already") from None
        if not outcome.succeeded:
            raise HTTPException(500, f"Failed to run cleanup: {outcome.error}")
        said = f"Dry run: {dict(outcome.report)}" if dry_run else None
        return {
            "success": True,
            "message": said or "Cleanup tasks completed successfully",
            "stats": cleanup.get_cleanup_stats(),
        }

    @made.get("/history")
    async def history(
        cleanup: Annotated[NarrationCleanupService, Depends(_service)],
    ) -> JSONAnswer:
        return JSONAnswer(cleanup.runner.status())

    return made
