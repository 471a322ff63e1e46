"""What kind of callable something is, and which results cannot be kept."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import io
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import GeneratorType
from typing import Any

_is_coroutine_function = (
    inspect.iscoroutinefunction if sys.version_info >= (3, 14) else asyncio.iscoroutinefunction
)

_ENTERED_ONCE = (contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager)


def name_of(function: Any) -> str:
    """What an error message calls it."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _says(test: Callable[[Any], bool], function: Any) -> bool:
    """Whether the test holds for a function, or for what calling the object runs."""
    while isinstance(function, functools.partial):
        function = function.func
    if test(function) or inspect.isroutine(function) or isinstance(function, type):
        return test(function)
    return test(getattr(type(function), "__call__", None))  # noqa: B004  # what it is, not whether


def _is_awaited_generator(function: Any) -> bool:
    """Whether it is a generator function under types.coroutine."""
    code = getattr(function, "__code__", None)
    return bool(getattr(code, "co_flags", 0) & inspect.CO_ITERABLE_COROUTINE)


def is_async(function: Any) -> bool:
    """Whether calling it gives something to await for the result, as far as its code says."""
    return _says(_is_coroutine_function, function) or _says(_is_awaited_generator, function)


def is_awaitable(value: Any) -> bool:
    """Whether it stands for a result and nothing else: a coroutine, a future.

    An object of somebody's own that has ``__await__``, such as a pool of connections, is a value.
    """
    if isinstance(value, GeneratorType):
        return bool(value.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)
    return isinstance(value, Coroutine) or asyncio.isfuture(value)


def refuse_generator(function: Any) -> None:
    """TypeError for a generator function, sync or async."""
    if _says(_is_awaited_generator, function):
        return
    if _says(inspect.isgeneratorfunction, function) or _says(inspect.isasyncgenfunction, function):
        raise TypeError(
            f"@cached: {name_of(function)}() is a generator, which can be read once:"
            " let it return a list or a tuple"
        )


def _used_up(value: Any) -> str | None:
    """What a value is that can be used once."""
    if is_awaitable(value):
        return "something to await: cache an async def, or the result"
    if isinstance(value, (Generator, AsyncGenerator)):
        return "a generator: return a list or a tuple"
    if isinstance(value, _ENTERED_ONCE):
        return "a context manager that is a generator: return what it yields"
    kind = type(value)
    if isinstance(value, io.IOBase) or (kind.__module__ == "tempfile" and hasattr(value, "read")):
        return "an open file: return what is in it"
    if _is_its_own_iterator(value, kind, "__next__", iter):
        return "an iterator: return a list or a tuple"
    if _is_its_own_iterator(value, kind, "__anext__", aiter):
        return "an asynchronous iterator: return a list or a tuple"
    return None


def _is_its_own_iterator(value: Any, kind: Any, step: str, begin: Callable[[Any], Any]) -> bool:
    """Whether iterating uses it up.

    A container may be one, too, beginning anew each time: there is more to it than what comes next.
    """
    if not hasattr(kind, step) or hasattr(kind, "__len__"):
        return False
    try:
        return begin(value) is value
    except Exception:  # not today
        return False


def refuse_single_use(function: Any, value: Any) -> None:
    """TypeError for a result that would be used up by the first caller."""
    what = _used_up(value)
    if what is not None:
        if isinstance(value, (Coroutine, Generator)):
            value.close()  # so that nobody is told besides that it was never awaited
        raise TypeError(f"@cached: {name_of(function)}() returned {what}")
