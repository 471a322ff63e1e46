"""``python -m cachecore``: looks into a cache that processes share, while they use it or after them.

::

    python -m cachecore stat /run/shop/cache          who shares it, what is in it, how it does
    python -m cachecore top /run/shop/cache           the same again and again
    python -m cachecore keys /run/shop/cache PREFIX   keys, sizes, time left
    python -m cachecore get /run/shop/cache KEY       a value, as it is
    python -m cachecore check /run/shop/cache         whether all in it is whole; writes nothing to it
    python -m cachecore delete /run/shop/cache KEY
    python -m cachecore clear /run/shop/cache
    python -m cachecore save /run/shop/cache FILE
    python -m cachecore load /run/shop/cache FILE
    python -m cachecore guide                         where the guide to the package lies

It attaches as one more process; it makes no cache where there is none.  ``check`` opens a copy in memory
instead, and needs as much of that as the cache has.

It ends with 0; with 1 if there is no such entry, or not all is whole; with 2 and one line if it could not
be done.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    from . import _native, sharing
except ImportError as error:  # there is no library
    print(f"cachecore: {error}", file=sys.stderr)
    sys.exit(2)
from .cache import Cache
from .checking import Looked
from .errors import CacheCoreError, LayoutError, StateError
from .sharing import MEMORY
from .stats import Stats


class _Attached(Cache[bytes, bytes]):
    """The cache at a place, whatever its flags."""

    __slots__ = ("_place",)

    def __init__(self, place: _native.SharedOptions) -> None:
        self._place = place
        for manual_clock in (False, True):
            for no_evict in (False, True):
                try:
                    return super().__init__(1, no_evict=no_evict, manual_clock=manual_clock)
                except StateError as error:  # other flags, or nothing is there
                    refused = error
        raise refused

    def _open_with(
        self, options: _native.Options, shared: _native.SharedOptions | None = None
    ) -> None:
        super()._open_with(options, self._place)


def _where(place: str) -> _native.SharedOptions:
    if place == MEMORY:
        raise ValueError("a cache without a name is that of its processes alone")
    return sharing.options(place, _native.SHARED_ATTACH_ONLY)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("it must be more than 0")
    return seconds


def _row(name: str, value: object) -> None:
    print(f"{name:20} {value:,}" if isinstance(value, int) else f"{name:20} {value}")


def _stat(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    info, stats = cache.shared_info(), cache.stats()
    for name in (
        "processes", "max_processes", "warm", "unlinked", "recoveries", "entries_lost",
        "borrows_reclaimed", "region_bytes",
    ):  # fmt: skip
        _row(name, getattr(info, name))
    for name in (
        "entries", "entries_limit", "bytes_used", "bytes_limit", "hits", "misses", "inserts",
        "updates", "deletes", "evictions", "expirations", "refused", "expired", "shard_count",
    ):  # fmt: skip
        _row(name, getattr(stats, name))
    _row("hit_rate", f"{stats.hit_rate:.4f}")
    return 0


def _top(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    print("  reads/s   hit rate  writes/s  evictions/s    entries         bytes  processes", flush=True)
    before, left = cache.stats(), arguments.count
    while left != 0:
        time.sleep(arguments.seconds)
        now = cache.stats()

        def rate(*names: str, now: Stats = now, before: Stats = before) -> float:
            passed: int = sum(getattr(now, name) - getattr(before, name) for name in names)
            return passed / float(arguments.seconds)

        reads = rate("hits", "misses")
        share = f"{rate('hits') / reads:8.4f}" if reads > 0 else "       -"
        print(
            f"{reads:9.0f}   {share}  {rate('inserts', 'updates'):8.0f}  {rate('evictions'):11.0f}"
            f"  {now.entries:9}  {now.bytes_used:12}  {cache.shared_info().processes:9}",
            flush=True,
        )
        before, left = now, left - 1
    return 0


def _keys(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    for number, record in enumerate(cache.scan_records(os.fsencode(arguments.prefix))):
        if number == arguments.limit:
            break
        left = "-" if math.isinf(record.ttl) else f"{record.ttl:.3f}"
        print(f"{record.value_size:10} {left:>12}  {_shown(record.key)}")
    return 0


def _shown(key: bytes) -> str:
    text = key.decode(errors="backslashreplace")
    return text if text.isprintable() else repr(text)[1:-1]


def _get(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    value = cache.peek(os.fsencode(arguments.key))
    if value is None:
        print("there is no such entry", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(value)
    sys.stdout.buffer.flush()
    return 0


def _check(place: str) -> int:
    """Opens a copy, which checks every shard and leaves out what is damaged, and reads every value."""
    attempts = 9
    while True:
        looked, attempts = Looked(_where(place).path), attempts - 1
        try:
            where = _native.SharedOptions(fd=looked.copy, flags=_native.SHARED_ATTACH_ONLY)
            with _Attached(where) as cache:
                stats = cache.stats()
                unread = sum(
                    len(cache.peek(record.key, b"")) != record.value_size
                    for record in cache.scan_records()
                )
            break
        except LayoutError:
            if not (looked.in_use and attempts):  # else it may have grown while it was copied
                raise
        finally:
            looked.close()
    entries = stats.entries + stats.expired
    lost = max(0, looked.recorded - entries) + unread
    _row("in_use", looked.in_use)
    _row("entries", entries)
    _row("bytes_used", stats.bytes_used)
    if looked.in_use:
        print("it is written to meanwhile, so that a number of entries may be an older one")
        return 0
    _row("entries_damaged", lost)
    return 1 if lost else 0


def _delete(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    return 0 if cache.delete(os.fsencode(arguments.key)) else 1


def _clear(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    cache.clear()
    return 0


def _save(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    print(f"{cache.save(arguments.file):,} entries saved")
    return 0


def _load(cache: Cache[bytes, bytes], arguments: argparse.Namespace) -> int:
    print(f"{cache.load(arguments.file):,} entries loaded")
    return 0


def _guide() -> int:
    """Prints the folder of pages that a wheel carries, or that of the repository."""
    here = Path(__file__).resolve().parent
    for folder in (here / "guide", here.parents[3] / "docs"):
        if (folder / "python.md").is_file():
            print(folder)
            return 0
    print("cachecore: there is no guide beside this package", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cachecore",
        description="Looks into a cache that processes share.",
        epilog="Ends with 1 if there is no such entry or not all is whole, with 2 after an error.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[Cache[bytes, bytes], argparse.Namespace], int], help: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help)
        made.add_argument("place", metavar="PLACE", help="the path or the name that it has")
        made.set_defaults(run=run)
        return made

    command("stat", _stat, "who shares it, what is in it, how it does")
    top = command("top", _top, "how it does, again and again")
    top.add_argument("--seconds", type=_seconds, default=1.0, help="between two lines; 1")
    top.add_argument("--count", type=int, default=-1, help="lines; as many as you like")
    keys = command("keys", _keys, "sizes of values, seconds left, keys")
    keys.add_argument("prefix", nargs="?", default="", help="that keys begin with")
    keys.add_argument("--limit", type=int, default=1000, help="1000")
    command("get", _get, "a value, as it is; counts as nothing").add_argument("key")
    check = commands.add_parser("check", help="whether all in it is whole; writes nothing to it")
    check.add_argument("place", metavar="PLACE", help="the path or the name that it has")
    check.set_defaults(run=_check)
    command("delete", _delete, "an entry; 1 if there is none").add_argument("key")
    command("clear", _clear, "all entries")
    command("save", _save, "all entries to a file").add_argument("file")
    command("load", _load, "a saved file's entries, where there are none").add_argument("file")
    guide = commands.add_parser("guide", help="the folder in which the guide to the package lies")
    guide.set_defaults(run=None)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    if parsed.run is _check:
        return int(_check(parsed.place))
    with _Attached(_where(parsed.place)) as cache:
        return int(parsed.run(cache, parsed))


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    if parsed.run is None:
        return _guide()
    try:
        status = _run(parsed)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (CacheCoreError, OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        text = re.sub(r"^cachecore_\w+: ", "", str(what))
        of_file = re.match(r"cachecore_(save|load): ", str(what))
        print(f"cachecore: {parsed.file if of_file else parsed.place}: {text}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
