"""``@cachedmethod``: as ``@cached``, with a cache for each instance.

The caches of an instance lie in its ``__dict__``, as what functools.cached_property keeps does.  Nothing
else refers to them, and they do not refer to the instance: they go when it goes.  Where a result refers to
the instance, the two are a cycle, which the garbage collector sees through.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, overload

from .cached import DEFAULT_MAXSIZE, Results, as_async, call_of
from .cached_function import CachedInstanceMethod, InstanceDecorator
from .callables import is_async, name_of, refuse_generator
from .durations import Duration
from .methods import CachedMethod

if TYPE_CHECKING:
    from .cached_call import CachedCall
else:
    from ._path import CachedCall

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_NAME: Final = "_cachecore_methods"


class _InstanceCalls:
    """What is called in place of each method of one instance.

    A shallow copy of the instance has the same object in its ``__dict__``, but is not its owner.  A deep
    copy and a pickle have an empty one: results stay where they are.
    """

    __slots__ = ("calls", "owner")

    def __init__(self, instance: object = None) -> None:
        self.owner: Any = _nobody if instance is None else weakref.ref(instance)
        self.calls: dict[Any, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _InstanceCalls, ()


def _nobody() -> None:
    return None


_creating = threading.RLock()  # a finalizer that runs meanwhile may call a method, too


def _after_fork() -> None:
    global _creating
    _creating = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


def _call_for(instance: object, method: Any, results: Results) -> Any:
    """What is called in place of the method of this instance."""
    try:
        attributes = instance.__dict__
        held = attributes.get(_NAME)
        if held is None or held.owner() is not instance:
            with _creating:
                held = attributes.get(_NAME)
                if held is None or held.owner() is not instance:
                    held = attributes[_NAME] = _InstanceCalls(instance)
    except (AttributeError, TypeError):
        raise TypeError(
            f"@cachedmethod: {name_of(results.function)}() needs an instance that has __dict__ and"
            f" __weakref__, which {type(instance).__name__!r} does not have"
        ) from None
    call = held.calls.get(method)
    if call is None:
        with _creating:
            call = held.calls.get(method)
            if call is None:
                call = call_of(results.of_instance())
                call = held.calls.setdefault(method, call)
    return call


def _method(results: Results) -> Any:
    """What the class has."""

    def bind(method: Any, instance: object) -> CachedMethod:
        return CachedMethod(_call_for(instance, method, results), instance)

    def call(instance: object, /, *args: Any, **kwargs: Any) -> Any:
        return _call_for(instance, method, results)(instance, *args, **kwargs)

    async def call_async(instance: object, /, *args: Any, **kwargs: Any) -> Any:
        return await _call_for(instance, method, results)(instance, *args, **kwargs)

    run = call_async if is_async(results.function) else call
    method: Any = CachedCall(bind, run)
    if run is call_async:
        as_async(method, run)
    method.__name__ = method.__qualname__ = name_of(results.function)
    functools.update_wrapper(method, results.function)
    method.cache_parameters = results.parameters
    return method


@overload
def cachedmethod(
    function: Callable[Concatenate[S, P], R], /
) -> CachedInstanceMethod[S, P, R]: ...
@overload
def cachedmethod(
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
) -> InstanceDecorator: ...
def cachedmethod(
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
) -> Any:
    """Remembers what a method returns, for each instance by itself: ``@cachedmethod(ttl=60)``.

    The options are those of ``@cached``, but for ``cache``.  ``maxsize`` bounds the results of one
    instance.

    Each instance has a cache of its own for each method, opened when the method is first used.  It
    does not keep the instance alive, and goes with it.  The instance is no part of the key, and need
    not be hashable; equal instances do not share results.  A ``key`` function is given the instance
    as its first argument.  Calls of one instance that want the same result at the same time share one
    computation; those of different instances do not.

    ``obj.method`` has the helpers of ``@cached``: ``cache_info``, ``cache_clear``,
    ``cache_invalidate(*args)``, ``cache_contains(*args)``, ``cache_key(*args)`` and ``cache``.  They
    concern this instance alone.

    The caches lie in the ``__dict__`` of the instance, so a class with ``__slots__`` needs the slots
    ``__dict__`` and ``__weakref__``.  Copies and pickles of an instance have no results at first.
    TypeError for class methods and static methods, which have no instance: ``@cached`` takes those.
    """

    def decorate(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)) or not callable(function):
            raise TypeError(
                f"@cachedmethod takes a method of instances, not {type(function).__name__!r}"
                " (options go by name: @cachedmethod(maxsize=...); @cached takes class methods and"
                " static methods)"
            )
        refuse_generator(function)
        return _method(
            Results(
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
                method=True,
            )
        )

    return decorate if function is None else decorate(function)
