"""What each command does.  Each is called with the arguments and an output, and returns the exit status."""

from __future__ import annotations

import itertools
import os
import sys
from argparse import Namespace
from pathlib import Path

from .. import _native
from ..cache import Cache
from ..errors import LayoutError
from . import readings, transfers
from .checking import Looked
from .opening import Attached, attached, looked_into, options
from .outputs import Output

_READ_AT_ONCE = 1000  # values of a check, before it says how many it has read


def stat(arguments: Namespace, output: Output) -> int:
    with looked_into(arguments.place) as cache:
        output.facts(arguments.place, readings.facts(cache))
    return 0


def top(arguments: Namespace, output: Output) -> int:
    with looked_into(arguments.place) as cache:
        output.rates(arguments.place, readings.rates(cache, arguments.seconds, arguments.count))
    return 0


def keys(arguments: Namespace, output: Output) -> int:
    with looked_into(arguments.place) as cache:
        records = cache.scan_records(os.fsencode(arguments.prefix))
        limit = arguments.limit
        output.entries(records if limit < 0 else itertools.islice(records, limit))
    return 0


def get(arguments: Namespace, output: Output) -> int:
    with looked_into(arguments.place) as cache:
        value = cache.peek(os.fsencode(arguments.key))
    if value is None:
        print("there is no such entry", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(value)
    sys.stdout.buffer.flush()
    return 0


def check(arguments: Namespace, output: Output) -> int:
    """Opens a copy, which checks every shard and leaves out what is damaged, and reads every value."""
    attempts = 9
    while True:
        attempts -= 1
        with Looked(options(arguments.place).path) as looked:
            with output.counted("copying", looked.size, "bytes") as done:
                copy = looked.copy(done)
            try:
                where = _native.SharedOptions(fd=copy, flags=_native.SHARED_ATTACH_ONLY)
                with Attached(where) as cache:
                    stats = cache.stats()
                    unread = _unreadable(cache, stats.entries, output)
                break
            except LayoutError:
                if not (looked.in_use and attempts):  # else it may have grown while it was copied
                    raise
    entries = stats.entries + stats.expired
    lost = max(0, looked.recorded - entries) + unread
    found = {"in_use": looked.in_use, "entries": entries, "bytes_used": stats.bytes_used}
    if not looked.in_use:
        found["entries_damaged"] = lost
    output.facts(arguments.place, [found])
    if looked.in_use:
        output.say("it is written to meanwhile, so that a number of entries may be an older one")
        return 0
    return 1 if lost else 0


def _unreadable(cache: Cache[bytes, bytes], entries: int, output: Output) -> int:
    """How many values cannot be read, of all."""
    unread = 0
    with output.counted("reading", entries, "entries") as done:
        for number, record in enumerate(cache.scan_records()):
            unread += len(cache.peek(record.key, b"")) != record.value_size
            if number % _READ_AT_ONCE == 0:
                done(number)
        done(entries)
    return unread


def delete(arguments: Namespace, output: Output) -> int:
    with attached(arguments.place) as cache:
        return 0 if cache.delete(os.fsencode(arguments.key)) else 1


def clear(arguments: Namespace, output: Output) -> int:
    with attached(arguments.place) as cache:
        cache.clear()
    return 0


def save(arguments: Namespace, output: Output) -> int:
    with attached(arguments.place) as cache:
        doing = f"saving {cache.count():,} entries"
        with output.watched(doing, transfers.Written(arguments.file), None):
            saved = cache.save(arguments.file)
    output.say(f"{saved:,} entries saved")
    return 0


def load(arguments: Namespace, output: Output) -> int:
    with attached(arguments.place) as cache:
        size = transfers.size(arguments.file)
        with output.watched("loading", transfers.Read(), size):
            loaded = cache.load(arguments.file)
    output.say(f"{loaded:,} entries loaded")
    return 0


def guide(arguments: Namespace, output: Output) -> int:
    """Prints the folder of pages that a wheel carries, or that of the repository."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "guide", package.parents[3] / "docs"):
        if (folder / "python.md").is_file():
            print(folder)
            return 0
    print("cachecore: there is no guide beside this package", file=sys.stderr)
    return 1
