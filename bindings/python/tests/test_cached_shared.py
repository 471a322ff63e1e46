"""``@cached(shared=...)``: results of functions in a cache of several processes."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually, run_python
from processes import ended, forked, in_child, kill

from cachecore import NEVER, Cache, ClosedError, ObjectCache, cached, single_flight

# CPython 3.12 and later warn of any fork while there is a second thread.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def calls() -> Cache:
    """Counters of this process and its children."""
    return Cache(1000, shared=":memory:")


def count(calls: Cache, name: str = "calls") -> int:
    return int(calls.get(name, b"0"))


def test_what_one_computed_all_have(place: str, calls: Cache) -> None:
    @cached(shared=place, ttl=60, name="f")
    def f(a: int, b: int = 2, *, c: object = None) -> Any:
        calls.increment("calls")
        return {"a": a, "pid": os.getpid(), "c": c}

    first = f(1)

    def child() -> None:
        assert f(1, 2) == f(a=1, c=None) == first
        assert f(1, 3)["pid"] == os.getpid()

    in_child(child)
    assert f(1, 3)["pid"] != os.getpid() and count(calls) == 2
    info = f.cache_info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (3, 2, 10_000, 2)
    assert f.cache_contains(1) and not f.cache_contains(7)
    assert f.cache_key(1) == b"f(1,2,None)" and f(1) is not first


def test_one_computes_over_all_processes(place: str, calls: Cache) -> None:
    @cached(shared=place, name="f")
    def f(number: int) -> int:
        calls.increment(f"{number}")
        threading.Event().wait(0.002)
        return number * number

    def child() -> None:
        asked: list[int] = []
        threads = [
            threading.Thread(target=lambda: asked.extend(map(f, range(20)))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(asked) == sorted([number * number for number in range(20)] * 2)

    assert ended(*[forked(child) for _ in range(3)]) == [0] * 3
    assert [count(calls, f"{number}") for number in range(20)] == [1] * 20
    # A wait counts as the hit that it ends with, whoever computed.
    assert f.cache_info()[:2] == (6 * 20 - 20, 20)


def test_one_task_computes_over_all_processes(place: str, calls: Cache) -> None:
    @cached(shared=place, serializer="json", name="f")
    async def f(number: int) -> list[int]:
        calls.increment(f"{number}")
        await asyncio.sleep(0.002)
        return [number]

    async def ask() -> None:
        for number in range(10):
            assert await asyncio.gather(*[f(number) for _ in range(3)]) == [[number]] * 3

    def child() -> None:
        asyncio.run(ask())

    assert ended(*[forked(child) for _ in range(3)]) == [0] * 3
    assert [count(calls, f"{number}") for number in range(10)] == [1] * 10
    assert f.cache_info()[:2] == (9 * 10 - 10, 10)


def test_the_killed_are_succeeded(place: str, calls: Cache) -> None:
    @cached(shared=place, name="f")
    def f(survives: object = None) -> int:
        if calls.increment("calls") == 1:
            threading.Event().wait()
        return os.getpid()

    child = forked(f)
    assert eventually(lambda: count(calls) == 1, 60)
    threading.Timer(0.1, lambda: kill(child)).start()
    assert f() == os.getpid() and count(calls) == 2


def test_stale_results_are_those_of_all(place: str, calls: Cache) -> None:
    @cached(shared=place, ttl=0.02, stale=600, name="f")
    def f() -> int:
        return calls.increment("calls")

    assert f() == 1
    assert eventually(lambda: not f.cache_contains(), 60)

    def child() -> None:
        assert f() == 1  # the old one, while a thread computes
        assert eventually(lambda: count(calls) == 2, 60) and eventually(lambda: f() >= 2, 60)

    in_child(child)
    assert f() >= 2


def test_none_may_say_that_there_is_none(place: str, calls: Cache) -> None:
    @cached(shared=place, none_ttl=60, ttl=NEVER, name="f")
    def f(key: str) -> str | None:
        calls.increment("calls")
        return None

    assert f("a") is None
    in_child(lambda: f("a"))
    assert count(calls) == 1 and not f.cache_contains("a")
    assert f.cache_info()[:2] == (1, 1)


def test_invalidating_concerns_all(place: str, calls: Cache) -> None:
    @cached(shared=place, name="f")
    def f(key: str) -> int:
        return calls.increment("calls")

    f("a"), f("b")

    def child() -> None:
        assert f.cache_invalidate("a") and not f.cache_invalidate("a")

    in_child(child)
    assert not f.cache_contains("a") and f.cache_contains("b")
    assert f("a") == 3
    in_child(f.cache_clear)
    assert not f.cache_contains("a") and not f.cache_contains("b")


@pytest.mark.parametrize("how", ["cache_invalidate", "cache_clear"])
def test_what_is_computed_meanwhile_is_not_stored(place: str, calls: Cache, how: str) -> None:
    @cached(shared=place, name="f")
    def f() -> str:
        calls.increment("calls")
        assert eventually(lambda: "go on" in calls, 60)
        return "old"

    child = forked(f)
    assert eventually(lambda: count(calls) == 1, 60)
    getattr(f, how)()
    calls["go on"] = b""
    assert ended(child) == [0] and not f.cache_contains()
    assert f() == "old" and count(calls) == 2 and f.cache_contains()


def test_clearing_leaves_other_functions_alone(place: str) -> None:
    @cached(shared=place, name="price")
    def price(article: str) -> str:
        return "price of " + article

    @cached(shared=place, name="price2")
    def price2(article: str) -> str:
        return "other price of " + article

    assert price("a") != price2("a")
    assert price.cache is price2.cache and price.cache is not None and len(price.cache) == 2
    price.cache_clear()
    assert not price.cache_contains("a") and price2.cache_contains("a")


def test_early_and_single_flight_and_condition(place: str, calls: Cache) -> None:
    @cached(shared=place, ttl=60, early=True, name="early")
    def early() -> int:
        return calls.increment("early")

    @cached(shared=place, single_flight=False, condition=bool, name="chosen")
    def chosen(value: int) -> int:
        calls.increment("chosen")
        return value

    assert early() >= 1 and early() >= 1 and early.cache_contains()
    assert [chosen(0), chosen(0), chosen(1), chosen(1)] == [0, 0, 1, 1]
    assert count(calls, "chosen") == 3


def test_two_processes_that_want_each_others_results(
    place: str, calls: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "_PATIENCE", 2)

    def both(name: str) -> None:
        calls[name] = b""
        assert eventually(lambda: "f" in calls and "g" in calls, 60)

    @cached(shared=place, name="f", ignore=["deep"])
    def f(deep: bool) -> int:
        if deep:
            both("f")
            return 1 + g(False)
        return 1

    @cached(shared=place, name="g", ignore=["deep"])
    def g(deep: bool) -> int:
        if deep:
            both("g")
            return 1 + f(False)
        return 1

    @cached(shared=place, name="task")
    async def task(number: int) -> int:
        calls.increment(f"task {number}")
        while count(calls, f"task {1 - number}") == 0:
            await asyncio.sleep(0.01)
        return 1 if count(calls, f"task {number}") > 1 else 1 + await task(1 - number)

    assert ended(forked(lambda: f(True)), forked(lambda: g(True))) == [0, 0]
    assert ended(*[forked(lambda n=n: asyncio.run(task(n))) for n in (0, 1)]) == [0, 0]


# -- Serializers and caches ------------------------------------------------------------------------


def test_serializers(place: str) -> None:
    @cached(shared=place, serializer="json", name="json")
    def by_json() -> Any:
        return (1, 2)

    @cached(shared=place, serializer=None, name="bytes")
    def as_bytes() -> bytes:
        return b"content"

    by_json(), as_bytes()
    assert by_json() == [1, 2] and as_bytes() == b"content"
    assert by_json.cache is not None and sorted(by_json.cache.values()) == [b"[1,2]", b"content"]

    @cached(shared=place, serializer="json", name="wrong")
    def wrong() -> object:
        return object()

    with pytest.raises(TypeError, match="JSON"):
        wrong()
    assert not wrong.cache_contains()


def test_a_cache_that_is_there(place: str) -> None:
    cache = Cache(max_bytes=1 << 20, shared=place, serializer="json", decode_keys=True, ttl=1)

    @cached(shared=cache, name="f")
    def f(text: str) -> str:
        return text.upper()

    assert f("ä\udc80") == f("ä\udc80") == "Ä\udc80"
    assert f.cache is cache and cache.ttl(f.cache_key("ä\udc80")) == NEVER  # type: ignore[arg-type]
    assert f.cache_info().maxsize is None
    cache.close()
    with pytest.raises(ClosedError):
        f("b")


@pytest.mark.parametrize("itself", [True, False], ids=["the cache's", "ours"])
def test_what_cannot_be_read_is_computed_anew(place: str, itself: bool, caplog: Any) -> None:
    shared = Cache(1000, shared=place, serializer="json") if itself else place

    @cached(shared=shared, name="f", ttl=60)  # pyright: ignore[reportArgumentType]
    def f() -> int:
        return 1

    @cached(shared=shared, name="f", ttl=60, early=True)  # pyright: ignore[reportArgumentType]
    def early() -> int:
        return 1

    for function in (f, early):
        function()
        with Cache(1000, shared=place) as other:
            other[function.cache_key()] = b"\xff what an older program stored"  # type: ignore[index]
        assert function() == 1 and function.cache_contains()
    assert caplog.text.count("could not be read") == 2


def test_bounds_are_of_who_made_it(place: str, caplog: Any) -> None:
    @cached(shared=place, maxsize=100, name="f")
    def f(number: int) -> int:
        return number

    assert f.cache_info().maxsize == f.cache_parameters()["maxsize"] == 100
    with pytest.raises(ValueError, match="of 100 entries, not 128"):
        cached(shared=Path(place), maxsize=128, name="g")(len)
    assert cached(shared=Path(place), name="g")(len).cache is f.cache
    assert f.cache is not None
    f.cache.close()
    assert not caplog.text
    again = cached(shared=place, maxsize=200, name="f")(lambda number: number)
    assert again.cache_info().maxsize == 100 and "of 100 entries, not 200" in caplog.text


def test_refusals(place: str) -> None:
    with Cache(10) as private, ObjectCache[Any, Any](10) as objects, Cache(10, shared=place) as mine:
        for error, options in (
            (TypeError, {"shared": place, "cache": objects}),
            (TypeError, {"shared": objects}),
            (TypeError, {"shared": 3}),
            (TypeError, {"shared": mine, "maxsize": 10}),
            (TypeError, {"serializer": "json"}),
            (TypeError, {"name": "f"}),
            (ValueError, {"shared": private}),
            (ValueError, {"shared": place, "maxsize": None}),
            (ValueError, {"shared": place, "maxsize": 0}),
            (ValueError, {"shared": place, "serializer": "yaml"}),
            (ValueError, {"shared": ""}),
        ):
            with pytest.raises(error):
                cached(**options)(len)  # type: ignore[call-overload]
    with Cache(10, shared=place, serializer="json") as cache, pytest.raises(TypeError):
        cached(shared=cache, serializer="json")(len)
    Path(place).write_bytes(b"something else, longer than a word")
    with pytest.raises(ValueError, match="no cache"):
        cached(shared=place)(len)


# -- Names and keys ------------------------------------------------------------------------------------


def top(a: object, b: object = None, *more: object, **named: object) -> str:
    return f"{a!r} {b!r}"


class Shop:
    @cached(shared=":memory:", ignore=["self"])
    def stock(self, article: str) -> str:
        return article

    @cached(shared=":memory:")
    def alone(self, article: str) -> str:
        return article

    @cached(shared=":memory:")
    @classmethod
    def kinds(cls) -> str:
        return cls.__name__


class Other(Shop):
    def plain(self) -> None: ...


def test_methods() -> None:
    assert Shop().stock("a") == Shop().stock("a") == "a"
    assert Shop.stock.cache_info()[:2] == (1, 1)
    assert Shop.kinds() == Shop.kinds() == "Shop" and Other.kinds() == "Other"
    with pytest.raises(TypeError, match=r"Shop.alone\(\): an argument of type 'Shop'.*ignore="):
        Shop().alone("a")


def test_names() -> None:
    here = "test_cached_shared"
    assert cached(shared=":memory:")(top).cache_key(1) == f"{here}.top(1,None)".encode()
    with pytest.raises(ValueError, match="lambda.*name="):
        cached(shared=":memory:")(lambda: 1)
    with pytest.raises(ValueError, match="belongs to an object"):
        cached(shared=":memory:")(Other().plain)
    with pytest.raises(ValueError, match="no function"):
        cached(shared=":memory:")(functools.partial(top))

    def made(number: int) -> Any:
        def inside() -> int:
            return number

        return inside

    with pytest.raises(ValueError, match="variables of the function around it"):
        cached(shared=":memory:")(made(1))
    assert cached(shared=":memory:", name="a(b")(made(1)).cache_key() == b"a%28b()"

    def twice(first: bool) -> Any:
        if first:

            def local() -> int:
                return 1
        else:

            def local() -> int:
                return 2

        return local

    cache = Cache(10, shared=":memory:")
    for _ in range(2):
        assert cached(shared=cache)(twice(True))() == 1
    with pytest.raises(ValueError, match="another function"):
        cached(shared=cache)(twice(False))


KEYS = """
import datetime, decimal, enum, pathlib, sys, uuid
from dataclasses import dataclass
from cachecore import cached

class Color(enum.Enum):
    RED = 1

@dataclass(frozen=True)
class Point:
    x: int
    y: int

MISSING = object()

@cached(shared=":memory:", key=lambda *parts: parts)
def f(*parts):
    pass

@cached(shared=":memory:")
def g(a, b=MISSING, c=[], *, d=1, **more):
    pass

@cached(shared=":memory:", typed=True)
def typed(a):
    pass

utc = datetime.timezone.utc
print(f.cache_key(
    "text\\n\\udc80\u00e4", b"\\xff", 1, 2.5, -1e300, 10**30, True, None, ..., 1j, float("nan"),
    (1, ("a",)), frozenset({"c", "b", "a", "d", "e", "f"}), Color.RED, Point(1, 2), Color, int,
    decimal.Decimal("1.10"), uuid.UUID(int=7), pathlib.PurePosixPath("/a"),
    datetime.datetime(2026, 1, 2, 3, tzinfo=utc), datetime.date(2026, 1, 2), datetime.timedelta(1),
    datetime.time(3, tzinfo=utc),
    "long" if len(sys.argv) < 2 else sys.argv[1] * 2000,
))
print(*[key.decode() for key in (
    g.cache_key(1), g.cache_key(1, MISSING), g.cache_key(1, z="z"), typed.cache_key(3), typed.cache_key(3.0)
)], sep="\\n")
"""


def test_keys_are_the_same_in_every_process() -> None:
    runs = [run_python(KEYS, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert [run.stderr for run in runs] == ["", ""] and runs[0].stdout == runs[1].stdout
    _, one, again, named, typed, other = runs[0].stdout.splitlines()
    assert one == again == "__main__.g(1,<default>,<default>,1)"
    assert named == "__main__.g(1,<default>,<default>,1,<named>,'z','z')"
    assert (typed, other) == ("__main__.typed(3,builtins.int)", "__main__.typed(3,builtins.float)")


def test_arguments_that_are_no_keys() -> None:
    f = cached(shared=":memory:")(top)
    assert f.cache_key(Cache) == b"test_cached_shared.top(cachecore.cache.Cache,None)"
    for wrong in (object(), len, [1]):
        with pytest.raises(TypeError):
            f(wrong)
    assert f.cache_key(1) == f.cache_key(1.0) == f.cache_key(True) != f.cache_key("1")
    assert f.cache_key((1, 2)) != f.cache_key(1, 2) != f.cache_key("1,2")
    assert f.cache_key(("a",)) != f.cache_key(("a,",)) and f.cache_key((("a",),)) != f.cache_key(("a",))
    long, longer = f.cache_key("x" * 5000), f.cache_key("x" * 5001)
    assert isinstance(long, bytes) and len(long) < 200 and long != longer
    f("x" * 5000)
    assert f.cache_contains("x" * 5000)
    f.cache_clear()
    assert not f.cache_contains("x" * 5000)

    class Text(str):
        pass

    class Own(str):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    assert f.cache_key(Text("a")) == f.cache_key("a")
    with pytest.raises(TypeError, match="'test_arguments.*Own'"):
        f(Own("a"))
    with pytest.raises(TypeError, match="local class"):
        f(Text)


PROGRAM = """
import multiprocessing, os, sys
from cachecore import cached

@cached(shared=sys.argv[1])
def pid(key):
    return os.getpid()

if __name__ == "__main__":
    mine = pid("a")
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(pid, ["a"]) == [mine]
            theirs = pool.map(pid, [method])[0]
            assert theirs != mine and pid(method) == theirs
    print(pid.cache_info())
"""


def test_every_start_method(place: str, tmp_path: Path) -> None:
    """Where the program itself has another name in a child than in its parent."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(program), place],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "hits=6, misses=4" in done.stdout
