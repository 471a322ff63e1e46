"""What a call is remembered by.

A call is bound to the parameters of the function, so that one call is one key however it is written:
``f(1, 2)``, ``f(1, y=2)`` and, where that is the default, ``f(1)``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Hashable
from typing import Any, NamedTuple

from .callables import name_of

_BETWEEN = object()  # what the parameters were given and other named arguments
_DEFAULT = object()  # stands for a default that is not hashable, or not for us to know
_REQUIRED = object()  # stands for none
#: what these are in a key that is text, by their ids; see stable_keys.py
TOKENS = {id(_BETWEEN): "<named>", id(_DEFAULT): "<default>", id(_REQUIRED): "<required>"}
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


def _key_of(parts: tuple[Any, ...]) -> Hashable:
    if _len(parts) == 1 and type(parts[0]) in _QUICK:
        return parts[0]  # type: ignore[no-any-return]
    for part in parts:
        if type(part) not in _CHEAP:
            return CallKey(parts)
    return parts


def _typed_key_of(parts: tuple[Any, ...]) -> Hashable:
    """As ``_key_of``, with arguments of different types kept apart: 3 and 3.0."""
    return CallKey((*parts, *map(type, parts)))


def _unbound(arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The parts of a call of a function whose parameters are not known."""
    if not named:
        return arguments
    return (*arguments, _BETWEEN, *(part for item in named.items() for part in item))


def _stand_in(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """What an argument that was not given is in a key."""
    if parameter.default is parameter.empty:
        return _REQUIRED
    if hasattr(function, "__wrapped__"):
        return _DEFAULT  # a decorator in between may give another
    try:
        hash(parameter.default)
    except TypeError:
        return _DEFAULT
    return parameter.default


def _without_first(signature: inspect.Signature) -> inspect.Signature:
    """The signature of a method that is bound to an instance."""
    every = list(signature.parameters.values())
    if not every or every[0].kind in (every[0].KEYWORD_ONLY, every[0].VAR_KEYWORD):
        raise TypeError("a method has a parameter for its instance")
    if every[0].kind is every[0].VAR_POSITIONAL:
        return signature
    return signature.replace(parameters=every[1:])


class Plain(NamedTuple):
    """Calls without named arguments whose parts are the arguments and then some defaults."""

    full: int  #: so many parts they are, if not more
    most: int  #: with at most so many arguments; -1: there are no such calls
    defaults: tuple[Any, ...]  #: of the last parameters


NOT_PLAIN = Plain(0, -1, ())


class Parameters:
    """The parameters of a function, and how its calls are bound to them."""

    def __init__(
        self, function: Callable[..., Any], ignore: Collection[str], method: bool = False
    ) -> None:
        """ValueError if the function does not say what it takes, or not something to be ignored.

        method: the parameters are those that are left when the first argument is the instance.
        """
        self.signature = inspect.signature(function)
        if method:
            self.signature = _without_first(self.signature)
        found = self.signature.parameters
        for name in ignore:
            if name not in found:
                raise ValueError(f"ignore: {name_of(function)}() has no parameter {name!r}")
        every = list(found.values())
        positional = [p for p in every if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        by_name = [p for p in every if p.kind is p.KEYWORD_ONLY]
        #: name, None if it cannot be given by name, and stand-in of each, those by position first
        self._known = [
            (None if p.kind is p.POSITIONAL_ONLY else p.name, _stand_in(function, p))
            for p in positional + by_name
        ]
        self._names = {name for name, _ in self._known}
        self._count = _len(positional)
        self._more = any(p.kind is p.VAR_POSITIONAL for p in every)
        self._more_named = any(p.kind is p.VAR_KEYWORD for p in every)
        ignored = [p for p in every if p.name in ignore]
        self._ignored = {i for i, p in enumerate(positional + by_name) if p in ignored}
        self._without_more = any(p.kind is p.VAR_POSITIONAL for p in ignored)
        self._without_more_named = any(p.kind is p.VAR_KEYWORD for p in ignored)
        plain = Plain(_len(self._known), self._count, ())
        for _, stand_in in reversed(self._known):
            if stand_in is _REQUIRED:
                break
            plain = plain._replace(defaults=(stand_in, *plain.defaults))
        if self._more and not by_name:
            plain = plain._replace(most=sys.maxsize)
        self.plain = NOT_PLAIN if ignore else plain

    def parts(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...] | None:
        """What was given to each parameter, in their order; None if it is no call of the function."""
        given = _len(arguments)
        if given > self._count and not self._more:
            return None
        values = [*arguments[: self._count]]
        taken = 0
        for name, stand_in in self._known[min(given, self._count) :]:
            if name in named:
                values.append(named[name])
                taken += 1
            elif stand_in is _REQUIRED:
                return None
            else:
                values.append(stand_in)
        rest = {}
        if taken < _len(named):
            rest = {name: value for name, value in named.items() if name not in self._names}
            if taken + _len(rest) < _len(named) or not self._more_named:
                return None
        if self._ignored:
            values = [part for index, part in enumerate(values) if index not in self._ignored]
        if not self._without_more:
            values += arguments[self._count :]
        return tuple(values) if self._without_more_named else _unbound(tuple(values), rest)


class KeyMaker:
    """How the calls of a function become keys.

    Of a ``method`` the first argument is the instance, and is no part of the key.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        typed: bool,
        key: Callable[..., Hashable] | None,
        ignore: Collection[str],
        method: bool = False,
    ) -> None:
        if key is not None and (typed or ignore):
            raise TypeError("typed and ignore cannot be given together with key")
        if isinstance(ignore, str):
            ignore = (ignore,)
        of = _typed_key_of if typed else _key_of
        self._parameters: Parameters | None
        try:
            self._parameters = Parameters(function, frozenset(ignore), method)
        except (ValueError, TypeError):
            if ignore or method:
                raise
            self._parameters = None  # a builtin that does not say
        self._first = int(method)  # of the arguments that are part of a call
        self._checks = key is None and not hasattr(function, "__wrapped__")
        #: which calls are their own keys but for CallKey
        self.plain = NOT_PLAIN
        #: the key of a call; also of one that the function will refuse
        self.make: Callable[[tuple[Any, ...], dict[str, Any]], Hashable]
        if key is not None:
            by_key = key
            self.make = lambda arguments, named: CallKey((by_key(*arguments, **named),))
        elif self._parameters is None:
            self.make = lambda arguments, named: of(_unbound(arguments, named))
        else:
            bind = self._parameters.parts
            full, most, defaults = plain = self._parameters.plain
            known = _len(defaults)
            if not typed:
                self.plain = plain

            def make(arguments: tuple[Any, ...], named: dict[str, Any]) -> Hashable:
                given = _len(arguments)
                if not named and given <= most and full - given <= known:
                    return of(arguments if given >= full else arguments + defaults[given - full :])
                parts = bind(arguments, named)
                return of(_unbound(arguments, named) if parts is None else parts)

            self.make = make
        if method and key is None:
            bound = self.make
            self.plain = NOT_PLAIN
            self.make = lambda arguments, named: bound(arguments[1:], named)

    def check(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """TypeError if the function cannot be called so: nothing is remembered by such a call."""
        known = self._parameters if self._checks else None
        arguments = arguments[self._first :]
        if known is not None and known.parts(arguments, named) is None:
            known.signature.bind(*arguments, **named)
