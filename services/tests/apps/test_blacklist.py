"""Revoked tokens: in force until they expire, whatever happens, and not longer."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import event

from cachecore_services.blacklist import TokenBlacklist, TokenExists, TokenTable
from cachecore_services.blacklist.identity import identities
from cachecore_services.blacklist.table import _tokens
from cachecore_services.maintenance import ManualClock

from .conftest import DAY, HOUR

MS = 1000


def digest(token: str) -> bytes:
    """What is stored of it."""
    return identities(token)[0]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[TokenTable]:
    made = TokenTable(f"sqlite:///{tmp_path}/tokens.db")
    yield made
    made.close()


class Timed:
    """A blacklist whose time the test moves, in the table and in the cache."""

    def __init__(self, table: TokenTable, max_tokens: int = 1000, margin: float = 300) -> None:
        self.clock = ManualClock(wall=time.time())
        self.blacklist = TokenBlacklist(
            table, max_tokens=max_tokens, margin=margin, clock=self.clock, manual_clock=True
        )

    @property
    def now(self) -> float:
        return self.clock.now().wall

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        self.blacklist.cache.advance_clock(seconds)


@pytest.fixture
def timed(table: TokenTable) -> Iterator[Timed]:
    made = Timed(table)
    yield made
    made.blacklist.cache.close()


# -- The table -----------------------------------------------------------------------------------


def test_add_and_contains(table: TokenTable) -> None:
    table.add(b"a" * 32, 2000, 1000, "ann")
    assert table.contains(b"a" * 32, 1999) and table.count() == 1
    assert not table.contains(b"b" * 32, 1999)


def test_several_processes_make_the_table_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tokens.db"

    @event.listens_for(_tokens, "before_create", once=True)
    def another_is_quicker(*_: object, **__: object) -> None:
        TokenTable(url).close()

    table = TokenTable(url)
    table.add(digest("token"), 1 << 40, 0)
    assert table.count() == 1
    table.close()


def test_a_duplicate_raises(table: TokenTable) -> None:
    table.add(b"a" * 32, 2000, 1000)
    with pytest.raises(TokenExists):
        table.add(b"a" * 32, 3000, 1000)
    assert table.count() == 1


def test_expired_at_its_deadline_for_all_alike(table: TokenTable) -> None:
    """What is no longer found is removed, and what is found is not: also in that millisecond."""
    table.add(b"a" * 32, 2000, 1000)
    for now, found in ((1999, True), (2000, False), (2001, False)):
        assert table.contains(b"a" * 32, now) is found
        assert (table.count(now) == 0) is found
    assert table.remove_expired(1999) == 0 and table.remove_expired(2000) == 1


@pytest.mark.parametrize(("expired", "valid"), [(0, 0), (0, 4), (5, 0), (3, 2), (25, 7)])
def test_removes_all_that_have_expired_and_no_other(
    table: TokenTable, expired: int, valid: int
) -> None:
    for number in range(expired):
        table.add(digest(f"expired-{number}"), 1000 + number, 0)
    for number in range(valid):
        table.add(digest(f"valid-{number}"), 5000 + number, 0)
    assert table.remove_expired(4999, batch_size=10) == expired
    assert table.count() == valid and table.remove_expired(4999) == 0


def test_batches_of_any_size_remove_the_same(table: TokenTable) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    chance = random.Random(seed)
    deadlines = [chance.randrange(100) for _ in range(200)]
    for number, deadline in enumerate(deadlines):
        table.add(digest(str(number)), deadline, 0)
    for now in sorted(chance.sample(range(100), 5)):
        due = sum(deadline <= now for deadline in deadlines)
        assert table.count(now) == table.remove_expired(now, chance.choice((1, 7, 1000))) == due
        deadlines = [deadline for deadline in deadlines if deadline > now]
        assert table.count() == len(deadlines)


def test_the_table_does_not_hold_tokens(table: TokenTable, tmp_path: Path) -> None:
    blacklist = TokenBlacklist(table)
    blacklist.revoke("a-token-that-opens-doors", time.time() + HOUR, "ann")
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"opens-doors" not in files and digest("a-token-that-opens-doors") in files
    blacklist.close()


# -- The blacklist -------------------------------------------------------------------------------


async def test_revoked_until_it_expires(timed: Timed) -> None:
    """And for the margin, in which a verifier with leeway still accepts it."""
    assert timed.blacklist.revoke("token", timed.now + HOUR, "ann")
    assert timed.blacklist.is_revoked("token") and not timed.blacklist.is_revoked("other")
    for _ in range(2):
        await timed.later((HOUR + 300) / 2 - 1)
        assert timed.blacklist.is_revoked("token")
        assert timed.blacklist.remove_expired() == 0
    await timed.later(3)
    assert not timed.blacklist.is_revoked("token") and timed.blacklist.remove_expired() == 1


def test_twice_is_as_good_as_once(timed: Timed) -> None:
    assert timed.blacklist.revoke("token", timed.now + HOUR)
    assert not timed.blacklist.revoke("token", timed.now + HOUR)
    assert timed.blacklist.is_revoked("token") and timed.blacklist.table.count() == 1


def test_what_has_expired_need_not_be_revoked(timed: Timed) -> None:
    assert not timed.blacklist.revoke("token", timed.now - 301)
    assert timed.blacklist.table.count() == 0 and not timed.blacklist.is_revoked("token")


def test_moments_have_a_time_zone(timed: Timed) -> None:
    """A deadline is one moment everywhere: in Manila no token is accepted for eight hours more."""
    in_an_hour = datetime.fromtimestamp(timed.now + HOUR, UTC)
    manila = in_an_hour.astimezone(timezone(timedelta(hours=8)))
    timed.blacklist.revoke("token", manila)
    ((_, expires_ms),) = timed.blacklist.table.unexpired(0)
    assert expires_ms == round((timed.now + HOUR) * MS)
    with pytest.raises(ValueError, match="time zone"):
        timed.blacklist.revoke("other", manila.replace(tzinfo=None))


def test_what_is_no_token_and_no_moment(timed: Timed) -> None:
    blacklist = timed.blacklist
    for ask in (blacklist.is_revoked, lambda token: blacklist.revoke(token, timed.now + HOUR)):
        with pytest.raises(ValueError, match="at least one character"):
            ask("")
        for token in (None, 7, ["token"]):
            with pytest.raises(TypeError, match="a token is"):
                ask(token)  # type: ignore[arg-type]
    for moment in ("1700000600", True, [1]):
        with pytest.raises(TypeError, match="expires_at"):
            blacklist.revoke("token", moment)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expires_at"):
        blacklist.revoke("token", float("nan"))
    assert blacklist.table.count() == 0


@pytest.mark.parametrize("moment", [None, float("inf"), 10**19, 1.7e12, 253402300799])
async def test_a_token_that_never_expires_is_revoked_for_ever(
    timed: Timed, moment: float | None
) -> None:
    assert timed.blacklist.revoke("token", moment)
    await timed.later(1000 * DAY)
    assert timed.blacklist.remove_expired() == 0 and timed.blacklist.is_revoked("token")
    timed.blacklist.load()
    assert timed.blacklist.is_revoked("token")


@pytest.mark.parametrize("user", [7, "x" * 20_000, "\ud800\0", None, object()])
def test_no_name_of_a_user_keeps_a_token_from_being_revoked(timed: Timed, user: object) -> None:
    assert timed.blacklist.revoke("token", timed.now + HOUR, user)
    assert timed.blacklist.is_revoked("token")


async def test_a_restart_forgets_nothing(timed: Timed) -> None:
    for number in range(50):
        timed.blacklist.revoke(f"short-{number}", timed.now + HOUR)
        timed.blacklist.revoke(f"long-{number}", timed.now + 100 * HOUR)
    await timed.later(2 * HOUR)
    again = TokenBlacklist(timed.blacklist.table, clock=timed.clock)
    assert again.cache.count() == 50
    assert all(again.is_revoked(f"long-{number}") for number in range(50))
    assert not any(again.is_revoked(f"short-{number}") for number in range(50))
    again.cache.close()


CRASHING = """
import os, sys, time
from cachecore_services.blacklist import TokenBlacklist, TokenTable
blacklist = TokenBlacklist(TokenTable(sys.argv[1]))
blacklist.revoke("token", time.time() + 3600)
os.kill(os.getpid(), 9)
"""


def test_what_was_acknowledged_survives_a_crash(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tokens.db"
    assert subprocess.run([sys.executable, "-c", CRASHING, url], timeout=60).returncode == -9
    blacklist = TokenBlacklist(TokenTable(url))
    assert blacklist.is_revoked("token")
    blacklist.close()


async def test_a_full_blacklist_is_loud_and_forgets_nothing(
    table: TokenTable, caplog: pytest.LogCaptureFixture
) -> None:
    timed = Timed(table, max_tokens=64)
    blacklist = timed.blacklist
    for number in range(200):
        blacklist.revoke(f"token-{number}", timed.now + HOUR * (1 + number % 2))
    assert blacklist.degraded and blacklist.overflows >= 136
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(critical) == 1 and "full" in critical[0].message
    assert all(blacklist.is_revoked(f"token-{number}") for number in range(200))
    assert not blacklist.is_revoked("never")
    restarted = TokenBlacklist(table, max_tokens=64, clock=timed.clock)
    assert restarted.degraded
    assert all(restarted.is_revoked(f"token-{number}") for number in range(200))
    restarted.cache.close()
    await timed.later(1.5 * HOUR)
    assert blacklist.remove_expired() == 100 and blacklist.degraded  # a hundred are still left
    assert all(blacklist.is_revoked(f"token-{number}") for number in range(1, 200, 2))
    await timed.later(HOUR)
    blacklist.remove_expired()
    assert not blacklist.degraded and "fits into memory again" in caplog.text
    blacklist.cache.close()


def test_never_less_than_everything_while_it_loads(table: TokenTable) -> None:
    """Until all has been loaded, what is not in memory is still looked up."""
    timed = Timed(table, max_tokens=16)
    for number in range(100):
        timed.blacklist.revoke(f"token-{number}", timed.now + HOUR)
    seen: list[bool] = []
    remember = timed.blacklist._remember

    def watch(key: bytes, expires_ms: int) -> None:
        seen.append(
            timed.blacklist.is_revoked("token-99") and timed.blacklist.is_revoked("token-0")
        )
        remember(key, expires_ms)

    timed.blacklist._remember = watch  # type: ignore[method-assign]
    timed.blacklist.load()
    assert seen and all(seen) and timed.blacklist.degraded
    timed.blacklist.cache.close()


def test_processes_take_over_what_others_have_revoked(table: TokenTable, tmp_path: Path) -> None:
    here, there = Timed(table), Timed(TokenTable(f"sqlite:///{tmp_path}/tokens.db"))
    there.blacklist.revoke("token", there.now + HOUR)
    assert not here.blacklist.is_revoked("token")
    here.blacklist.sync()
    assert here.blacklist.is_revoked("token")
    there.blacklist.close()
    here.blacklist.cache.close()


async def test_a_database_that_fails_for_a_while_costs_no_revocation(
    table: TokenTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Timed(table), Timed(TokenTable(f"sqlite:///{tmp_path}/tokens.db"))
    there.blacklist.revoke("token", there.now + HOUR)

    def fail(*_: object) -> None:
        raise OSError("no connection")

    with monkeypatch.context() as patch:
        patch.setattr(table, "unexpired", fail)
        for _ in range(10):
            await here.later(60)
            with pytest.raises(OSError):
                here.blacklist.sync()
    here.blacklist.sync()
    assert here.blacklist.is_revoked("token")
    there.blacklist.close()
    here.blacklist.cache.close()


def test_a_revocation_that_is_not_on_disk_is_an_error(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(timed.blacklist.table, "add", fail)
    with pytest.raises(OSError):
        timed.blacklist.revoke("token", timed.now + HOUR)
