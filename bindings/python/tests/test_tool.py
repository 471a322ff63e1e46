"""``python -m cachecore``."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import LIBRARY, REPOSITORY, eventually
from processes import ended, forked, in_child, kill
from shared_files import digest, leave_to_another_boot, overwrite

from cachecore import Cache
from cachecore.cli import checking
from cachecore.__main__ import main


def test_it_says_where_the_guide_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide"]) == 0
    folder = Path(capsys.readouterr().out.rstrip("\n"))
    assert (folder / "python.md").read_text().startswith("# cachecore in Python")
    assert (folder / "python-frameworks.md").is_file()


def test_it_looks_into_a_cache_in_use(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    cache = Cache(1000, shared=place)
    cache["user:1"] = b"one\n"
    cache.set("user:2", b"two", ttl=60)
    cache["other\x01"] = b"three"
    assert cache["user:1"]
    assert main(["stat", place]) == 0
    out = capfdbinary.readouterr().out.decode().split()
    assert out[out.index("processes") + 1] == "1"
    assert out[out.index("entries") + 1] == "3"
    assert out[out.index("hit_rate") + 1] == "1.0000"
    assert main(["keys", place, "user:"]) == 0
    lines = sorted(capfdbinary.readouterr().out.decode().splitlines())
    assert [line.split()[0::2] for line in lines] == [["3", "user:2"], ["4", "user:1"]]
    assert main(["keys", place, "other"]) == 0
    assert b"other\\x01" in capfdbinary.readouterr().out
    assert main(["get", place, "user:1"]) == 0
    assert capfdbinary.readouterr().out == b"one\n"
    assert main(["get", place, "nobody"]) == 1
    assert main(["top", place, "--seconds", "0.01", "--count", "2"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 3
    assert main(["delete", place, "user:1"]) == 0
    assert main(["delete", place, "user:1"]) == 1
    assert "user:1" not in cache


def test_it_saves_and_loads(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    cache = Cache(1000, shared=place, no_evict=True)
    cache["a"] = b"1"
    file = str(tmp_path / "saved")
    assert main(["save", place, file]) == 0
    assert main(["clear", place]) == 0
    assert len(cache) == 0
    assert main(["load", place, file]) == 0
    assert cache["a"] == b"1"
    assert b"1 entries loaded" in capfdbinary.readouterr().out


def test_it_makes_no_cache(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["stat", place]) == 2
    assert b"nothing to attach to" in capfdbinary.readouterr().err
    assert not Path(place).exists()
    with pytest.raises(SystemExit):
        main(["nothing"])


def rows(output: bytes) -> dict[str, int]:
    pairs = (line.split() for line in output.decode().splitlines() if len(line.split()) == 2)
    return {name: int(value.replace(",", "")) for name, value in pairs if "." not in value}


LOOKING = [
    ["stat"], ["top", "--count", "1", "--seconds", "0.001"], ["keys"], ["get", "k"], ["check"]
]  # fmt: skip
COMMANDS = [*LOOKING, ["delete", "k"], ["clear"], ["save", "FILE"], ["load", "FILE"]]


def test_looking_changes_nothing(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
    os.chmod(place, 0o400)
    before = digest(place)
    for command, *arguments in LOOKING:
        assert main([command, place, *arguments]) == 0
    assert b"value" in capfdbinary.readouterr().out
    assert digest(place) == before


def test_a_cache_of_another_boot(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
    leave_to_another_boot(place)
    for command in ("stat", "keys"):
        assert main([command, place]) == 2
        err = capfdbinary.readouterr().err.decode()
        assert re.fullmatch(f"cachecore: {place}: .*earlier boot: a process that writes must .*\n", err)
    assert main(["save", place, str(tmp_path / "saved")]) == 0  # which is one that may write
    assert main(["get", place, "k"]) == 0
    assert capfdbinary.readouterr().out.endswith(b"value")

    def write() -> None:
        cache = Cache(1000, shared=place)
        cache["k"] = b"other"
        os.kill(os.getpid(), signal.SIGKILL)

    ended(forked(write))
    leave_to_another_boot(place)
    assert main(["stat", place]) == 2
    assert main(["save", place, str(tmp_path / "saved")]) == 0
    assert capfdbinary.readouterr().out == b"0 entries saved\n"  # it was not closed
    assert main(["stat", place]) == 0


def wrongs(place: str) -> dict[str, str]:
    """What may be at a place instead of a cache, and a part of what is said of it."""
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
    size = os.path.getsize(place)
    found = {}
    for name, content, says in (
        ("missing", None, "nothing to"),
        ("empty", b"", "nothing to attach to|no cache"),
        ("foreign", b"something else, longer than a word" * 100, "no cache"),
        ("short", b"x", "no cache"),
    ):
        if content is not None:
            fd = os.open(f"{place}-{name}", os.O_CREAT | os.O_WRONLY, 0o600)
            os.write(fd, content)
            os.close(fd)
        found[f"{place}-{name}"] = says
    for left in (100, 4096, 8192, size // 4096 // 2 * 4096, size - 4096):
        truncated = f"{place}-{left}"
        subprocess.run(["cp", "--sparse=always", place, truncated], check=True)
        os.truncate(truncated, left)
        found[truncated] = "damaged|truncated"
    os.symlink(place, f"{place}-link")
    found[f"{place}-link"] = "symbolic link"
    os.mkdir(f"{place}-folder")
    found[f"{place}-folder"] = "regular file"
    found[f"{place}-foreign/below"] = "nothing to|Not a directory"
    found[":memory:"] = "without a name"
    found["a\0b"] = "NUL"
    found[""] = "a path or a name"
    return found


def test_what_is_no_cache_is_one_line_and_left_alone(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = str(tmp_path / "file")
    wrong: dict[str, str] = {}
    try:
        wrong = wrongs(place)
        for where, says in wrong.items():
            before = digest(where) if "\0" not in where and os.path.isfile(where) else ""
            for command, *arguments in COMMANDS:
                arguments = [file if word == "FILE" else word for word in arguments]
                assert main([command, where, *arguments]) == 2, (where, command)
                out, err = capfdbinary.readouterr()
                assert re.fullmatch(f"cachecore: .*({says}).*\n", err.decode()), (where, command, err)
                assert out == b"" and not os.path.exists(file)
            assert not before or digest(where) == before
    finally:
        for where in wrong:
            if where.startswith(place):
                _remove(where)


def _remove(where: str) -> None:
    if os.path.isdir(where):
        os.rmdir(where)
    elif os.path.lexists(where):
        os.unlink(where)


def test_who_may_not(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
    os.chmod(place, 0o666)
    assert main(["get", place, "k"]) == 2
    assert b"others may write" in capfdbinary.readouterr().err
    os.chmod(place, 0o600)

    def somebody_else() -> None:
        os.setuid(65534)
        assert main(["stat", place]) == main(["clear", place]) == 2
        assert main(["check", place]) == 2

    if os.geteuid() == 0:
        in_child(somebody_else)
        lines = capfdbinary.readouterr().err.decode().splitlines()
        assert len(lines) == 3 and all(line.startswith(f"cachecore: {place}: ") for line in lines)


def test_wrong_files_are_told_from_wrong_places(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"something else" * 100)
    foreign.chmod(0o600)
    for command, file in (
        ("save", str(tmp_path / "none" / "file")),
        ("save", str(tmp_path)),
        ("load", str(tmp_path / "none")),
        ("load", str(foreign)),
        ("load", place),
    ):
        assert main([command, place, file]) == 2
        err = capfdbinary.readouterr().err.decode()
        assert err.startswith("cachecore: ") and file in err and err.count("\n") == 1


def test_after_all_were_killed(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    begun = Cache(10, shared=":memory:")

    def write() -> None:
        cache = Cache(10_000, shared=place)
        for number in itertools.count():
            cache[f"key {number % 2000}"] = b"x" * (number % 1000)
            if number == 4000:
                begun.increment("writers")

    writers = [forked(write) for _ in range(2)]
    assert eventually(lambda: begun.get("writers") == b"2", 60)
    kill(*writers)
    before = digest(place)
    assert main(["check", place]) == 0
    found = rows(capfdbinary.readouterr().out)
    assert (found["in_use"], found["entries"], found["entries_damaged"]) == (0, 2000, 0)
    assert digest(place) == before
    assert main(["stat", place]) == 0
    found = rows(capfdbinary.readouterr().out)
    assert found["processes"] == 0 and 1990 <= found["entries"] <= 2010  # as they were left
    assert main(["keys", place, "key 19", "--limit", "3"]) == 0
    assert capfdbinary.readouterr().out.count(b"\n") == 3
    assert main(["top", place, "--count", "1", "--seconds", "0.001"]) == 0
    file = str(tmp_path / "saved")
    assert main(["save", place, file]) == 0
    assert b"2,000 entries saved" in capfdbinary.readouterr().out
    assert main(["get", place, "key 1999"]) == 0
    assert set(capfdbinary.readouterr().out) == set(b"x")
    assert main(["stat", place]) == 0
    found = rows(capfdbinary.readouterr().out)
    assert (found["processes"], found["entries"], found["warm"]) == (0, 2000, 1)
    assert main(["clear", place]) == main(["load", place, file]) == 0
    assert b"2,000 entries loaded" in capfdbinary.readouterr().out
    assert main(["check", place]) == 0


def test_check_of_a_cache_in_use(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with Cache(10_000, shared=place) as cache:
        cache.set_many({f"settled {number}": b"value" for number in range(500)})
        stop = threading.Event()

        def write() -> None:
            for number in itertools.count():
                cache[f"key {number % 5000}"] = b"x" * (number % 2000)
                if stop.is_set():
                    return

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                assert main(["check", place]) == 0
                found = rows(capfdbinary.readouterr().out)
                assert found["in_use"] == 1 and found["entries"] >= 500
        finally:
            stop.set()
            writer.join()
        assert cache.shared_info().processes == 1


def test_check_finds_what_is_damaged(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with Cache(1000, shared=place) as cache:
        cache.set_many({f"key {number:04}": b"value" for number in range(100)})
        cache.set("gone soon", b"", ttl=0.001)
    assert overwrite(place, b"key 0042", b"\xff" * 8) == 1
    before = digest(place)
    assert main(["check", place]) == 1
    found = rows(capfdbinary.readouterr().out)
    assert found["entries_damaged"] >= 1 and found["entries"] >= 90
    assert digest(place) == before


def test_where_the_number_of_entries_is() -> None:
    layout = (REPOSITORY / "docs" / "layout.md").read_text()
    place = re.search(r"<!-- layout: RegionPage -->.*?\| (\d+) \| 8 \| `entriesUsed`", layout, re.DOTALL)
    assert place is not None and int(place[1]) == checking._ENTRIES_USED


def test_all_flags_and_keys_and_a_full_table(
    place: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with Cache(1000, shared=place, no_evict=True, manual_clock=True) as cache:
        cache[b"\xff"] = b"value"
        assert main(["get", place, "\udcff"]) == 0
        assert main(["check", place]) == 0
        assert main(["delete", place, "\udcff"]) == 0 and not cache
        assert main(["get", place, ""]) == 2
        most = cache.shared_info().max_processes
        others = [
            Cache(1000, shared=place, no_evict=True, manual_clock=True) for _ in range(most - 1)
        ]
        capfdbinary.readouterr()
        assert main(["clear", place]) == 2
        assert b"max_processes" in capfdbinary.readouterr().err
        for command, *arguments in LOOKING:
            assert main([command, place, *arguments]) == (1 if command == "get" else 0)
        for other in others:
            other.close()


def test_wrong_arguments() -> None:
    for arguments in (
        ["nothing"],
        ["stat"],
        ["get", "place"],
        ["top", "place", "--seconds", "0"],
        ["top", "place", "--seconds", "nan"],
    ):
        with pytest.raises(SystemExit) as error:
            main(arguments)
        assert error.value.code == 2


def test_as_a_program(place: str) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"value"
        command = [sys.executable, "-m", "cachecore", "stat", place]
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")
        for library in ("/nowhere.so", LIBRARY):
            done = subprocess.run(
                command,
                check=False,
                env={**os.environ, "CACHECORE_LIBRARY": library},
                capture_output=True,
            )
            lines = done.stderr.splitlines()
            assert (done.returncode, len(lines)) == ((0, 0) if library == LIBRARY else (2, 1))
