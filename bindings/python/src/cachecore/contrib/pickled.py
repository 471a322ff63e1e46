"""Python objects, pickled, for the backends whose frameworks keep objects.

Pickling happens before and after the engine is called, never inside.  From a private cache only what
this process stored is unpickled, or the one that it was forked from; from a shared cache, what any
process stored that may write to its file.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..cache import Cache
from ..durations import NEVER
from .contents import Contents

MISSING: Final = object()


class PickledCache:
    """Objects in a cache of the engine; lifetimes, and values without room, are as in contents.py.

    Any method from any thread; none of them waits but ``get_or_set``.  What cannot be pickled raises what pickle
    raises, and changes nothing.
    """

    def __init__(self, engine: Cache[bytes, Any]) -> None:
        self.engine = engine
        self._contents = Contents(engine)

    def get(self, key: str, default: Any = None) -> Any:
        content = self.engine.get(key)
        return default if content is None else pickle.loads(content)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        found = self.engine.get_many(keys)
        return {key: pickle.loads(content) for key, content in found.items()}

    def set(self, key: str, value: Any, lifetime: float = NEVER) -> bool:
        """Whether it is there now."""
        return self._contents.set(key, _pickled(value), lifetime)

    def set_many(self, values: Mapping[str, Any], lifetime: float = NEVER) -> list[str]:
        """The keys for whose values there was no room."""
        contents = {key: _pickled(value) for key, value in values.items()}
        return self._contents.set_many(contents, lifetime)

    def add(self, key: str, value: Any, lifetime: float = NEVER) -> bool:
        """Stores only if nothing is there; whether it was stored, or would have been."""
        return self._contents.add(key, _pickled(value), lifetime)

    def get_or_set(self, key: str, compute: Callable[[], Any], lifetime: float) -> Any:
        """What is there; else what ``compute`` returns: once for all who ask at the same time.

        Each has a copy of his own, as from ``get``.
        """
        return pickle.loads(
            self._contents.get_or_set(key, lambda: _pickled(compute()), lifetime)
        )

    async def get_or_set_async(self, key: str, compute: Callable[[], Any], lifetime: float) -> Any:
        return pickle.loads(
            await self._contents.get_or_set_async(key, lambda: _pickled(compute()), lifetime)
        )

    def touch(self, key: str, lifetime: float) -> bool:
        """Whether it was there."""
        return self._contents.touch(key, lifetime)

    def add_to(self, key: str, delta: Any) -> Any:
        """Adds to what is there, atomically; the sum, or MISSING.  It keeps its deadline."""
        while True:
            info = self.engine.inspect(key)
            content = None if info is None else self.engine.peek(key)
            if info is None or content is None:
                return MISSING
            total = pickle.loads(content) + delta
            # False if another was faster, or it expired: look again.
            if self._contents.compare_and_set(key, _pickled(total), info.version):
                return total


def _pickled(value: Any) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
