"""What a function under @cached is as an attribute of an object or a class."""

from __future__ import annotations

import functools
from typing import Any


class CachedMethod(functools.partial[Any]):
    # ``obj.method``: the function with its first argument, in the helpers, too.

    __doc__ = property(lambda self: self.func.__doc__)  # pyright: ignore[reportAssignmentType]

    __func__ = property(lambda self: self.func)
    __self__ = property(lambda self: self.args[0])

    def __get__(self, instance: object, owner: type | None = None) -> CachedMethod:
        return self

    def _help(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        helper = getattr(self.__func__, name)
        try:
            return helper(self.__self__, *args, **kwargs)
        except TypeError:
            if not args or args[0] is not self.__self__:
                raise
            return helper(*args, **kwargs)  # where it was given, too, as other caches want it

    def cache_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._help("cache_key", args, kwargs)

    def cache_contains(self, *args: Any, **kwargs: Any) -> Any:
        return self._help("cache_contains", args, kwargs)

    def cache_invalidate(self, *args: Any, **kwargs: Any) -> Any:
        return self._help("cache_invalidate", args, kwargs)

    @property
    def __wrapped__(self) -> Any:
        function = self.__func__.__wrapped__
        if hasattr(type(function), "__get__"):
            return function.__get__(self.__self__, type(self.__self__))
        return functools.partial(function, self.__self__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CachedMethod):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.__func__.__name__)

    def __repr__(self) -> str:
        return f"<cached method {self.__func__.__qualname__} of {self.__self__!r}>"


class CachedClassMethod(classmethod):  # type: ignore[type-arg]
    """A class method under @cached."""

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return CachedMethod(self.__func__, type(instance) if owner is None else owner)


class CachedStaticMethod(staticmethod):  # type: ignore[type-arg]
    """A static method under @cached; outside a class a function."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)
