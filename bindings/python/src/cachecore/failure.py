"""An exception for several: who computed raises it, each who waited a copy.

A class may take other arguments than those that its exceptions have in ``args``, so that calling it again makes
something else, or nothing.  A copy is therefore made without calling it: a new object of the class, with what
the old one has in ``args``, in ``__dict__``, in slots, and in the members that Python's own classes have in C.
Only a class that is not Python's own and keeps something in C is asked for a copy by the ``copy`` module.  If
it has none, which nothing in the standard library does, those who wait share the exception.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    TracebackType,
)
from typing import Any, Final, TypeAlias

_Field: TypeAlias = "MemberDescriptorType | GetSetDescriptorType"

_OF_ALL: Final = frozenset((BaseException, object))
_OF_EACH: Final[tuple[_Field, ...]] = tuple(
    vars(BaseException)[name]
    for name in ("args", "__cause__", "__context__", "__suppress_context__")
)
_NOT_FIELDS: Final = ("__dict__", "__weakref__")


class Failure:
    """What a computation raised."""

    __slots__ = ("_error", "_traceback")

    def __init__(self, error: BaseException, traceback: TracebackType | None) -> None:
        self._error, self._traceback = error, traceback

    def copy(self) -> BaseException:
        """One with the same type, arguments, attributes and cause, and the traceback to the function.

        Where the class does not let itself be copied, the exception itself.
        """
        error = self._error
        twin = _twin(error)
        if twin is not error:
            for it in _OF_EACH:  # not by name: a class may have its own idea of that
                it.__set__(twin, it.__get__(error, BaseException))
            attributes = _attributes(twin)
            if isinstance(notes := attributes.get("__notes__"), list):
                attributes["__notes__"] = list(notes)
        return twin.with_traceback(self._traceback)


def _twin(error: BaseException) -> BaseException:
    for make in (_remade, _copied):
        try:
            twin = make(error)
        except Exception:  # noqa: S112  # whatever the class has to say about it
            continue
        if type(twin) is type(error) and twin is not error:
            return twin
    return error


def _attributes(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = object.__getattribute__(error, "__dict__")
    return found


def _remade(error: BaseException) -> BaseException:
    new, fields = _anatomy(type(error))
    twin: BaseException
    if isinstance(error, BaseExceptionGroup):
        twin = new(type(error), error.message, error.exceptions)
    else:
        twin = new(type(error))
    for it in fields:
        try:
            value = it.__get__(error, type(error))
        except AttributeError:  # not set
            continue
        if not _is(it, twin, value):
            it.__set__(twin, value)
    _attributes(twin).update(_attributes(error))
    return twin


def _is(it: _Field, twin: BaseException, value: object) -> bool:
    try:
        return it.__get__(twin, type(twin)) is value
    except AttributeError:
        return False


def _anatomy(kind: type) -> tuple[Callable[..., Any], tuple[_Field, ...]]:
    """What makes an object of the class, without its own code, and what such an object has in C.

    TypeError for a class that is neither Python's own nor written in Python.
    """
    makers = (vars(base).get("__new__") for base in kind.__mro__)
    new: Any = next(maker for maker in makers if isinstance(maker, BuiltinFunctionType))
    if new.__self__.__module__ != "builtins":
        raise TypeError("a class of an extension, which may have what does not show")
    fields = [
        member
        for base in kind.__mro__
        if base not in _OF_ALL
        for name, member in vars(base).items()
        if isinstance(member, (MemberDescriptorType, GetSetDescriptorType))
        and name not in _NOT_FIELDS
    ]
    return new, tuple(fields)


def _copied(error: BaseException) -> BaseException:
    twin = copy.copy(error)
    if type(twin) is not type(error) or str(twin) != str(error):
        raise TypeError("that is another one")
    _attributes(twin).update(_attributes(error))
    return twin
