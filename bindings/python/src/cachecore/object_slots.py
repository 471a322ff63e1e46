"""What ObjectStore knows of a key without the compiled path; see object_slots.c."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable
from struct import Struct
from typing import Any, Final, Generic, TypeAlias, TypeVar

from . import scratch

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ID: Final = Struct("@qQ")  #: what the engine calls a key: its hash, and its first slot's ticket
ID_SIZE: Final = ID.size
_NOBODY: Final = 2**64 - 1  # no slot's ticket

#: Held from the last look at a table to the end of the change, the engine's part of it included, so
#: that two threads cannot store one key twice.  No comparison, listener or finalizer of a value that
#: left runs under it.  One for all stores, so that a fork can wait for it: the child finds every
#: table whole, and the lock free.
changing: Final = threading.RLock()
os.register_at_fork(
    before=changing.acquire,
    after_in_parent=changing.release,
    after_in_child=changing.release,
)


class Slot(Generic[K, V]):
    __slots__ = ("claims", "id", "key", "ticket", "value", "weight")

    def __init__(self, key: K, value: V, id: bytes, weight: int, ticket: int) -> None:
        self.key, self.value, self.id, self.weight = key, value, id, weight
        self.ticket = ticket
        self.claims = 0  #: on the key


#: All slots of one hash.
Alike: TypeAlias = tuple[Slot[K, V], ...]


def unvalued(key: Any, id: bytes, ticket: int) -> Slot[Any, Any]:
    """A slot of a key that is claimed, and has no value."""
    return Slot(key, scratch.ABSENT, id, 0, ticket)


def without(alike: Alike[K, V], slot: Slot[K, V]) -> Alike[K, V]:
    return tuple(other for other in alike if other is not slot)


def id_of(hashed: int, slot: Slot[Any, Any] | None) -> bytes:
    """What the engine calls a key; without a slot, what it has nothing under."""
    return ID.pack(hashed, _NOBODY) if slot is None else slot.id
