"""What every cache is, whatever it holds: a mapping that can be closed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, Self, TypeVar

from . import scratch
from .handle import CLOSED, Handle, opened

H = TypeVar("H")
K = TypeVar("K")
V = TypeVar("V")


def _getitem(self: CacheMapping[K, V, Any], key: K) -> V:
    value: V = self.get(key, scratch.ABSENT)
    if value is scratch.ABSENT:
        raise KeyError(key)
    return value


def _setitem(self: CacheMapping[K, V, Any], key: K, value: V) -> None:
    self.set(key, value)


def _delitem(self: CacheMapping[K, V, Any], key: K) -> None:
    if not self.delete(key):
        raise KeyError(key)


def _contains(self: CacheMapping[K, V, Any], key: K) -> bool:
    return self.contains(key)


_OPERATORS: Final = {
    "get": ("__getitem__", _getitem),
    "set": ("__setitem__", _setitem),
    "delete": ("__delitem__", _delitem),
    "contains": ("__contains__", _contains),
}


class CacheMapping(MutableMapping[H, V], Generic[K, V, H]):
    """A mapping with an identity of its own, whose entries may go at any time.

    It takes keys of type K, and hands out keys of type H, which is K or narrower.

    A subclass that overrides ``get``, ``set``, ``delete`` or ``contains`` has overridden the operator
    of that name, too, unless it defines that itself.
    """

    __slots__ = ()

    _handle: Handle

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def add(self, key: K, value: V) -> bool: ...

    @abstractmethod
    def set(self, key: K, value: V) -> None: ...

    @abstractmethod
    def delete(self, key: K, /) -> bool: ...

    @abstractmethod
    def contains(self, key: K, /) -> bool: ...

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for method, (operator, dispatch) in _OPERATORS.items():
            # The stores define both, and their operators need no dispatch.
            first = next(vars(c) for c in cls.__mro__ if method in vars(c) or operator in vars(c))
            if operator not in first:
                setattr(cls, operator, dispatch)

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

    @abstractmethod
    def copy(self) -> Self: ...

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a cache cannot be deep-copied: copy() makes another one of its entries")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cache belongs to its process and cannot be pickled")

    def setdefault(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, key: K, default: V = None  # type: ignore[assignment]
    ) -> V:
        """The value, which is ``default`` from now on if there was none."""
        get: Any = self.get  # of any K
        value: V = get(key, scratch.ABSENT)
        while value is scratch.ABSENT:
            if self.add(key, default):
                return default
            value = get(key, scratch.ABSENT)
        return value

    def _open(self) -> Handle:
        return opened(self._handle)
