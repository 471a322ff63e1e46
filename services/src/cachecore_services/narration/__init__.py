"""Generated audio in files, requests for it, and what cleans up after both.

::

    audio = AudioCache("narration-cache", max_size_mb=500, ttl_days=7)
    requests = NarrationRequests(audio, generate)
    cleanup = NarrationCleanupService(audio, requests)
    await requests.start(), await cleanup.start()
"""

from .audio import AudioCache, AudioTooLarge, Cleaned, DirectoryInUse
from .cleanup import NarrationCleanupService
from .requests import NarrationRequest, NarrationRequests, Priority, State, TooLong

__all__ = [
    "AudioCache",
    "AudioTooLarge",
    "Cleaned",
    "DirectoryInUse",
    "NarrationCleanupService",
    "NarrationRequest",
    "NarrationRequests",
    "Priority",
    "State",
    "TooLong",
]
