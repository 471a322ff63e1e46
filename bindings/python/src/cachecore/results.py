"""``@cached``: functools.lru_cache with lifetimes, single flight and ``async def``."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Collection, Hashable
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload

from . import durations, scratch
from .durations import NEVER, Duration
from .flights import TaskFlights, ThreadFlights
from .keys import CallKey, key_maker
from .object_cache import ObjectCache

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_ABSENT = scratch.ABSENT
_DEFAULT = 128
_UNBOUNDED = 2**62


class CacheInfo(NamedTuple):
    """What functools.lru_cache reports, too."""

    hits: int  #: calls that were answered without running the function themselves
    misses: int  #: calls that ran it
    maxsize: int | None
    currsize: int


class CachedFunction(Protocol[P, R_co]):
    """A function under ``@cached``."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[P, R_co]: ...  # the function itself, past the cache
    @property
    def cache(self) -> ObjectCache[Any, Any] | None: ...  # None with maxsize=0
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __get__(self, instance: None, owner: type) -> CachedFunction[P, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[..., R_co]: ...
    def cache_info(self) -> CacheInfo: ...
    def cache_clear(self) -> None: ...
    def cache_parameters(self) -> dict[str, Any]: ...
    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> Hashable: ...
    def cache_contains(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...
    def cache_invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...


class _Memory(Generic[R]):
    """What the wrappers of plain and async functions have in common."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        maxsize: int | None,
        ttl: Duration | Callable[[Any], Duration | None] | None,
        typed: bool,
        key: Callable[..., Hashable] | None,
        ignore: Collection[str],
        condition: Callable[[Any], object] | None,
        stale: Duration | None,
        cache: ObjectCache[Any, Any] | None,
    ) -> None:
        self.function = function
        self.typed = typed
        self.ttl = ttl
        self.condition = condition
        self.stale = 0.0 if stale is None else durations.ttl_ms(stale, "stale") / 1000
        if stale is not None and ttl is None:
            raise ValueError("stale needs a ttl")
        if not callable(ttl):
            durations.ttl_ms(ttl)  # to complain now, not later
        make = key_maker(function, typed, key, ignore)
        if cache is None:
            self.key = make
            self.maxsize = maxsize if maxsize is None else max(0, maxsize)
            self.cache = (
                None
                if maxsize is not None and maxsize <= 0
                else ObjectCache[Any, Any](_UNBOUNDED if maxsize is None else maxsize)
            )
        else:
            self.key = lambda arguments, named: CallKey((function, make(arguments, named)))
            self.maxsize = cache.stats().entries_limit
            self.cache = cache
        self.passed = 0  # calls, where there is no cache
        self.shared = 0  # misses that somebody else's computation answered

    def store(self, key: Hashable, value: R) -> None:
        if self.cache is None or (self.condition is not None and not self.condition(value)):
            return
        ttl = self.ttl(value) if callable(self.ttl) else self.ttl
        if ttl is None or ttl == NEVER:
            self.cache.set(key, (value, NEVER) if self.stale else value, ttl)
            return
        seconds = durations.step_ms(ttl) / 1000
        if seconds == 0:
            return  # the function of the result says: not at all
        if self.stale:
            fresh_until = time.monotonic() + seconds
            self.cache.set(key, (value, fresh_until), seconds + self.stale)
        else:
            self.cache.set(key, value, seconds)

    def find(self, key: Hashable, look: Callable[[Any, Any], Any]) -> tuple[Any, bool]:
        """The value, or ABSENT, and whether it is stale."""
        found = look(key, _ABSENT)
        if not self.stale or found is _ABSENT:
            return found, False
        value, fresh_until = found
        return value, time.monotonic() >= fresh_until

    # -- What hangs on the wrapper ---------------------------------------------------------------

    def info(self) -> CacheInfo:
        if self.cache is None:
            return CacheInfo(0, self.passed, self.maxsize, 0)
        stats = self.cache.stats()
        hits, misses = stats.hits + self.shared, stats.misses - self.shared
        return CacheInfo(hits, misses, self.maxsize, stats.entries)

    def clear(self) -> None:
        """Forgets all results and sets the counters to zero."""
        self.passed = self.shared = 0
        if self.cache is not None:
            self.cache.clear()
            self.cache.reset_stats()

    def parameters(self) -> dict[str, Any]:
        given = {"maxsize": self.maxsize, "typed": self.typed}
        return given if self.ttl is None else {**given, "ttl": self.ttl}

    def call_key(self, *args: Any, **kwargs: Any) -> Hashable:
        """What this call is remembered by."""
        return self.key(args, kwargs)

    def contains(self, *args: Any, **kwargs: Any) -> bool:
        """Whether the result of this call is there."""
        return self.cache is not None and self.cache.contains(self.key(args, kwargs))

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Forgets the result of this call; whether it was there."""
        return self.cache is not None and self.cache.delete(self.key(args, kwargs))

    def dress(self, wrapper: Any) -> Any:
        functools.update_wrapper(wrapper, self.function)
        wrapper.cache = self.cache
        wrapper.cache_info = self.info
        wrapper.cache_clear = self.clear
        wrapper.cache_parameters = self.parameters
        wrapper.cache_key = self.call_key
        wrapper.cache_contains = self.contains
        wrapper.cache_invalidate = self.invalidate
        return wrapper


def _plain(memory: _Memory[R], single_flight: bool) -> Any:
    function, make_key, store, find = memory.function, memory.key, memory.store, memory.find
    flights = ThreadFlights[R]()
    cache, stale = memory.cache, bool(memory.stale)

    if cache is None:

        def pass_on(*args: Any, **kwargs: Any) -> R:
            memory.passed += 1
            return cast(R, function(*args, **kwargs))

        return memory.dress(pass_on)

    get, peek = cache.get, cache.peek

    def compute(key: Hashable, args: Any, kwargs: Any) -> R:
        value: R = function(*args, **kwargs)
        store(key, value)
        return value

    def miss_together(key: Hashable, args: Any, kwargs: Any) -> R:
        flight = flights.board(key)
        if flight is None:
            return compute(key, args, kwargs)
        if flight.landed:
            memory.shared += 1
            return flight.value
        try:
            value, _ = find(key, peek)  # it may have been stored since we looked
            if value is _ABSENT:
                value = function(*args, **kwargs)
                store(key, value)
            else:
                memory.shared += 1
            flight.value = value
            flight.worked = True
            return cast(R, value)
        except Exception as error:
            flight.error = error
            raise
        finally:
            flights.land(key, flight)

    miss = miss_together if single_flight else compute

    if not stale:

        def wrapper(*args: Any, **kwargs: Any) -> R:
            key = make_key(args, kwargs)
            value = get(key, _ABSENT)
            return miss(key, args, kwargs) if value is _ABSENT else value

        return memory.dress(wrapper)

    def stale_wrapper(*args: Any, **kwargs: Any) -> R:
        key = make_key(args, kwargs)
        value, outdated = find(key, get)
        if value is _ABSENT:
            return miss(key, args, kwargs)
        if outdated:
            flights.run_aside(key, lambda: compute(key, args, kwargs))
        return cast(R, value)

    return memory.dress(stale_wrapper)


def _async(memory: _Memory[R], single_flight: bool) -> Any:
    function, make_key, store, find = memory.function, memory.key, memory.store, memory.find
    flights = TaskFlights[R]()
    cache, stale = memory.cache, bool(memory.stale)

    if cache is None:

        async def pass_on(*args: Any, **kwargs: Any) -> R:
            memory.passed += 1
            return cast(R, await function(*args, **kwargs))

        return memory.dress(pass_on)

    get = cache.get

    async def compute(key: Hashable, args: Any, kwargs: Any) -> R:
        value: R = await function(*args, **kwargs)
        store(key, value)
        return value

    async def miss(key: Hashable, args: Any, kwargs: Any) -> R:
        if not single_flight:
            return await compute(key, args, kwargs)
        value, first = await flights.run(key, lambda: compute(key, args, kwargs))
        if not first:
            memory.shared += 1
        return value

    async def wrapper(*args: Any, **kwargs: Any) -> R:
        key = make_key(args, kwargs)
        if not stale:
            value = get(key, _ABSENT)
            return await miss(key, args, kwargs) if value is _ABSENT else value
        value, outdated = find(key, get)
        if value is _ABSENT:
            return await miss(key, args, kwargs)
        if outdated:
            flights.run_aside(key, lambda: compute(key, args, kwargs))
        return cast(R, value)

    return memory.dress(wrapper)


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


@overload
def cached(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def cached(
    *,
    maxsize: int | None = ...,
    ttl: Duration | Callable[[Any], Duration | None] | None = ...,
    typed: bool = ...,
    key: Callable[..., Hashable] | None = ...,
    ignore: Collection[str] = ...,
    condition: Callable[[Any], object] | None = ...,
    stale: Duration | None = ...,
    single_flight: bool = ...,
    cache: ObjectCache[Any, Any] | None = ...,
) -> _Decorator: ...
def cached(
    function: Callable[..., Any] | None = None,
    /,
    *,
    maxsize: int | None = _DEFAULT,
    ttl: Duration | Callable[[Any], Duration | None] | None = None,
    typed: bool = False,
    key: Callable[..., Hashable] | None = None,
    ignore: Collection[str] = (),
    condition: Callable[[Any], object] | None = None,
    stale: Duration | None = None,
    single_flight: bool = True,
    cache: ObjectCache[Any, Any] | None = None,
) -> Any:
    """Remembers what a function, a method or a coroutine function returns: ``@cached(ttl=60)``.

    maxsize: most results kept, the least recently used going first; None: all; 0: none.
        128 by default, as with functools.
    ttl: their lifetime, in seconds or as a timedelta; or a function of the result that
        returns it, where None is for ever and 0 not at all.
    typed: 3 and 3.0 are different arguments.
    key: a function of the arguments that returns what the call is remembered by.
    ignore: names of parameters that make no difference.
    condition: a function of the result: whether to keep it.
    stale: so long after its lifetime a result is still given, while one thread or task
        computes the next.  If that fails it is logged, and tried again at the next call.
    single_flight: who wants a result that is being computed waits for it.
    cache: an ObjectCache to keep the results in, shared with others; its bounds count, and its
        statistics and ``cache_clear`` are those of all.

    Arguments must be hashable unless ``key`` makes something hashable of them.  What the function raises
    reaches all who wait, and is not kept.  None is a result like others.  ``cache_info``,
    ``cache_clear``, ``cache_parameters`` and ``__wrapped__`` are as with functools; besides there are
    ``cache_invalidate(*args)``, ``cache_contains(*args)``, ``cache_key(*args)`` and ``cache``.
    For a method, ``self`` is an argument, and part of the key unless ignored.

    Of an async function it is the result that is kept, not the coroutine.  A caller that is
    cancelled leaves the others waiting; the last one to go cancels the computation.
    """
    if cache is not None and maxsize != _DEFAULT:
        raise TypeError("a cache brings its own bounds: no maxsize with it")

    def decorate(function: Callable[..., Any]) -> Any:
        memory = _Memory[Any](
            function,
            maxsize=maxsize,
            ttl=ttl,
            typed=typed,
            key=key,
            ignore=ignore,
            condition=condition,
            stale=stale,
            cache=cache,
        )
        make = _async if inspect.iscoroutinefunction(function) else _plain
        return make(memory, single_flight)

    if function is None:
        return decorate
    if not callable(function):
        raise TypeError("@cached takes its options by name: @cached(maxsize=...)")
    return decorate(function)
