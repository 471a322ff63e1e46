"""The thread of each process that sees to it that one of the machine listens.

Who listens is decided by a claim in the local cache, which the processes share: one has it, the others wait
for its end.  The claim of a process that dies ends with it, and the next one has it some milliseconds later.
One that is stopped keeps its claim, but no longer says that it lives: then the others void it.  When it
goes on it finds another epoch in the state, and waits as the others do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from ..cache import Cache
from ..claims import Claim
from ..durations import NEVER
from ..errors import CacheCoreError, ClosedError
from .breaker import Backoff
from .floor import NOTHING, DeposedError, Floor, State, new_epoch
from .listener import Listener
from .transport import Transport

_log = logging.getLogger("cachecore.tiered")
_TURN = 0.2  # seconds of a wait, after which it is seen whether to stop


class Keeper:
    """``start`` and ``stop`` may be called from any thread."""

    def __init__(
        self,
        local: Cache[bytes, bytes],
        transport: Transport,
        floor: Floor,
        listener: Callable[[], Listener],
    ) -> None:
        self._local, self._transport, self._floor = local, transport, floor
        self._make, self._listener = listener, listener()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._alive: tuple[float, float] = (NOTHING, 0.0)  # what the state said last, and since when
        self.running = False
        self.listening = False  #: whether it is this process that does
        self.error = ""  #: what it met last

    def start(self) -> None:
        """Once it has been stopped, nothing more."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                thread = threading.Thread(target=self._run, name="cachecore-listen", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # no more threads, or the interpreter ends
                    self.error = str(error)
                    return
                self._thread, self.running = thread, True

    def stop(self, wait: bool = True) -> None:
        self._stopping.set()
        thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join()

    def leave(self) -> None:
        """In the child of a fork: closes its descriptor of the connection, which stays the parent's."""
        if self._listener.tracking is not None:
            self._listener.tracking.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                claim = self._local.get_or_claim(self._floor.election, claim_ttl=NEVER).claim
                if claim.held:
                    with claim:
                        self._listen(claim)
                else:
                    self._stand_by(claim)
            except ClosedError:
                return
            except Exception as error:
                self.error = repr(error)
                _log.exception("the listener failed, and begins anew")
                self._stopping.wait(1)

    # -- The one that listens --------------------------------------------------------------------

    def _listen(self, claim: Claim) -> None:
        backoff = Backoff(longest=2.0)
        while not self._stopping.is_set() and claim.stands:
            self._listener = listener = self._make()
            self.listening = True
            try:
                listener.run(claim, self._stopping, self._connected)
            except DeposedError:
                return
            except self._transport.errors as error:
                self._lost(error)
            finally:
                self.listening = False
            if listener.connected:
                backoff.reset()
            self._say_alive()
            self._stopping.wait(backoff.pause())

    def _connected(self) -> None:
        self.error = ""

    def _lost(self, error: Exception) -> None:
        if not self.error:
            _log.warning("nothing is served from here until the server is heard again: %s", error)
        self.error = f"{type(error).__name__}: {error}"

    def _say_alive(self) -> None:
        try:
            state = self._floor.state() or State(new_epoch(), NOTHING, 0.0)
            self._floor.renew(state._replace(alive_at=monotonic()), state.epoch)
        except ClosedError:
            raise
        except (CacheCoreError, DeposedError):
            return

    # -- The others ------------------------------------------------------------------------------

    def _stand_by(self, claim: Claim) -> None:
        """Waits a little for the end of another's claim, and ends it if that process does nothing."""
        if claim.wait(_TURN):
            return
        state, now = self._floor.state(), monotonic()
        alive = 0.0 if state is None else state.alive_at
        if alive != self._alive[0]:
            self._alive = (alive, now)
        elif now - self._alive[1] > 3 * self._floor.max_lag + 1:
            _log.warning("the process that listens does nothing: another one is elected")
            self._alive = (alive, now)
            self._local.delete(self._floor.election)
