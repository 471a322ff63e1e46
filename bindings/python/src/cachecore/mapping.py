"""What every cache is, whatever it holds: a mapping that can be closed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import MutableMapping
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from . import scratch
from .handle import CLOSED, Handle, opened

K = TypeVar("K")
V = TypeVar("V")


class CacheMapping(MutableMapping[K, V]):
    """A mapping with an identity of its own, whose entries may go at any time."""

    __slots__ = ()

    _handle: Handle

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def add(self, key: K, value: V) -> bool: ...

    @property
    def closed(self) -> bool:
        return self._handle is CLOSED

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cache belongs to its process and cannot be copied or pickled")

    def setdefault(self, key: K, default: V = None) -> V:  # type: ignore[assignment]
        """The value, which is ``default`` from now on if there was none."""
        value: V = self.get(key, scratch.ABSENT)
        while value is scratch.ABSENT:
            if self.add(key, default):
                return default
            value = self.get(key, scratch.ABSENT)
        return value

    def _open(self) -> Handle:
        return opened(self._handle)
