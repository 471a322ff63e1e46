"""What kind of callable something is, and which results cannot be kept."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
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


def is_async(function: Any) -> bool:
    """Whether calling it gives something to await for the result."""
    return _says(_is_coroutine_function, function)


def refuse_generator(function: Any) -> None:
    """TypeError for a generator function, sync or async."""
    if _says(inspect.isgeneratorfunction, function) or _says(inspect.isasyncgenfunction, function):
        raise TypeError(
            f"@cached: {name_of(function)}() is a generator, which can be read once:"
            " let it return a list or a tuple"
        )


def _used_up(value: Any) -> str | None:
    """What a value is that can be used once."""
    if isinstance(value, Coroutine) or asyncio.isfuture(value):
        return "something to await: cache an async def, or the result"
    if isinstance(value, (Generator, AsyncGenerator)):
        return "a generator: return a list or a tuple"
    if isinstance(value, _ENTERED_ONCE):
        return "a context manager that is a generator: return what it yields"
    if type(value).__module__ in ("builtins", "itertools") and isinstance(value, Iterator):
        return "an iterator: return a list or a tuple"
    return None


def refuse_single_use(function: Any, value: Any) -> None:
    """TypeError for a result that would be used up by the first caller."""
    what = _used_up(value)
    if what is not None:
        if isinstance(value, (Coroutine, Generator)):
            value.close()  # so that nobody is told besides that it was never awaited
        raise TypeError(f"@cached: {name_of(function)}() returned {what}")
