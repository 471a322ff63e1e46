"""What the backends for frameworks have in common: Python objects, pickled, with a lifetime.

A lifetime is seconds here, NEVER for no end, and zero or less for one that is over: each
framework's own 0 and None are turned into these by its backend, because no two agree.

Pickling happens before and after the engine is called, never inside, and only what the application
itself stored in this process is ever unpickled.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..cache import Cache
from ..durations import NEVER
from ..errors import CacheCoreError, RefusedError

log = logging.getLogger("cachecore.contrib")

MISSING: Final = object()
_SHORTEST: Final = 0.001


class PickledCache:
    """Objects in a cache of the engine.  Any method from any thread; none of them waits.

    A value that is too large to be held is not stored, which is logged, and whatever was there
    before is gone.  What cannot be pickled raises what pickle raises, and changes nothing.
    """

    def __init__(self, engine: Cache[bytes]) -> None:
        self.engine = engine

    def get(self, key: str, default: Any = None) -> Any:
        content = self.engine.get(key)
        return default if content is None else pickle.loads(content)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        found = self.engine.get_many(keys)
        return {key: pickle.loads(content) for key, content in found.items()}

    def set(self, key: str, value: Any, lifetime: float = NEVER) -> bool:
        """Whether it is there now."""
        content = _pickled(value)
        if lifetime <= 0:
            self.engine.delete(key)
            return False
        try:
            self.engine.set(key, content, lifetime)
        except RefusedError:
            _too_large([key])
            return False
        return True

    def set_many(self, values: Mapping[str, Any], lifetime: float = NEVER) -> list[str]:
        """The keys that were not stored."""
        contents = {key: _pickled(value) for key, value in values.items()}
        if lifetime <= 0:
            self.engine.delete_many(contents)
            return []
        try:
            self.engine.set_many(contents, lifetime)
        except CacheCoreError as error:
            if not error.keys:
                raise
            failed = [str(key) for key in error.keys]
            _too_large(failed)
            return failed
        return []

    def add(self, key: str, value: Any, lifetime: float = NEVER) -> bool:
        """Stores only if nothing is there; whether it was stored, or would have been."""
        content = _pickled(value)
        if lifetime <= 0:
            return not self.engine.contains(key)
        try:
            return self.engine.add(key, content, lifetime)
        except RefusedError:
            _too_large([key])
            return False

    def touch(self, key: str, lifetime: float) -> bool:
        """Whether it was there."""
        return self.engine.delete(key) if lifetime <= 0 else self.engine.touch(key, lifetime)

    def add_to(self, key: str, delta: Any) -> Any:
        """Adds to what is there, atomically; the sum, or MISSING.  It keeps its deadline."""
        engine = self.engine
        while True:
            info = engine.inspect(key)
            content = None if info is None else engine.peek(key)
            if info is None or content is None:
                return MISSING
            total = pickle.loads(content) + delta
            left = max(info.ttl, _SHORTEST)
            # False if another was faster, or it expired: look again.
            if engine.compare_and_set(key, _pickled(total), info.version, left):
                return total


def _pickled(value: Any) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _too_large(keys: list[str]) -> None:
    log.warning("value_too_large", extra={"values": len(keys)})
