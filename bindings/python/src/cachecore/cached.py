"""``@cached``: functools.lru_cache with lifetimes, single flight and ``async def``."""

from __future__ import annotations

import copy
import functools
import logging
import random
import weakref
from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from . import durations, scratch
from .cache import Cache
from .cached_function import CachedClassFunction, CachedFunction, CacheInfo, Decorator
from .awaitables import await_first, awaited
from .callables import is_async, is_awaitable, name_of, refuse_generator, refuse_single_use
from .claims import Claim
from .durations import NEVER, Duration
from .errors import CacheCoreError, RefusedError
from .keys import NOT_PLAIN, CallKey, KeyMaker
from .methods import CachedClassMethod, CachedMethod, CachedStaticMethod
from .object_cache import ObjectCache
from .serializers import Named, Serializer
from .shared_calls import SharedCalls, unsaid
from .sharing import Place
from .single_flight import SingleFlight

if TYPE_CHECKING:
    from .cached_call import CachedCall
else:
    from ._path import CachedCall

P = ParamSpec("P")
R = TypeVar("R")

_ABSENT = scratch.ABSENT
DEFAULT_MAXSIZE = unsaid(128)
_UNBOUNDED = 2**62

_log = logging.getLogger("cachecore")


class Results(SingleFlight):
    """The cache of the results of a function, and the rules by which it keeps them.

    Those of a ``method`` are the rules alone, until ``of_instance`` gives them a cache.
    """

    cache: Any

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
        none_ttl: Duration | None,
        early: bool,
        jitter: Duration | None,
        single_flight: bool,
        cache: ObjectCache[Any, Any] | None = None,
        method: bool = False,
    ) -> None:
        self.typed = typed
        self.ttl = ttl
        self.condition = condition
        self.stale = stale
        self.none_ttl = none_ttl
        self.early = early
        self.jitter = 0.0 if jitter is None else durations.ttl_ms(jitter, "jitter") / 1000
        for name, given in (("stale", stale), ("none_ttl", none_ttl)):
            durations.ttl_ms(given, name)  # to complain now, not later
        for name, given in (("stale", stale), ("early", early or None), ("jitter", jitter)):
            if ttl is None and given is not None:
                raise ValueError(f"{name} needs a ttl")
        if not callable(ttl):
            ttl_ms = durations.ttl_ms(ttl)
            if ttl is not None and self.jitter * 1000 >= ttl_ms:
                raise ValueError("jitter must be less than the ttl")
        self.calls = KeyMaker(function, typed, key, ignore, method)
        if cache is None:
            self.maxsize = maxsize if maxsize is None else max(0, maxsize)
            cache = None if method else self._opened()
            self.key, self.plain = self.calls.make, self.calls.plain
        else:
            self.maxsize = cache.stats().entries_limit
            make = self.calls.make
            self.key = lambda arguments, named: CallKey((function, make(arguments, named)))
            self.plain = NOT_PLAIN
        self.passed = 0  # calls, where there is no cache
        super().__init__(
            cache, function, early=early, single_flight=single_flight, counted=not early
        )

    def _opened(self) -> ObjectCache[Any, Any] | None:
        """A cache of its own; None with maxsize=0."""
        if self.maxsize == 0:
            return None
        return ObjectCache(_UNBOUNDED if self.maxsize is None else self.maxsize)

    def of_instance(self) -> Results:
        """The same rules, with a cache and counters of its own."""
        made = copy.copy(self)
        made.cache = self._opened()
        return made

    # -- Storing ---------------------------------------------------------------------------------

    def keep(self, claim: Claim, key: Hashable, value: Any) -> None:
        """Stores a result, unless it was invalidated while it was computed.

        A result that is not to be kept displaces an older one all the same.
        """
        refuse_single_use(self.function, value)
        if not claim.held or self.cache is None:
            return
        wanted = self.condition is None or self.condition(value)
        none_ttl = self.none_ttl if value is None else None
        ttl = 0 if not wanted or none_ttl is not None else self._lifetime(value)
        try:
            if wanted and none_ttl is not None:
                claim.fulfill_absent(none_ttl)
            elif ttl > 0:
                claim.fulfill(self.encoded(value), ttl, stale=self.stale)
            elif claim.stands:
                self.cache.delete(key)
        except CacheCoreError as error:  # RefusedError: heavier than the cache may be
            if not isinstance(error, RefusedError):
                _log.warning("a result was computed, and could not be kept", exc_info=True)

    def encoded(self, value: Any) -> Any:
        """A result as it is stored."""
        return value

    def reader(self) -> Callable[[Any, Any], Any] | None:
        """What looks for a result at first, if anything does."""
        return None if self.cache is None or self.early else self.cache.get

    def _lifetime(self, value: Any) -> float:
        """Seconds that a result is to be kept, NEVER for no end; 0 or less: it is not."""
        ttl = self.ttl(value) if callable(self.ttl) else self.ttl
        if ttl is None:
            return NEVER
        lifetime = durations.result_ttl(ttl)
        if not self.jitter or lifetime <= 0:
            return lifetime
        return lifetime - random.uniform(0, min(self.jitter, lifetime))

    # -- The helpers of the function -------------------------------------------------------------

    def info(self) -> CacheInfo:
        if self.cache is None:
            return CacheInfo(0, self.passed, self.maxsize, 0)
        stats = self.cache.stats()
        hits = stats.hits + stats.stale_served + self.shared
        misses = stats.misses - stats.stale_served + self.alone
        return CacheInfo(hits, misses, self.maxsize, stats.entries)

    def clear(self) -> None:
        """Forgets all results, also those that are being computed, and sets the counters to zero."""
        self.passed = self.shared = self.alone = 0
        if self.cache is not None:
            self.cache.clear()
            self.cache.reset_stats()

    def parameters(self) -> dict[str, Any]:
        given = {"maxsize": self.maxsize, "typed": self.typed}
        return given if self.ttl is None else {**given, "ttl": self.ttl}

    def call_key(self, *args: Any, **kwargs: Any) -> Hashable:
        """What this call is remembered by; TypeError if the function cannot be called so."""
        self.calls.check(args, kwargs)
        return self.key(args, kwargs)

    def contains(self, *args: Any, **kwargs: Any) -> bool:
        """Whether the result of this call is there, and is not stale."""
        key = self.call_key(*args, **kwargs)
        return self.cache is not None and self.cache.contains(key)

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Forgets the result of this call, also one that is being computed; whether it was there."""
        key = self.call_key(*args, **kwargs)
        return self.cache is not None and self.cache.delete(key)

    def dress(self, call: Any) -> Any:
        """Gives what stands for the function its name and its helpers."""
        call.__name__ = call.__qualname__ = name_of(self.function)
        functools.update_wrapper(call, self.function)
        call.cache = self.cache
        call.cache_info = self.info
        call.cache_clear = self.clear
        call.cache_parameters = self.parameters
        call.cache_key = self.call_key
        call.cache_contains = self.contains
        call.cache_invalidate = self.invalidate
        return call


class _SharedResults(SharedCalls, Results):
    """The same in a cache that processes share."""


def _plain(results: Results) -> Any:
    function, cache = results.function, results.cache

    async def later(value: Any) -> Any:
        value = await value
        refuse_single_use(function, value)
        return value

    def pass_on(*args: Any, **kwargs: Any) -> Any:
        results.passed += 1
        value = function(*args, **kwargs)
        if is_awaitable(value):
            return later(value)
        refuse_single_use(function, value)
        return value

    if cache is None:
        return results.dress(CachedCall(CachedMethod, pass_on))
    run = (results.begin, function, results.done, results.failed)
    look = (results.reader(), _ABSENT, results.key, results.plain, CallKey)
    call = CachedCall(CachedMethod, run, look)
    reference = weakref.ref(call)  # which refers to the results, and these to `awaits`: no cycle

    def awaits(results: Any, key: Any, value: Any) -> Any:
        present = reference()
        if present is not None:
            present._become(_awaiting(results, awaited(function)))
        return await_first(results, key, value)

    results.awaits = awaits
    return results.dress(call)


def as_async(call: Any, function: Any) -> None:
    """Has inspect.iscoroutinefunction take what is called for the coroutine function."""
    call.__code__, call.__defaults__, call.__kwdefaults__ = function.__code__, None, None


def _awaiting(results: Results, function: Callable[..., Any]) -> Callable[..., Any]:
    """What asks the cache, and awaits the function where that has nothing."""
    make_key, miss, get = results.key, results.miss_awaiting, results.reader()

    async def call(*args: Any, **kwargs: Any) -> Any:
        key = make_key(args, kwargs)
        value = _ABSENT if get is None else get(key, _ABSENT)
        if value is not _ABSENT:
            return value
        return await miss(key, lambda: function(*args, **kwargs))

    return call


def _async(results: Results) -> Any:
    function = results.function

    async def pass_on(*args: Any, **kwargs: Any) -> Any:
        results.passed += 1
        value = await function(*args, **kwargs)
        refuse_single_use(function, value)
        return value

    run = pass_on if results.cache is None else _awaiting(results, function)
    wrapper: Any = CachedCall(CachedMethod, run)
    as_async(wrapper, run)
    return results.dress(wrapper)


def call_of(results: Results) -> Any:
    """What is called in place of the function."""
    return (_async if is_async(results.function) else _plain)(results)


@overload
def cached(function: classmethod[Any, P, R], /) -> CachedClassFunction[P, R]: ...
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
    none_ttl: Duration | None = ...,
    early: bool = ...,
    jitter: Duration | None = ...,
    single_flight: bool = ...,
    cache: ObjectCache[Any, Any] | None = ...,
    shared: Place | Cache[Any, Any] | None = ...,
    serializer: Named | Serializer[Any] | None = ...,
    name: str | None = ...,
) -> Decorator: ...
def cached(
    function: Any = None,
    /,
    *,
    maxsize: int | None = DEFAULT_MAXSIZE,
    ttl: Duration | Callable[[Any], Duration | None] | None = None,
    typed: bool = False,
    key: Callable[..., Hashable] | None = None,
    ignore: Collection[str] = (),
    condition: Callable[[Any], object] | None = None,
    stale: Duration | None = None,
    none_ttl: Duration | None = None,
    early: bool = False,
    jitter: Duration | None = None,
    single_flight: bool = True,
    cache: ObjectCache[Any, Any] | None = None,
    shared: Place | Cache[Any, Any] | None = None,
    serializer: Any = _ABSENT,
    name: str | None = None,
) -> Any:
    """Remembers what a function, a method or a coroutine function returns: ``@cached(ttl=60)``.

    maxsize: most results kept, the least recently used going first; None: all; 0: none.
        128 by default, as with functools.
    ttl: their lifetime, in seconds or as a timedelta; or a function of the result that
        returns it, where None is for ever and 0 or less not at all.
    typed: 3 and 3.0 are different arguments.
    key: a function of the arguments that returns what the call is remembered by.
    ignore: names of parameters that make no difference.
    condition: a function of the result: whether to keep it.
    stale: so many seconds after its lifetime a result is still given, while one thread or task
        computes the next.  If that fails it is logged, and tried again at the next call.
    none_ttl: None is no result, but says that there is none: it is kept for so many seconds, whatever
        ``ttl`` is, and never stale.  Without it, None is a result like others.
    early: have one thread or task compute a result anew a little before its lifetime ends.  Each call is
        elected with a probability that rises with the time that the result took, and as the
        end comes closer.  A hit costs some microseconds more.
    jitter: each lifetime is shorter by a random time up to this one, so that results which were
        computed together do not expire together.  Less than ttl.  (That of a cache is a part of
        each lifetime, not a time.)
    single_flight: who wants a result that is being computed waits for it, in any thread or event
        loop.  False: computes it, too; the first one's result is stored.
    cache: an ObjectCache to keep the results in, shared with others; its bounds count, and its
        statistics and ``cache_clear`` are those of all.  A result heavier than it may hold is
        returned, and not kept.
    shared: keep the results in a cache of all processes that name the same place, as ``shared`` of a Cache
        is, or in a Cache that is shared: one computes, and all have the result; the statistics, the
        invalidation and what is stale are those of all.  Its bounds are those of who made it:
        maxsize results, 10,000 by default.  ``cache_clear`` forgets those of this function.
    serializer: how results become bytes there, as in Cache; "pickle" by default.  None: they are bytes.
    name: what the function is called there; its module and name by default.  Another name, where results
        that an older program has stored are no longer right.

    With ``shared``, arguments must be such that every process makes the same key of them: numbers, strings,
    bytes, dates, enums, classes, frozen dataclasses, and tuples and frozensets of these.

    Arguments must be hashable unless ``key`` makes something hashable of them.  A call is one however it is
    written, by position, by name or with a default left out.  What the function raises reaches all
    who wait, and is not kept.  A newer result that is not kept displaces
    an older one.

    ``cache_info``, ``cache_clear``, ``cache_parameters`` and ``__wrapped__`` are as with functools; besides
    there are ``cache_invalidate(*args)``, ``cache_contains(*args)``, ``cache_key(*args)``, which raise
    TypeError for what is no call of the function, and ``cache``.  What is invalidated while it is computed
    is given to those who asked before, and is not stored.  For a method, ``self`` is an argument, and
    part of the key unless ignored; ``obj.method.cache_invalidate(*args)`` gives it by itself.

    Of an async function, and of one that returns something to await, it is the result that is kept, not
    the coroutine.  A caller that is
    cancelled leaves the others waiting; the last one to go cancels the computation, and waits
    for its cleaning up.  TypeError for generators, and for results that can be used only once.
    """
    if not isinstance(cache, (ObjectCache, type(None))):
        raise TypeError(f"cache must be an ObjectCache, not {type(cache).__name__!r}")
    if cache is not None and maxsize is not DEFAULT_MAXSIZE:
        raise TypeError("maxsize cannot be given together with cache, which has its own bounds")
    rules: dict[str, Any] = {}
    if shared is None:
        if serializer is not _ABSENT or name is not None:
            raise TypeError("serializer and name go with shared")
    elif cache is not None:
        raise TypeError("results are in a cache or in a shared one: not both")
    elif maxsize is None:
        raise ValueError("shared: a cache that processes share needs a maxsize")
    else:
        rules = {"shared": shared, "serializer": serializer, "name": name}

    def decorate(function: Any) -> Any:
        if isinstance(function, staticmethod):
            return CachedStaticMethod(decorate(function.__func__))
        if isinstance(function, classmethod):
            return CachedClassMethod(decorate(function.__func__))
        if not callable(function):
            raise TypeError(
                f"@cached takes a function, not {type(function).__name__!r} (options go by name:"
                " @cached(maxsize=...); @property goes above @cached)"
            )
        refuse_generator(function)
        results = (Results if shared is None else _SharedResults)(
            function,
            maxsize=maxsize,
            ttl=ttl,
            typed=typed,
            key=key,
            ignore=ignore,
            condition=condition,
            stale=stale,
            none_ttl=none_ttl,
            early=early,
            jitter=jitter,
            single_flight=single_flight,
            cache=cache,
            **rules,
        )
        return call_of(results)

    return decorate if function is None else decorate(function)
