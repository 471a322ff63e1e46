"""How a type checker sees a function under ``@cached``."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from .cache import Cache
from .object_cache import ObjectCache

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Q = ParamSpec("Q")
S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


class CacheInfo(NamedTuple):
    """What functools.lru_cache reports, too."""

    hits: int  #: calls that were answered without running the function themselves
    misses: int  #: calls that ran it
    maxsize: int | None
    currsize: int


MYPY = False  # True for mypy alone: the two tell methods from functions by different types
if MYPY:
    from collections.abc import Callable as _Callable  # pyright: ignore[reportAssignmentType]
else:

    class _Callable(Protocol[P, R_co]):
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class CachedFunction(Protocol[P, R_co]):
    """A function under ``@cached``."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[P, R_co]: ...  # the function itself, past the cache
    @property
    def cache(self) -> ObjectCache[Any, Any] | Cache[Any, Any] | None: ...  # None with maxsize=0
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload  # a class method
    def __get__(  # type: ignore[misc]  # a CachedFunction is one, as pyright sees
        self: _Callable[Concatenate[type[S], Q], R_co], instance: S | None, owner: type[S]
    ) -> CachedFunction[Q, R_co]: ...
    @overload  # as the class has it
    def __get__(self, instance: None, owner: type | None = None) -> CachedFunction[P, R_co]: ...
    @overload  # a method
    def __get__(
        self: _Callable[Concatenate[S, Q], R_co], instance: S, owner: type | None = None
    ) -> CachedFunction[Q, R_co]: ...
    @overload  # a static method
    def __get__(
        self, instance: object, owner: type | None = None
    ) -> CachedFunction[P, R_co]: ...
    def cache_info(self) -> CacheInfo: ...
    def cache_clear(self) -> None: ...
    def cache_parameters(self) -> dict[str, Any]: ...
    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> Hashable: ...
    def cache_contains(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...
    def cache_invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...


class CachedClassFunction(Protocol[P, R_co]):
    """A class method under @cached."""

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> CachedFunction[P, R_co]: ...


class Decorator(Protocol):
    @overload
    def __call__(self, function: classmethod[Any, P, R], /) -> CachedClassFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


class CachedInstanceMethod(Protocol[S_contra, P, R_co]):
    """A method under ``@cachedmethod``, as its class has it."""

    __name__: str
    __qualname__: str

    @property
    def __wrapped__(self) -> Callable[Concatenate[S_contra, P], R_co]: ...
    def __call__(self, instance: S_contra, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __get__(
        self, instance: None, owner: type | None = None
    ) -> CachedInstanceMethod[S_contra, P, R_co]: ...
    @overload
    def __get__(
        self, instance: S_contra, owner: type | None = None
    ) -> CachedFunction[P, R_co]: ...
    def cache_parameters(self) -> dict[str, Any]: ...


class InstanceDecorator(Protocol):
    def __call__(
        self, function: Callable[Concatenate[S, P], R], /
    ) -> CachedInstanceMethod[S, P, R]: ...
