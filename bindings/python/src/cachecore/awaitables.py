"""Functions of which it shows only by what they return that they are to be awaited.

A plain ``def`` may return a coroutine: a lambda around an ``async def``, a decorator that is not async itself,
an object whose ``__call__`` hands one on.  Nothing says so before the first call.  What that returned is then
awaited as an async function's would be, by whoever gets to it first, and from then on the function counts as
one: every call gives something to await, a hit too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .callables import is_awaitable
from .single_flight import SingleFlight


def awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as an async one, also where it returns no awaitable once."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return await value if is_awaitable(value) else value

    return run


async def await_first(flights: SingleFlight, key: Any, value: Any) -> Any:
    """The result of a call whose function has returned this awaitable, unless another's comes first."""
    given = [value]

    async def take() -> Any:
        return await given.pop()

    try:
        return await flights.miss_awaiting(key, take)
    finally:
        for left in given:  # which nobody will await
            if asyncio.iscoroutine(left):
                left.close()
