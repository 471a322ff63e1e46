"""``python -m cachecore`` on a terminal, with rich and without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import Shown, on_terminal

from cachecore import Cache
from cachecore.cli import plain, transfers

pytest.importorskip("rich")

ONE_AFTER_THE_OTHER = """
import json, sys
if sys.argv[1] == "without rich":
    sys.modules["rich"] = None  # as if it were not installed
from cachecore.__main__ import main
for arguments in json.loads(sys.argv[2]):
    status = main(arguments)
    print()
    print(arguments[0], status, flush=True)
"""


def tool(*arguments: str) -> Shown:
    return on_terminal("-m", "cachecore", *arguments)


def piped(*arguments: str) -> str:
    """What Python writes to a pipe."""
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return done.stdout


def commands(place: str, file: str) -> list[list[str]]:
    """All that tell something, and of which nothing changes what the next of them tells."""
    return [
        ["stat", place],
        ["top", place, "--count", "2", "--seconds", "0.01"],
        ["keys", place],
        ["keys", place, "user:", "--limit", "1"],
        ["get", place, "user:1"],
        ["get", place, "nobody"],
        ["check", place],
        ["save", place, file],
        ["load", place, file],
    ]


@pytest.fixture
def cache(place: str) -> Iterator[Cache[bytes]]:
    with Cache(1000, shared=place) as cache:
        cache["user:1"] = b"one"
        cache["user:2"] = b"two and more"
        cache[b"\x1b[31m[bold]red[/bold]"] = b"x" * 12_345
        cache.get("user:1")
        yield cache


def test_where_it_is_plain_it_is_the_same_everywhere(
    place: str, tmp_path: Path, cache: Cache[bytes]
) -> None:
    wanted = json.dumps(commands(place, str(tmp_path / "saved")))
    program = ("-c", ONE_AFTER_THE_OTHER)
    expected = piped(*program, "with rich", wanted)
    ended = re.findall(r"^(?:stat|top|keys|get|check|save|load) (\d)$", expected, re.MULTILINE)
    assert ended == list("000001000") and expected.endswith("0 entries loaded\n\nload 0\n")
    assert piped(*program, "without rich", wanted) == expected
    for shown in (
        on_terminal(*program, "without rich", wanted),
        on_terminal(*program, "with rich", wanted, TERM="dumb"),
    ):
        assert shown.raw.replace("\r\n", "\n") == expected
    assert on_terminal(*program, "with rich", wanted).text != expected


def test_what_the_lines_are(place: str, cache: Cache[bytes]) -> None:
    assert sorted(piped("-m", "cachecore", "keys", place).splitlines()) == [
        "         3            -  user:1",
        "        12            -  user:2",
        "     12345            -  \\x1b[31m[bold]red[/bold]",
    ]
    idle = piped("-m", "cachecore", "top", place, "--count", "1", "--seconds", "0.01")
    used = cache.stats().bytes_used
    assert idle.splitlines() == [
        "  reads/s   hit rate  writes/s  evictions/s    entries         bytes  processes",
        f"        0          -         0            0          3  {used:12}          1",
    ]
    lines = piped("-m", "cachecore", "stat", place).splitlines()
    info, stats = cache.shared_info(), cache.stats()
    assert lines == [
        "processes            1",
        f"max_processes        {info.max_processes}",
        "warm                 0",
        "unlinked             0",
        "recoveries           0",
        "entries_lost         0",
        "borrows_reclaimed    0",
        f"region_bytes         {info.region_bytes:,}",
        "entries              3",
        "entries_limit        1,000",
        f"bytes_used           {stats.bytes_used:,}",
        "bytes_limit          0",
        "hits                 1",
        "misses               0",
        "inserts              3",
        "updates              0",
        "deletes              0",
        "evictions            0",
        "expirations          0",
        "refused              0",
        "expired              0",
        f"shard_count          {stats.shard_count}",
        "hit_rate             1.0000",
    ]


def test_tables(place: str, cache: Cache[bytes]) -> None:
    shown = tool("stat", place)
    assert shown.status == 0 and place in shown.text and "╭" in shown.text
    rows = dict(row.strip("│ ").split("│") for row in shown.text.splitlines() if row.startswith("│"))
    values = {name.strip(): value.strip() for name, value in rows.items()}
    assert values["processes"] == "1" and values["warm"] == "no" and values["entries"] == "3"
    assert values["entries limit"] == "1,000" and values["bytes limit"] == "none"
    assert values["hit rate"] == "1.0000" and "kB)" in values["bytes used"]
    shown = tool("keys", place)
    assert shown.status == 0 and "seconds left" in shown.text
    assert sorted(line.split() for line in shown.text.splitlines() if line.strip())[:3] == [
        ["12", "-", "user:2"],
        ["12,345", "-", "\\x1b[31m[bold]red[/bold]"],
        ["3", "-", "user:1"],
    ]
    assert "\x1b[31m[" not in shown.raw
    assert tool("get", place, "user:2").raw == "two and more"
    assert tool("keys", f"{place}-nothing").text.count("\n") == 1


def test_many_keys_are_one_table(place: str) -> None:
    with Cache(5000, shared=place) as cache:
        cache.set_many({f"key {number:04}": b"x" * number for number in range(1300)}, ttl=3600)
    shown = tool("keys", place, "--limit", "2000")
    lines = shown.text.splitlines()
    keys = [line[line.index("key") :].strip() for line in lines if "key 0" in line or "key 1" in line]
    assert sorted(keys) == [f"key {number:04}" for number in range(1300)]
    assert shown.text.count("seconds left") == 1
    assert len({line.index("key") for line in lines if "key" in line}) == 1  # one column


def test_top_is_live_and_ends_by_ctrl_c(place: str, cache: Cache[bytes]) -> None:
    shown = tool("top", place, "--count", "3", "--seconds", "0.05")
    assert shown.status == 0 and shown.text.count("evictions/s") >= 4  # drawn anew each time
    assert "\x1b[?25l" in shown.raw and shown.raw.rstrip().endswith("\x1b[?25h")  # the cursor is back
    shown = on_terminal(
        "-m", "cachecore", "top", place, "--seconds", "0.05", interrupt_after="(hit rate.*){5}"
    )
    assert shown.status == 130 and "Traceback" not in shown.text
    assert shown.raw.rstrip().endswith("\x1b[?25h")
    # On a terminal of few lines the latest alone are left.
    shown = on_terminal(
        "-m", "cachecore", "top", place, "--count", "9", "--seconds", "0.01", lines=8
    )
    last = shown.text[shown.text.rindex("hit rate") :].splitlines()
    assert shown.status == 0 and sum(line.split()[:1] == ["0"] for line in last) == 3


def test_progress(place: str, tmp_path: Path, cache: Cache[bytes]) -> None:
    file = str(tmp_path / "saved")
    for arguments, *says in (
        (["save", place, file], "saving 3 entries", "3 entries saved"),
        (["load", place, file], "loading", "0 entries loaded"),
        (["check", place], "copying", "reading", "3/3", "bytes used"),
    ):
        shown = tool(*arguments)
        assert shown.status == 0 and all(text in shown.text for text in says)
        assert "0:00:0" in shown.text  # the time that it took so far
    shown = tool("load", place, place)
    assert shown.status == 2 and f"cachecore: {place}: " in shown.text


WATCHED = """
import threading
from cachecore.cli.tables import Tables

calls, enough = 0, threading.Event()

def done():
    global calls
    calls += 1
    if calls == 3:
        enough.set()
    return 250_000

with Tables().watched("doing it", done, TOTAL):
    assert enough.wait(30)
Tables().say("it is done")
"""


def test_progress_that_is_watched() -> None:
    shown = on_terminal("-c", WATCHED.replace("TOTAL", "1_000_000"))
    assert shown.status == 0 and "doing it" in shown.text and "0.2/1.0 MB" in shown.text
    assert shown.text.endswith("it is done\n")
    shown = on_terminal("-c", WATCHED.replace("TOTAL", "None"))
    assert shown.status == 0 and "250.0 kB" in shown.text


def test_how_far_a_save_and_a_load_are(tmp_path: Path) -> None:
    file = str(tmp_path / "saved (1).cache")
    with Cache(20_000) as cache:
        cache.set_many({f"key {number}": b"x" * 1000 for number in range(10_000)})
        sizes = _seen_during(cache, file)
        assert sizes and max(sizes) <= os.stat(file).st_size
        assert transfers.Written(file)() == 0  # none is written now
        cache.clear()
        assert transfers.size(file) == os.stat(file).st_size
        read = transfers.Read()
        assert cache.load(file) == 10_000
        assert 10_000_000 < read() < os.stat(file).st_size + 100_000
    assert transfers.size(str(tmp_path / "nothing")) is None


def _seen_during(cache: Cache[bytes], file: str) -> list[int]:
    """Sizes that were seen while the cache was saved; at least one, if need be by more than one save."""
    sizes: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        written = transfers.Written(file)
        while not ended.wait(0.0005):
            if size := written():
                sizes.append(size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(100):
            cache.save(file)
            if sizes:
                break
    finally:
        ended.set()
        watcher.join()
    return sizes


def test_keys_do_nothing_to_a_terminal() -> None:
    for key in (b"\x1b[2J", b"\r\n", b"\xff\xfe", "\u202e".encode(), b"\x9b31m"):
        assert plain.printable(key).isprintable()
