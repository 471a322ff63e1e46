"""What a call is remembered by."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable
from typing import Any

_BETWEEN = object()  # positional arguments and named ones
_len = len  # should somebody put a cached one in its place
_QUICK = frozenset({int, str, bytes})  # one such argument is its own key
_CHEAP = _QUICK | {float, bool, type(None)}  # to hash, so that it may be done again


class CallKey(list[Any]):
    """Arguments as one key, whose hash is computed once.

    A list, because those can have attributes; equal to no tuple, which is a key of its own kind.
    """

    __slots__ = ("_hash",)

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self[:] = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:  # type: ignore[override]  # a list is not hashable, this one is
        return self._hash


def call_key(arguments: tuple[Any, ...], named: dict[str, Any]) -> Hashable:
    """The key of a call, as functools.lru_cache makes it."""
    if not named:
        if _len(arguments) == 1 and type(arguments[0]) in _QUICK:
            return arguments[0]  # type: ignore[no-any-return]
        for argument in arguments:
            if type(argument) not in _CHEAP:
                return CallKey(arguments)
        return arguments
    return CallKey((*arguments, _BETWEEN, *(part for item in named.items() for part in item)))


def typed_call_key(arguments: tuple[Any, ...], named: dict[str, Any]) -> Hashable:
    """As ``call_key``, with arguments of different types kept apart: 3 and 3.0."""
    types = (*map(type, arguments), *map(type, named.values()))
    if not named:
        return CallKey((*arguments, *types))
    parts = (part for item in named.items() for part in item)
    return CallKey((*arguments, _BETWEEN, *parts, *types))


def _without(
    function: Callable[..., Any], names: Collection[str]
) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Takes the arguments of these names out of a call."""
    parameters = list(inspect.signature(function).parameters.values())
    known = [parameter.name for parameter in parameters]
    for name in names:
        if name not in known:
            raise ValueError(f"ignore: {function.__qualname__}() has no parameter {name!r}")
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    skipped = {
        index
        for index, parameter in enumerate(parameters)
        if parameter.name in names and parameter.kind in positional
    }
    every = len(parameters)
    for index, parameter in enumerate(parameters):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL and parameter.name in names:
            every = index  # no argument from there on

    def take_out(
        arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        kept = tuple(
            argument for index, argument in enumerate(arguments[:every]) if index not in skipped
        )
        if every == len(parameters):
            kept += arguments[every:]
        return kept, {name: value for name, value in named.items() if name not in names}

    return take_out


def key_maker(
    function: Callable[..., Any],
    typed: bool,
    key: Callable[..., Hashable] | None,
    ignore: Collection[str],
) -> Callable[[tuple[Any, ...], dict[str, Any]], Hashable]:
    """How the calls of a function become keys."""
    if key is not None:
        if typed or ignore:
            raise TypeError("key says everything: typed and ignore do not go with it")
        by_key = key
        return lambda arguments, named: CallKey((by_key(*arguments, **named),))
    make = typed_call_key if typed else call_key
    if not ignore:
        return make
    if isinstance(ignore, str):
        ignore = (ignore,)
    take_out = _without(function, frozenset(ignore))
    return lambda arguments, named: make(*take_out(arguments, named))
