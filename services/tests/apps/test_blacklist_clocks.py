"""Clocks that are set, clocks that differ, numbers of rows, and tables of before."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from cachecore_services.blacklist import TokenBlacklist, TokenTable
from cachecore_services.blacklist.identity import identities
from cachecore_services.blacklist.table import Revoked, _in_memory, _tokens

from .conftest import DAY, HOUR
from .test_blacklist import Timed

NEVER_MS = 2**50


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/tokens.db"


@pytest.fixture
def timed(url: str) -> Iterator[Timed]:
    made = Timed(TokenTable(url))
    yield made
    made.blacklist.close()


def digest(token: str) -> bytes:
    return identities(token)[0]


# -- The wall clock ------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [10, 120, 299, HOUR, 30 * DAY])
@pytest.mark.parametrize("syncs", [True, False])
async def test_a_clock_that_is_set_back_ends_no_revocation(
    timed: Timed, back: float, syncs: bool
) -> None:
    """A token is accepted by the wall clock; so it is refused by it, however long that takes."""
    expires = timed.now + 600
    timed.blacklist.revoke("token", expires)
    await timed.later(300)
    timed.clock.set_wall(timed.now - back)
    for _ in range(12):
        assert timed.blacklist.is_revoked("token")
        await timed.later((expires - timed.now) / 2)
        if syncs:
            timed.blacklist.sync()
    await timed.later(expires - timed.now)
    assert timed.blacklist.is_revoked("token")  # for the margin, too
    await timed.later(301)
    assert not timed.blacklist.is_revoked("token")


async def test_after_all_has_been_loaded_anew_nobody_waits_any_more(timed: Timed) -> None:
    timed.blacklist.revoke("token", timed.now + HOUR)
    timed.clock.set_wall(timed.now - 600)
    assert timed.blacklist.waits
    timed.blacklist.sync()
    assert not timed.blacklist.waits and timed.blacklist.is_revoked("token")
    await timed.later(HOUR + 500)
    assert timed.blacklist.is_revoked("token")


async def test_a_clock_that_was_ahead_for_a_while(timed: Timed) -> None:
    """What is revoked by a clock that is an hour ahead is not forgotten when it is set right."""
    timed.clock.set_wall(timed.now + HOUR)
    timed.blacklist.revoke("token", timed.now + 60)
    timed.clock.set_wall(timed.now - HOUR)
    await timed.later(1000)
    assert timed.blacklist.is_revoked("token")
    timed.blacklist.sync()
    await timed.later(2000)
    assert timed.blacklist.is_revoked("token")


@pytest.mark.parametrize("behind", [120, -120, DAY])
def test_machines_whose_clocks_differ(timed: Timed, url: str, behind: float) -> None:
    there = Timed(TokenTable(url))
    there.clock.set_wall(there.now - behind)
    for number in range(5):
        timed.blacklist.sync()
        there.blacklist.revoke(f"token-{number}", there.now + max(behind, 0) + HOUR)
        assert timed.blacklist.sync() >= 1 and timed.blacklist.is_revoked(f"token-{number}")
    there.blacklist.close()


@pytest.mark.parametrize("margin", [-1, float("nan"), float("inf")])
def test_margins_that_are_none(url: str, margin: float) -> None:
    table = TokenTable(url)
    with pytest.raises(ValueError, match="margin"):
        TokenBlacklist(table, margin=margin)
    table.close()


# -- Numbers of rows -----------------------------------------------------------------------------


class Elsewhere:
    """Another process, whose transactions take long."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")

    def commits(self, *rows: tuple[int, str]) -> None:
        with closing(sqlite3.connect(self._path)) as other, other:
            other.executemany(
                "INSERT INTO token_blacklist (id, token, expires_at, blacklisted_at) VALUES (?,?,?,0)",
                [(number, digest(token), NEVER_MS) for number, token in rows],
            )


def many(first: int, last: int) -> list[tuple[int, str]]:
    return [(number, f"token-{number}") for number in range(first, last + 1)]


async def test_what_commits_late_is_read_all_the_same(timed: Timed, url: str) -> None:
    """A number is given out when a row is written, and seen when its transaction ends."""
    for number in range(3):
        timed.blacklist.revoke(f"early-{number}", timed.now + HOUR)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other, other:
        other.execute("DELETE FROM token_blacklist WHERE id = 2")
    timed.blacklist.revoke("later", timed.now + HOUR)
    timed.blacklist.sync()
    await timed.later(59)
    Elsewhere(url).commits((2, "late"))
    timed.blacklist.sync()
    assert timed.blacklist.is_revoked("late")


@pytest.mark.parametrize("interval", [1, HOUR])
@pytest.mark.parametrize("outage", [0, 59, 100, DAY])
@pytest.mark.parametrize("recovered", [False, True])
async def test_also_what_commits_late_while_the_table_is_not_read(
    timed: Timed, url: str, outage: float, interval: float, recovered: bool
) -> None:
    """recovered: the commit comes after the first sync that works again."""
    for _ in range(12):
        await timed.later(interval)
        timed.blacklist.sync()
    Elsewhere(url).commits(*many(301, 1300))  # and 300 has not ended
    timed.blacklist.sync()
    await timed.later(interval)
    timed.blacklist.sync()
    await timed.later(outage)
    if recovered:
        timed.blacklist.sync()
    Elsewhere(url).commits((300, "late"))
    timed.blacklist.sync()
    assert timed.blacklist.is_revoked("late")


async def test_a_sync_that_fails_half_way_is_made_up_for(
    timed: Timed, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Elsewhere(url).commits(*many(1, 5000))

    def fails(*_: object) -> Iterator[Revoked]:
        yield Revoked(digest("token-1"), NEVER_MS)
        raise OSError("no answer")

    for _ in range(100):
        await timed.later(1)
        with monkeypatch.context() as patch, pytest.raises(OSError):
            patch.setattr(timed.blacklist.table, "unexpired", fails)
            timed.blacklist.sync()
    timed.blacklist.sync()
    assert timed.blacklist.is_revoked("token-2") and timed.blacklist.is_revoked("token-5000")


async def test_what_committed_late_at_the_start_is_read_within_a_minute(url: str) -> None:
    table = TokenTable(url)
    Elsewhere(url).commits(*many(301, 1300))
    starting = Timed(table)
    Elsewhere(url).commits((300, "late"))
    for _ in range(62):
        starting.blacklist.sync()
        await starting.later(1)
    assert starting.blacklist.is_revoked("late")
    starting.blacklist.close()


@pytest.mark.parametrize("reload", ["load", "clock"])
async def test_loading_anew_misses_nothing_that_commits_late(
    timed: Timed, url: str, reload: str
) -> None:
    Elsewhere(url).commits(*many(301, 1300))
    timed.blacklist.sync()
    if reload == "clock":
        timed.clock.set_wall(timed.now - HOUR)
        timed.blacklist.sync()
    else:
        timed.blacklist.load()
    Elsewhere(url).commits((300, "late"))
    timed.blacklist.sync()
    assert timed.blacklist.is_revoked("late")


async def test_what_is_known_is_not_read_again_and_again(timed: Timed) -> None:
    for number in range(500):
        timed.blacklist.revoke(f"token-{number}", timed.now + HOUR)
    timed.blacklist.sync()
    for _ in range(62):
        await timed.later(1)
        timed.blacklist.sync()
    assert timed.blacklist.sync() == 0
    timed.blacklist.revoke("one-more", timed.now + HOUR)
    assert timed.blacklist.sync() == 1


# -- Two deadlines -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations((600, 2000, 5000))))
@pytest.mark.parametrize("read", ["before", "after", "never"])
async def test_the_latest_deadline_of_a_token_counts(
    timed: Timed, url: str, order: tuple[int, ...], read: str
) -> None:
    """Here, in the table, after a restart, and for a process that has read the first one."""
    there = Timed(TokenTable(url))
    begun = timed.now
    for number, seconds in enumerate(order):
        assert timed.blacklist.revoke("token", begun + seconds) is (number == 0)
        if read == "before":
            there.blacklist.sync()
    if read == "after":
        there.blacklist.sync()
    assert timed.blacklist.table.count() == 1
    all_of_them = [timed, there] if read != "never" else [timed]
    for one in all_of_them:
        await one.later(5299)
        assert one.blacklist.is_revoked("token")
    restarted = TokenBlacklist(TokenTable(url), clock=timed.clock, manual_clock=True)
    assert restarted.is_revoked("token")
    restarted.close()
    assert timed.blacklist.remove_expired() == 0
    for one in all_of_them:
        await one.later(2)
        assert not one.blacklist.is_revoked("token")
    there.blacklist.close()


async def test_an_earlier_deadline_from_a_process_that_does_not_know_the_later_one(
    timed: Timed, url: str
) -> None:
    there = Timed(TokenTable(url))
    timed.blacklist.revoke("token", timed.now + 5000)
    there.blacklist.revoke("token", there.now + 600)
    for one in (timed, there):
        one.blacklist.sync()
        await one.later(5000)
        assert one.blacklist.is_revoked("token")
    there.blacklist.close()


async def test_a_token_without_an_end_keeps_none(timed: Timed) -> None:
    timed.blacklist.revoke("token", None)
    timed.blacklist.revoke("token", timed.now + 600)
    await timed.later(30 * DAY)
    assert timed.blacklist.is_revoked("token")


async def test_revoked_anew_after_its_end_and_before_the_cleanup(timed: Timed, url: str) -> None:
    """Its row is still there, with a deadline that is past."""
    timed.blacklist.revoke("token", timed.now + 10)
    await timed.later(HOUR)
    assert timed.blacklist.revoke("token", timed.now + HOUR)
    assert timed.blacklist.remove_expired() == 0
    restarted = TokenBlacklist(TokenTable(url), clock=timed.clock, manual_clock=True)
    assert restarted.is_revoked("token")
    restarted.close()


def test_threads_that_revoke_one_token_with_many_deadlines(timed: Timed, url: str) -> None:
    tables = [TokenTable(url) for _ in range(3)]
    blacklists = [timed.blacklist, *(TokenBlacklist(table, clock=timed.clock) for table in tables[:2])]
    order = [range(1, 16), range(15, 0, -1), (8, 1, 15, 3, 9, 14, 2)]
    begun = timed.now

    def revoke(blacklist: TokenBlacklist, deadlines: Iterable[int]) -> None:
        for number in deadlines:
            blacklist.revoke("token", begun + 1000 * number)

    threads = [
        threading.Thread(target=revoke, args=(one, mine)) for one, mine in zip(blacklists, order)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (row,) = tables[2].unexpired(0)
    assert row.expires_ms == round((begun + 15_000) * 1000)
    for one in (*tables, *blacklists[1:]):
        one.close()


async def test_numbers_are_not_used_twice(timed: Timed, url: str) -> None:
    """After a cleanup that removed the last rows, what others revoke is new."""
    there = Timed(TokenTable(url))
    for number in range(300):
        timed.blacklist.revoke(f"short-{number}", timed.now + 10)
    for _ in range(3):
        await timed.later(200)
        timed.blacklist.sync()
    assert timed.blacklist.remove_expired() == 300 and timed.blacklist.table.last_id() == 0
    for number in range(301):
        there.blacklist.revoke(f"long-{number}", timed.now + DAY)
    timed.blacklist.sync()
    assert all(timed.blacklist.is_revoked(f"long-{number}") for number in range(301))
    there.blacklist.close()


BEFORE = """
CREATE TABLE token_blacklist (
  id INTEGER NOT NULL, token BLOB NOT NULL, expires_at BIGINT NOT NULL,
  blacklisted_at BIGINT NOT NULL, user_id VARCHAR(255), PRIMARY KEY (id), UNIQUE (token));
CREATE INDEX ix_token_blacklist_expires_at ON token_blacklist (expires_at);
CREATE INDEX ix_token_blacklist_blacklisted_at ON token_blacklist (blacklisted_at);
CREATE INDEX ix_token_blacklist_user_id ON token_blacklist (user_id);
"""


def test_a_table_of_before_is_rebuilt_and_loses_nothing(url: str) -> None:
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as made:
        made.executescript(BEFORE)
        for number in (1, 2, 7):
            row = (number, digest(f"token-{number}"), NEVER_MS + number, 5, f"user-{number}")
            made.execute("INSERT INTO token_blacklist VALUES (?,?,?,?,?)", row)
    made.close()
    tables: list[TokenTable] = []
    opening = [threading.Thread(target=lambda: tables.append(TokenTable(url))) for _ in range(4)]
    for thread in opening:
        thread.start()
    for thread in opening:
        thread.join(60)
    assert len(tables) == 4
    assert [revoked.digest for revoked in tables[0].unexpired(0)] == [
        digest(f"token-{number}") for number in (1, 2, 7)
    ]
    with sqlite3.connect(path) as seen:
        rows = seen.execute("SELECT id, expires_at, user_id FROM token_blacklist").fetchall()
        names = [name for (name,) in seen.execute("SELECT name FROM sqlite_master ORDER BY name")]
        seen.execute("DELETE FROM token_blacklist")
    seen.close()
    assert rows == [(n, NEVER_MS + n, f"user-{n}") for n in (1, 2, 7)]
    assert "token_blacklist_before" not in names
    assert {"ix_token_blacklist_expires_at", "ix_token_blacklist_user_id"} <= set(names)
    tables[0].add(digest("next"), NEVER_MS, 0)
    assert tables[1].last_id() == 8
    for table in tables:
        table.close()


def test_a_start_waits_for_who_holds_the_file(url: str) -> None:
    """Switching to the write-ahead log is the one thing for which SQLite itself does not wait."""
    path = url.removeprefix("sqlite:///")
    holder = sqlite3.connect(path, check_same_thread=False)
    holder.execute("CREATE TABLE other (x)")
    holder.commit()
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("INSERT INTO other VALUES (1)")
    letting_go = threading.Timer(0.5, holder.rollback)
    letting_go.start()
    table = TokenTable(url)
    assert table.last_id() == 0
    table.close()
    letting_go.join()
    holder.close()


# -- Databases -----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_one_for_all_threads(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    blacklist = TokenBlacklist(TokenTable(url), max_tokens=40)
    assert "in memory" in caplog.text

    def on_threads(work: Callable[[int], Any]) -> list[Any]:
        answers: list[Any] = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(work(n)))  # type: ignore[misc]
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers

    def revoke(thread: int) -> int:
        expires = time.time() + HOUR
        return sum(blacklist.revoke(f"{thread}-{number}", expires) for number in range(10))

    assert on_threads(revoke) == [10] * 8 and blacklist.degraded
    assert on_threads(lambda thread: blacklist.is_revoked(f"{thread}-9")) == [True] * 8
    blacklist.sync()
    assert blacklist.table.count() == 80
    blacklist.close()


def test_which_databases_are_in_memory() -> None:
    for url, in_memory in (
        ("sqlite:///file:name?mode=memory&uri=true", True),
        ("sqlite:///file::memory:?cache=shared&uri=true", True),
        ("sqlite:////var/lib/tokens.db", False),
    ):
        assert _in_memory(make_url(url)) is in_memory


def test_the_table_is_one_that_other_databases_make() -> None:
    """MySQL makes no unique index over a BLOB."""
    for dialect in (mysql.dialect(), postgresql.dialect()):
        made = str(CreateTable(_tokens).compile(dialect=dialect))
        assert "BLOB" not in made and "BIGINT NOT NULL" in made or "BIGSERIAL" in made


def test_a_failure_to_write_is_a_problem_until_something_is_written(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timed.blacklist.problems() == []
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError("disk full")

        patch.setattr(timed.blacklist.table, "add", fail)
        with pytest.raises(OSError):
            timed.blacklist.revoke("token", timed.now + HOUR)
        timed.blacklist.remove_expired()  # of nothing, which writes nothing
        assert ["could not be written" in one.text for one in timed.blacklist.problems()] == [True]
    timed.blacklist.revoke("token", timed.now + HOUR)
    assert timed.blacklist.problems() == []


async def test_nothing_read_from_others_for_a_while_is_a_problem(timed: Timed) -> None:
    await timed.later(11)
    assert ["has not been read" in one.text for one in timed.blacklist.problems()] == [True]
    timed.blacklist.sync()
    assert timed.blacklist.problems() == []
