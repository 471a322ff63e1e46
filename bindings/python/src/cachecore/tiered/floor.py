"""The freshness floor: which entries of the local cache may be served, in two words.

All processes that share a local cache see one state, which is an entry of that cache itself: the *epoch*
of the connection that listens, and the time until which the server is known to have told everything.

The epoch is the beginning of every local key.  It is random, new for each connection, and after whatever
else may have cost a message.  So everything that is here is given up by one write, in O(1), while other
processes are in the middle of reading and storing: who still stores under the old epoch stores where
nobody looks any more, and the cache evicts it in time.

The state must be renewed.  The listener does so each time the server has answered a PING, with the time at
which the PING was sent: by then everything has arrived that was acknowledged before it.  If the connection
hangs, or the process that listens is stopped or dies, the time stands still, and ``max_lag`` seconds later
every process goes to the server instead.  That takes nobody's cooperation.  The clock is CLOCK_MONOTONIC,
one for all processes of the machine.

A process looks at the state once in 5 ms and not at every read.
"""

from __future__ import annotations

import math
import os
import struct
from hashlib import blake2b
from time import monotonic
from typing import Any, Final, NamedTuple

from .._native import KEY_SIZE_MAX
from ..cache import Cache
from ..errors import ClosedError

NOTHING: Final = -math.inf
_LOOK: Final = 0.005  # seconds for which a process relies on what it has seen
_PACKED: Final = struct.Struct("8sdd")
_EPOCH_SIZE: Final = 8

#: The longest key of a tier, which an epoch goes before.
LONGEST: Final = KEY_SIZE_MAX - _EPOCH_SIZE


class State(NamedTuple):
    """What the processes of a machine know of the connection that listens."""

    epoch: bytes
    synced_at: float  #: everything that was acknowledged before has arrived; NOTHING: it is not known
    alive_at: float  #: the listener did something, be it only to try to connect


def new_epoch() -> bytes:
    return os.urandom(_EPOCH_SIZE)


class DeposedError(Exception):
    """Another process listens now."""


class Floor:
    """The state as this process sees it.  Any method may be called from any thread."""

    def __init__(self, local: Cache[Any, Any], identity: bytes, max_lag: float) -> None:
        """identity: what tiers have in common that share entries: the server and the prefix."""
        self._local = local
        self._name = b"\0cachecore.tier:" + identity
        self.election = b"\0cachecore.listener:" + identity  #: the claim of the one that listens
        #: What the local key of a computation begins with, where that of a value has its epoch.
        self.computing = b"\0" + blake2b(identity, digest_size=_EPOCH_SIZE - 1).digest()
        self.max_lag = max_lag
        #: The epoch to read under, None for none, and until when that holds.  One tuple, so that no
        #: thread sees half of it.
        self.view: tuple[bytes | None, float] = (None, 0.0)
        self._seen: tuple[bytes, ...] = ()
        self._closed = False

    # -- What readers need -----------------------------------------------------------------------

    def state(self) -> State | None:
        """The state of this moment.  (``get`` and not ``peek``: what is used is not evicted.)"""
        content = self._local.get(self._name)
        return None if content is None else State._make(_PACKED.unpack(content))

    def look(self) -> bytes | None:
        """The epoch whose entries may be served; None: nothing may, ask the server."""
        if self._closed:
            raise ClosedError("the tier is closed")
        now = monotonic()
        state = self.state()
        until = 0.0 if state is None else min(now + _LOOK, state.synced_at + self.max_lag)
        if state is None or now >= until:
            self.view = (None, 0.0)
            return None
        if state.epoch not in self._seen:
            self._seen = (state.epoch, *self._seen[:1])
        self.view = (state.epoch, until)
        return state.epoch

    def epoch(self) -> bytes | None:
        """As ``look``, or what was seen in the last 5 ms."""
        epoch, until = self.view
        return epoch if monotonic() < until else self.look()

    def epochs(self) -> tuple[bytes, ...]:
        """Those that a thread of this process may be reading under, looked at anew.

        After a write, to forget the older value: a thread that looked a moment ago reads under the one
        before, and one that finds the server away under that of the state.
        """
        self.look()
        state = self.state()
        return self._seen if state is None else tuple({*self._seen, state.epoch})

    def last_epoch(self, patience: float) -> bytes | None:
        """The epoch whose entries may be served while the server is away, for so many seconds longer."""
        state = self.state()
        if state is None or monotonic() >= state.synced_at + self.max_lag + patience:
            return None
        return state.epoch

    def forget(self) -> None:
        """In the child of a fork.  Nobody tells it what changes in its copy of a private cache."""
        self.view, self._seen = (None, 0.0), ()

    def remove(self) -> None:
        """For all processes: nothing is served until the listener says anew that it hears."""
        self._local.delete(self._name)

    def close(self) -> None:
        """From now on ``look`` is a ClosedError."""
        self._closed = True
        self.forget()

    # -- What the listener does ------------------------------------------------------------------

    def publish(self, state: State) -> None:
        """As the process that was elected."""
        self._local.set(self._name, _PACKED.pack(*state))

    def renew(self, state: State, epoch: bytes) -> None:
        """Puts a state in the place of one that has this epoch; DeposedError if it has another one."""
        packed = _PACKED.pack(*state)
        found = self._local.get_with_info(self._name)
        if found is None:  # evicted, or cleared
            done = self._local.add(self._name, packed)
        else:
            same = State._make(_PACKED.unpack(found.value)).epoch == epoch
            done = same and self._local.compare_and_set(self._name, packed, found.version)
        if not done:
            raise DeposedError
