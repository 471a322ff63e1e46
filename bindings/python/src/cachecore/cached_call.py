"""CachedCall without the compiled path: what stands for a function; see fast/cached_call.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class CachedCall:
    """A call answered by ``get`` where that has the result, else by the function, in single flight.

    ``CachedCall(bind, run)`` is ``run(*arguments, **named)``.  With a ``look`` of (get, absent, make_key,
    plain, wrap) it is ``get(key, absent)`` first, if there is a ``get``, and then, if that is ``absent``,
    what SingleFlight.miss does, of which ``run`` is the parts: (begin, function, done, failed).  The
    function is called from here, so that the stack of a recursive one has no frame for each call but
    this one, and on the compiled path not even this.  The key is what ``make_key(arguments, named)``
    returns; for calls that are ``plain`` (keys.Plain) the compiled path makes it by itself, with ``wrap``
    (keys.CallKey).  As an attribute of a class it is a method: ``bind(self, instance)``.

    Like a function it is its own copy, travels by name, and takes attributes.
    """

    # fmt: off
    __slots__ = ("__dict__", "__weakref__", "_absent", "_begin", "_bind", "_done", "_failed", "_function",
                 "_get", "_make_key", "_run")
    # fmt: on

    def __init__(
        self,
        bind: Callable[[Any, object], Any],
        run: Callable[..., Any] | tuple[Callable[..., Any], ...],
        look: tuple[Any, ...] = (None,) * 5,
    ) -> None:
        self._bind = bind
        self._get, self._absent, self._make_key, _, _ = look
        if isinstance(run, tuple):
            self._run: Any = None
            self._begin, self._function, self._done, self._failed = run
        else:
            self._run = run

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._run is not None:
            return self._run(*args, **kwargs)
        key = self._make_key(args, kwargs)
        value = self._absent if self._get is None else self._get(key, self._absent)
        if value is not self._absent:
            return value
        mine, value = self._begin(key, args, kwargs)  # flight.py looks for this frame and its ``mine``
        if mine is None:
            return value
        try:
            try:
                value = self._function(*args, **kwargs)
            except BaseException as error:
                self._failed(mine, error)
                raise
            return self._done(mine, key, value)
        finally:
            del mine  # which has the exception, whose traceback has this frame

    def _become(self, run: Callable[..., Any]) -> None:
        """From here on it is ``run(*arguments, **named)``."""
        self._run = run

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else self._bind(self, instance)

    def __reduce__(self) -> str:
        return str(self.__qualname__)  # type: ignore[attr-defined]  # as update_wrapper gave it

    def __copy__(self) -> CachedCall:
        return self

    def __deepcopy__(self, memo: object) -> CachedCall:
        return self
