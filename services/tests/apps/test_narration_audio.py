"""Audio in files: the budget, the lifetime, the order of use, and what a crash leaves behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachecore_services.maintenance import ManualClock
from cachecore_services.narration import AudioCache, AudioTooLarge, DirectoryInUse
from cachecore_services.narration.audio import MB

from .conftest import DAY


class Timed:
    """Audio caches one after the other in one directory, whose time the test moves."""

    def __init__(self, directory: Path, max_size_mb: float = 1, ttl_days: float = 7) -> None:
        self.directory = directory
        self.clock = ManualClock(wall=float(round(time.time())))
        self._options = (max_size_mb, ttl_days)
        self.audio = self._open()

    def _open(self) -> AudioCache:
        return AudioCache(self.directory, *self._options, clock=self.clock, manual_clock=True)

    def restart(self) -> AudioCache:
        self.audio.close()
        self.audio = self._open()
        return self.audio

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        self.audio.index.advance_clock(seconds)

    def files(self) -> list[Path]:
        return [path for path in self.directory.iterdir() if path.name != ".lock"]

    def consistent(self) -> None:
        """The index and the disk say the same."""
        indexed = {file.path: file.size for file in self.audio.index.values()}
        assert indexed == {path: path.stat().st_size for path in self.files()}
        assert self.audio.index.weight == sum(indexed.values())


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Timed]:
    made = Timed(tmp_path)
    yield made
    made.audio.close()


def test_what_is_put_is_there(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    assert timed.audio.get("hello", "en") == b"audio"
    assert timed.audio.get("hello", "de") is None and timed.audio.get("bye", "en") is None
    timed.consistent()


def test_names_do_not_collide_and_say_nothing(timed: Timed) -> None:
    timed.audio.put("a:b", "c", b"1")
    timed.audio.put("a", "b:c", b"2")
    assert timed.audio.get("a:b", "c") == b"1" and timed.audio.get("a", "b:c") == b"2"
    timed.audio.put("../../secret", "../voice", b"3")
    assert all(
        path.parent == timed.directory and "secret" not in path.name for path in timed.files()
    )


def test_replacing_leaves_one_file(timed: Timed) -> None:
    for content in (b"one", b"longer than one"):
        timed.audio.put("hello", "en", content)
    assert timed.audio.get("hello", "en") == b"longer than one" and len(timed.files()) == 1
    timed.consistent()


async def test_seven_days_from_when_it_was_made(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    await timed.later(7 * DAY - 1)
    assert timed.audio.get("hello", "en") == b"audio"  # a use does not prolong it
    await timed.later(1)
    assert timed.audio.get("hello", "en") is None
    timed.audio.cleanup()
    assert timed.files() == []


async def test_cleanup_removes_what_has_expired_and_says_how_much(timed: Timed) -> None:
    for number in range(5):
        timed.audio.put(f"old-{number}", "en", bytes(1000))
    await timed.later(6 * DAY)
    timed.audio.put("new", "en", bytes(10))
    await timed.later(1 * DAY)
    would = timed.audio.cleanup(dry_run=True)
    assert (would.entries, would.bytes) == (5, 5000) and len(timed.files()) == 6
    assert timed.audio.cleanup() == would and len(timed.files()) == 1
    assert timed.audio.cleanup().entries == 0
    timed.consistent()


def test_the_budget_evicts_what_was_used_longest_ago_and_no_more(timed: Timed) -> None:
    quarter = MB // 4
    for name in "abcd":
        timed.audio.put(name, "en", bytes(quarter))
    assert timed.audio.stats()["total_size_mb"] == 1
    timed.audio.get("a", "en")
    timed.audio.put("e", "en", bytes(10))
    left = [name for name in "abcde" if timed.audio.get(name, "en") is not None]
    assert left == ["a", "c", "d", "e"]
    timed.consistent()


def test_what_is_larger_than_everything_is_refused_and_nothing_is_lost(timed: Timed) -> None:
    timed.audio.put("small", "en", b"audio")
    timed.audio.put("large", "en", b"older")
    with pytest.raises(AudioTooLarge, match="1 MB"):
        timed.audio.put("large", "en", bytes(MB + 1))
    assert timed.audio.get("small", "en") == b"audio" and timed.audio.get("large", "en") == b"older"
    timed.consistent()


def test_replacing_counts_once(timed: Timed) -> None:
    for _ in range(20):
        timed.audio.put("hello", "en", bytes(MB // 2))
    timed.audio.put("other", "en", bytes(MB // 2))
    assert timed.audio.stats()["entry_count"] == 2
    timed.consistent()


def test_a_text_that_has_changed(timed: Timed) -> None:
    for voice in ("en", "de", "fr"):
        timed.audio.put("hello", voice, b"audio")
    timed.audio.put("other", "en", b"audio")
    assert timed.audio.invalidate("hello") == 3 and timed.audio.invalidate("hello") == 0
    assert timed.audio.get("other", "en") == b"audio" and len(timed.files()) == 1


async def test_a_restart_keeps_contents_lifetimes_and_order(timed: Timed) -> None:
    for name in "abc":
        timed.audio.put(name, "en", name.encode())
        await timed.later(100)
    timed.audio.get("a", "en")
    await timed.later(3 * DAY)
    timed.restart()
    timed.consistent()
    assert timed.audio.stats()["entry_count"] == 3
    timed.audio.put("big", "en", bytes(MB - 2))  # room for two of them
    assert timed.audio.get("b", "en") is None and timed.audio.get("a", "en") == b"a"
    await timed.later(4 * DAY)
    assert timed.audio.get("a", "en") is None  # seven days in all


async def test_what_expired_while_nobody_ran_goes_at_the_start(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    timed.audio.close()
    await timed.clock.advance(8 * DAY)
    timed.restart()
    assert timed.files() == [] and timed.audio.stats()["entry_count"] == 0


def test_a_smaller_budget_holds_at_once(tmp_path: Path) -> None:
    with_much = AudioCache(tmp_path, 10)
    for number in range(8):
        with_much.put(str(number), "en", bytes(MB))
    with_much.close()
    with_little = AudioCache(tmp_path, 3)
    assert with_little.stats()["entry_count"] == 3
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 3 * MB
    with_little.close()


def test_files_that_somebody_else_removed(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    timed.files()[0].unlink()
    assert timed.audio.get("hello", "en") is None
    timed.consistent()


def test_leftovers_go_at_the_start_and_at_a_cleanup(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    (whole,) = timed.files()
    whole.with_suffix(".new").write_bytes(b"half")
    timed.restart()
    assert timed.files() == [whole]
    other = whole.with_name("f" * 64 + whole.name[64:])
    other.write_bytes(b"nobody asked for it")
    assert timed.audio.cleanup().leftovers == 1
    assert timed.audio.get("hello", "en") == b"audio" and timed.files() == [whole]


async def test_what_others_keep_in_the_directory_stays(timed: Timed) -> None:
    """However it is called: only a regular file with a name of ours belongs to the cache."""
    timed.audio.put("hello", "en", b"audio")
    (ours,) = timed.files()
    elsewhere = timed.directory.parent / "elsewhere"
    elsewhere.write_bytes(b"audio")
    for name in ("important.new", "song.audio", "notes.txt", ours.name[:-7] + "0.audio.bak"):
        (timed.directory / name).write_bytes(b"my only copy")
    os.utime(timed.directory / "song.audio", (0, 0))
    for kind in (".audio", ".new"):
        like_ours = ours.with_name("e" * 64 + ours.name[64:]).with_suffix(kind)
        like_ours.symlink_to(elsewhere)
        ours.with_name("d" * 64 + ours.name[64:]).with_suffix(kind).mkdir()
        (timed.directory / f"folder{kind}").mkdir()
    for size in ("\N{ARABIC-INDIC DIGIT FIVE}", "05"):
        ours.with_name(ours.name.replace(".5.", f".{size}.")).write_bytes(b"other")
    theirs = set(timed.files()) - {ours}
    assert timed.audio.cleanup(dry_run=True).leftovers == 0
    assert timed.audio.cleanup().leftovers == 0
    timed.restart()
    await timed.later(8 * DAY)
    assert timed.audio.cleanup().entries == 1
    assert set(timed.files()) == theirs and elsewhere.read_bytes() == b"audio"


@pytest.mark.parametrize("damage", [b"", b"aud", b"audio and more", "link", "fifo", "folder"])
@pytest.mark.parametrize("restarts", [False, True])
def test_audio_that_is_not_whole_is_not_given_out(
    timed: Timed, tmp_path_factory: pytest.TempPathFactory, damage: bytes | str, restarts: bool
) -> None:
    timed.audio.put("hello", "en", b"audio")
    (path,) = timed.files()
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        path.unlink()
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "audio"
        elsewhere.write_bytes(b"secre")
        make = {"link": lambda: path.symlink_to(elsewhere), "fifo": lambda: os.mkfifo(path)}
        make.get(damage, path.mkdir)()
    if restarts:
        timed.restart()
    assert timed.audio.get("hello", "en") is None
    assert timed.audio.stats()["entry_count"] == 0
    timed.audio.put("hello", "en", b"audio")
    assert timed.audio.get("hello", "en") == b"audio"


@pytest.mark.parametrize("content", [b"audio", b""])
def test_files_of_earlier_versions_have_no_size_in_their_names(
    timed: Timed, content: bytes
) -> None:
    timed.audio.put("hello", "en", b"audio")
    (path,) = timed.files()
    assert path.name.split(".")[2] == "5"
    path.rename(path.with_name(path.name.replace(".5.", "."))).write_bytes(content)
    assert timed.restart().get("hello", "en") == (content or None)
    timed.consistent()


def test_a_leftover_that_cannot_be_removed_does_not_prevent_the_start(
    timed: Timed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    timed.audio.put("hello", "en", b"audio")
    (path,) = timed.files()
    path.write_bytes(b"aud")

    def fail(*_: object, **__: object) -> None:
        raise PermissionError("somebody else's")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        assert timed.restart().get("hello", "en") is None
    assert "could not be removed" in caplog.text
    assert timed.audio.cleanup().leftovers == 1 and not timed.files()


def test_a_disk_that_cannot_be_written(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading goes on; a failure is a problem until something could be written."""

    def fail(*_: object) -> None:
        raise OSError("read-only, or full")

    timed.audio.put("hello", "en", b"audio")
    for file in timed.audio.index.values():
        file.used = 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", fail)
        assert timed.audio.get("hello", "en") == b"audio"
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError):
            timed.audio.put("bye", "en", b"audio")
        assert len(timed.files()) == 1 and timed.audio.problems()
    timed.audio.put("bye", "en", b"audio")
    assert not timed.audio.problems()


def test_a_file_that_cannot_be_removed_is_tried_again(
    timed: Timed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    timed.audio.put("hello", "en", b"audio")
    with monkeypatch.context() as patch:

        def fail(path: Path, missing_ok: bool = False) -> None:
            raise OSError("busy")

        patch.setattr(Path, "unlink", fail)
        timed.audio.invalidate("hello")
    assert "tried again" in caplog.text and len(timed.files()) == 1
    assert timed.audio.cleanup().leftovers == 1 and timed.files() == []


def test_an_open_file_outlives_its_entry(timed: Timed) -> None:
    timed.audio.put("hello", "en", b"audio")
    opened = timed.audio.open("hello", "en")
    assert opened is not None
    with opened:
        timed.audio.invalidate("hello")
        assert opened.read() == b"audio"


def test_one_directory_one_cache(timed: Timed) -> None:
    with pytest.raises(DirectoryInUse):
        AudioCache(timed.directory)


@pytest.mark.parametrize(
    ("size", "days"),
    [(0, 7), (-1, 7), (500, 0), (float("nan"), 7), (1e-300, 7), (float("inf"), 7)],
)
def test_budgets_that_are_none(tmp_path: Path, size: float, days: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        AudioCache(tmp_path, size, days)


CRASHING = """
import os, random, sys, threading
from cachecore_services.narration import AudioCache
audio = AudioCache(sys.argv[1], max_size_mb=0.5)
chance = random.Random(int(sys.argv[2]))
print("ready", flush=True)
while True:
    name = str(chance.randrange(40))
    audio.put(name, "en", name.encode() * chance.randrange(1, 20_000))
    if chance.random() < 0.2:
        audio.invalidate(str(chance.randrange(40)))
"""


def test_killed_at_any_moment_it_is_consistent_again(tmp_path: Path) -> None:
    """Whatever is there after a crash is whole: right content, right name, within the budget."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    chance = random.Random(seed)
    for _ in range(5):
        command = [sys.executable, "-c", CRASHING, str(tmp_path), str(chance.getrandbits(32))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
            busy = time.monotonic() + chance.uniform(0, 0.1)
            while time.monotonic() < busy:
                pass
            writer.kill()
        audio = AudioCache(tmp_path, max_size_mb=0.5)
        for name in map(str, range(40)):
            content = audio.get(name, "en")
            assert content is None or set(content.split(name.encode())) == {b""}
        files = {path: path.stat().st_size for path in tmp_path.iterdir() if path.name != ".lock"}
        assert files == {file.path: file.size for file in audio.index.values()}
        assert sum(files.values()) <= MB // 2
        audio.close()
