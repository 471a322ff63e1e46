"""Items and values of a mapping from which entries may go at any time."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, TypeVar

from . import scratch

K = TypeVar("K")
V = TypeVar("V")


class LiveItems(ItemsView[K, V]):
    """What is still there when the iteration comes to it."""

    _mapping: Mapping[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        for key in self._mapping:
            value = self._mapping.get(key, scratch.ABSENT)
            if value is not scratch.ABSENT:
                yield key, value


class LiveValues(ValuesView[V]):
    _mapping: Mapping[Any, V]

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping.items())
