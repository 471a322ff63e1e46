"""An exception for several: each of those who waited has an object of its own, whatever its class."""

from __future__ import annotations

import asyncio
import builtins
import copy
import importlib
import io
import json
import subprocess
import threading
import time
import traceback
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

import pytest
from concurrent_calls import ended, in_thread

from cachecore import ObjectCache, cached
from cachecore.failure import Failure


class Message(Exception):
    """What it is called with is not what is in ``args``."""

    def __init__(self, code: int, text: str = "failed") -> None:
        super().__init__(f"{text} with {code}")
        self.code = code


class Named(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__("named")
        self.code = code


class Silent(Exception):
    def __init__(self, first: object, second: object) -> None:
        self.first = first


class Slots(OSError):
    __slots__ = ("__hidden", "unset")

    def __init__(self, hidden: object) -> None:
        self.__hidden = hidden

    @property
    def hidden(self) -> object:
        return self.__hidden


@dataclass
class Data(Exception):
    name: str
    number: int = 3


@dataclass(frozen=True)
class Frozen(Exception):
    name: str


class Counted(Exception):
    """Its code must not run a second time."""

    made = 0

    def __new__(cls, *args: object) -> Counted:
        Counted.made += 1
        return super().__new__(cls, *args)

    def __init__(self, text: str) -> None:
        Counted.made += 1
        super().__init__(text.upper())


class Stubborn(Exception):
    """Says that it cannot be copied."""

    def __init__(self) -> None:
        super().__init__("stubborn")
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:
        raise TypeError("not this one")

    __copy__ = __deepcopy__ = __reduce__


class Odd(Exception):
    """Names that mean something else."""

    args = property(lambda self: ("other",))  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Group(ExceptionGroup[Exception]):
    def __new__(cls, code: int) -> Group:
        return super().__new__(cls, f"group {code}", [ValueError("a"), KeyError("b")])

    def __init__(self, code: int) -> None:
        self.code = code


def _written(what: str) -> Exception:
    try:
        exec(what, {})
    except Exception as error:
        return error.with_traceback(None)
    raise AssertionError


MAKERS: dict[str, Callable[[], Exception]] = {
    "ValueError": lambda: ValueError("db", 3),
    "KeyError": lambda: KeyError("x"),
    "Message": lambda: Message(7),
    "Named": lambda: Named(code=7),
    "Silent": lambda: Silent(1, 2),
    "Slots": lambda: Slots([1]),
    "Data": lambda: Data("a"),
    "Frozen": lambda: Frozen("a"),
    "Counted": lambda: Counted("text"),
    "Stubborn": Stubborn,
    "Odd": Odd,
    "Group": lambda: Group(4),
    "OSError": lambda: OSError(2, "none", "a", None, "b"),
    "OSError, changed": lambda: _changed(OSError(), args=(2, "not here")),
    "HTTPError": lambda: urllib.error.HTTPError("u", 500, "m", {}, None),  # type: ignore[arg-type]
    "JSONDecodeError": lambda: json.JSONDecodeError("m", "doc", 1),
    "CalledProcessError": lambda: subprocess.CalledProcessError(1, ["a"], "out"),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "BlockingIOError": lambda: BlockingIOError(11, "again", 5),
    "SyntaxError": lambda: _written("a b"),
    "ParseError": lambda: ParseError("at", ("f", 1, 2, "text")),
    "ImportError": lambda: ImportError("no", name="n", path="p"),
    "AttributeError": lambda: _written("int.nothing"),
    "NameError": lambda: _written("nothing"),
    "UnsupportedOperation": lambda: io.UnsupportedOperation("read"),
    "changed": lambda: _changed(Message(7), args=("other",), code=8),
}


def _changed(error: Exception, **attributes: object) -> Exception:
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


FIELDS = (
    *("errno", "strerror", "filename", "filename2", "characters_written", "encoding", "object"),
    *("start", "end", "reason", "msg", "name", "path", "obj", "lineno", "offset", "text", "value"),
    *("message", "exceptions", "code", "hidden", "unset", "position", "doc", "pos", "hdrs", "fp"),
)


def look(error: BaseException) -> dict[str, Any]:
    """What shows of an exception, each object by its identity."""
    base: Any = vars(BaseException)
    seen = {name: id(vars(error)[name]) for name in vars(error) if name != "__notes__"}
    seen["notes"] = list(vars(error).get("__notes__", ()))
    seen["args"] = [id(one) for one in base["args"].__get__(error)]
    for name in ("__cause__", "__context__", "__suppress_context__"):
        seen[name] = id(base[name].__get__(error))
    if not isinstance(error, Odd):
        missing = object()
        for name in FIELDS:
            value = getattr(error, name, missing)
            seen[f".{name}"] = "none" if value is missing else _known(value)
    seen["text"] = "".join(traceback.format_exception_only(error))
    return seen


def _known(value: object) -> object:
    return value if isinstance(value, (int, str, bytes, type(None))) else id(value)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_copy_has_everything_and_is_another(kind: str) -> None:
    error = MAKERS[kind]()
    cause = OSError("below")
    made = Counted.made
    for name, value in (("__cause__", cause), ("__suppress_context__", True)):
        vars(BaseException)[name].__set__(error, value)
    BaseException.add_note(error, "a note") if not isinstance(error, (Odd, Frozen)) else None
    look(error)  # HTTPError remembers what it was asked for, up to Python 3.11.3
    before = look(error)
    twin = Failure(error, None).copy()
    assert twin is not error and type(twin) is type(error)
    assert look(twin) == before == look(error)
    assert Counted.made == made
    if "__notes__" in vars(error):
        twin.add_note("for one alone")
        assert look(error) == before


@pytest.mark.parametrize("kind", MAKERS)
def test_waiters_have_exceptions_of_their_own(kind: str) -> None:
    """One who comes too late has one that he made himself."""
    entered, go_on = threading.Event(), threading.Event()

    @cached
    def f() -> None:
        entered.set()
        assert go_on.wait(30)
        raise MAKERS[kind]()

    threads = [in_thread(f) for _ in range(6)]
    assert entered.wait(30)
    time.sleep(0.05)
    go_on.set()
    raised = []
    for thread, results in threads:
        assert ended(thread)
        raised += results
    assert {type(one) for one in raised} == {type(MAKERS[kind]())}
    assert len({id(one) for one in raised}) == 6
    assert max(len(traceback.extract_tb(one.__traceback__)) for one in raised) < 10


@pytest.mark.parametrize("kind", ["ValueError", "Message", "JSONDecodeError", "HTTPError"])
@pytest.mark.parametrize("caller", ["cached", "get_or_set_async"])
def test_tasks_have_exceptions_of_their_own(kind: str, caller: str) -> None:
    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise MAKERS[kind]()

    async def main() -> None:
        cache, f = ObjectCache[int, None](10), cached(fails)
        if caller == "cached":
            calls = [f() for _ in range(10)]
        else:
            calls = [cache.get_or_set_async(1, fails) for _ in range(10)]
        raised = await asyncio.gather(*calls, return_exceptions=True)
        assert len({id(one) for one in raised}) == 10
        assert {type(one) for one in raised} == {type(MAKERS[kind]())}

    asyncio.run(asyncio.wait_for(main(), 30))


def test_those_who_wait_for_get_or_set_have_exceptions_of_their_own() -> None:
    entered, go_on = threading.Event(), threading.Event()
    cache = ObjectCache[int, None](10)

    def fails() -> None:
        entered.set()
        assert go_on.wait(30)
        raise Message(7)

    threads = [in_thread(lambda: cache.get_or_set(1, fails)) for _ in range(6)]
    assert entered.wait(30)
    time.sleep(0.05)
    go_on.set()
    assert all(ended(thread) for thread, _ in threads)
    raised = [one for _, results in threads for one in results]
    assert len({id(one) for one in raised}) == 6 and {one.code for one in raised} == {7}


STANDARD = (
    *("asyncio", "binascii", "concurrent.futures", "configparser", "csv", "ctypes", "decimal"),
    *("email.errors", "ftplib", "http.client", "imaplib", "json", "lzma", "multiprocessing"),
    *("pickle", "queue", "re", "select", "shutil", "smtplib", "socket", "sqlite3", "ssl", "struct"),
    *("subprocess", "tarfile", "threading", "urllib.error", "xml.parsers.expat", "xml.sax"),
    *("zipfile", "zlib", "zoneinfo"),
)


def _classes(base: type[BaseException]) -> set[type[BaseException]]:
    below: set[type[BaseException]] = set()
    for kind in base.__subclasses__():
        below |= {kind} | _classes(kind)
    return below


def test_every_class_of_the_standard_library_can_be_copied() -> None:
    named = [kind for kind in vars(builtins).values() if isinstance(kind, type)]
    for name in STANDARD:
        named += [it for it in vars(importlib.import_module(name)).values() if isinstance(it, type)]
    kinds = [kind for kind in named if issubclass(kind, BaseException)]
    assert len(kinds) > 150
    for kind in kinds:
        group = issubclass(kind, BaseExceptionGroup)
        error = kind.__new__(kind, *(("group", [ValueError("a")]) if group else ()))
        twin = Failure(error, None).copy()
        assert twin is not error and type(twin) is type(error), kind


class Impossible(Exception):
    """As one of an extension that supports no copies."""


def test_where_no_copy_can_be_made_it_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(error: BaseException) -> BaseException:
        raise TypeError("no")

    monkeypatch.setattr("cachecore.failure._remade", refuses)
    monkeypatch.setattr(copy, "copy", refuses)
    error = Impossible("x")
    assert Failure(error, None).copy() is error


class Extension(Exception):
    """As one of an extension: what makes it is not Python's own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __reduce__(self) -> Any:
        return Extension, (self.text,), {"text": self.text}


def test_a_class_of_an_extension_is_asked_for_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cachecore.failure._anatomy", lambda kind: 1 / 0)
    error = Extension("a")
    error.args = ("changed",)
    error.text = "changed"
    error.__cause__ = KeyError("b")
    twin = Failure(error, None).copy()
    assert twin is not error and look(twin) == look(error)
