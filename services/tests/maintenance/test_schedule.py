"""Intervals and cron expressions."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from croniter import croniter

from cachecore_services.maintenance import Cron, Every, Moment, schedule


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def runs(cron: Cron, start: float, count: int) -> list[str]:
    """When a run is due, one after the other."""
    found, zone = [], ZoneInfo(cron.timezone)
    now = last = Moment(start, 0)
    for _ in range(count):
        wall = now.wall + cron.wait(now, last)
        now = Moment(wall, 0)
        last = cron.latest(now, last)
        found.append(datetime.fromtimestamp(wall, zone).isoformat())
    return found


def test_an_interval_does_not_drift() -> None:
    every, last = Every(10), Moment(1000, 0)
    assert every.wait(Moment(1000, 0), last) == 10
    late = every.latest(Moment(1012, 12), last)
    assert late == Moment(1010, 10) and every.wait(Moment(1012, 12), late) == 8


def test_missed_intervals_are_one_run() -> None:
    assert Every(10).latest(Moment(1095, 95), Moment(1000, 0)) == Moment(1090, 90)


def test_an_interval_is_always_over_once_it_is_due() -> None:
    """Whatever rounding says, a run that is due moves the schedule on."""
    every, now = Every(0.1), Moment(0, 0.1 + 0.2)
    last = Moment(0, 0.2)
    for _ in range(100):
        if every.wait(now, last) <= 0:
            after = every.latest(now, last)
            assert after.steady > last.steady
            last = after
        now = Moment(0, now.steady + 0.1)


def test_setting_the_clock_does_not_disturb_an_interval() -> None:
    assert Every(10).wait(Moment(99_999, 4), Moment(1000, 0)) == 6
    assert Every(10).wait(Moment(0, 4), Moment(1000, 0)) == 6


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_intervals_that_are_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Every(seconds)


def test_every_six_hours() -> None:
    assert runs(Cron("0 */6 * * *"), at("2026-03-01T05:59"), 3) == [
        "2026-03-01T06:00:00+00:00",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T18:00:00+00:00",
    ]


def test_two_in_the_morning_where_people_are() -> None:
    berlin = Cron("0 2 * * *", "Europe/Berlin")
    assert runs(berlin, at("2026-07-01T12:00"), 1) == ["2026-07-02T02:00:00+02:00"]


def test_summer_time() -> None:
    """The hour that is skipped is made up at its end, the one that is repeated has two runs."""
    berlin = Cron("30 2 * * *", "Europe/Berlin")
    spring = runs(berlin, at("2026-03-28T12:00"), 2)
    assert spring == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    autumn = runs(berlin, at("2026-10-24T12:00"), 3)
    assert autumn == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-26T02:30:00+01:00",
    ]


def transitions(zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """When the clock is set in three years: the second, and its offset before and after it."""

    def offset(second: int) -> int:
        shown = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
        assert shown is not None
        return int(shown.total_seconds())

    for day in range(int(at("2024-01-01")), int(at("2027-01-01")), 86_400):
        before, after = offset(day), offset(day + 86_400)
        if before != after:
            seconds = range(day, day + 86_401)
            change = bisect_left(seconds, True, key=lambda second: offset(second) == after)
            yield seconds[change], before, after


ODD = "Australia/Lord_Howe", "Pacific/Chatham", "Antarctica/Troll", "Africa/Casablanca"


def changes_of(names: Iterable[str]) -> dict[tuple[int, int, int], str]:
    """The changes of these zones' clocks, each once, and a zone that has it."""
    return {change: name for name in names for change in transitions(ZoneInfo(name))}


def minutes_due(expression: str, zone: ZoneInfo, start: int, end: int) -> set[int]:
    """By looking at what the clock shows at each minute."""
    fields = [set(range(60) if field == ["*"] else field) for field in croniter.expand(expression)[0]]

    def due(second: int) -> bool:
        shown = datetime.fromtimestamp(second, zone)
        return (
            shown.minute in fields[0]
            and shown.hour in fields[1]
            and shown.day in fields[2]
            and shown.month in fields[3]
            and shown.isoweekday() % 7 in fields[4]
        )

    return {second for second in range(start - start % 60 + 60, end + 1, 60) if due(second)}


EXPRESSIONS = (
    "*/15 * * * *",
    "10,40 * * * *",
    "0 */2 * * *",
    "*/30 1-3 * * *",
    "*/7 2 * * *",
    "30 2 * * 0",
    "0 0 * * *",
    "59 23 * * *",
    "20 0-2 * * sun",
    "0 3 1 * *",
)


def test_changes_of_clocks_around_the_world() -> None:
    """Beside what the clocks show, minute by minute, around a sample of all the changes."""
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    chance = random.Random(seed)
    zones = sorted(name for name in available_timezones() if "/" in name and "Etc" not in name)
    changes = [*changes_of(ODD).items()], [*changes_of(chance.sample(zones, 60)).items()]
    for (change, before, after), name in (
        *chance.sample(changes[0], 10),
        *chance.sample(changes[1], min(10, len(changes[1]))),
    ):
        zone = ZoneInfo(name)
        for expression in EXPRESSIONS:
            start, end = change - 6 * 3600 + 7, change + 8 * 3600
            due = minutes_due(expression, zone, start, end)
            hourly = expression.split()[1] == "*"
            if after > before and not hourly:  # on a clock that is not set the gap has times
                swallowed = timezone(timedelta(seconds=before))
                gap = range(change, change + after - before, 60)
                if any(
                    minutes_due(expression, swallowed, second - 60, second)  # type: ignore[arg-type]
                    for second in gap
                ):
                    due.add(change)
            cron, found, now = Cron(expression, name), [], float(start)
            while (now := cron._after(now)) <= end:
                found.append(int(now))
            assert found == sorted(due), (name, expression, change)


def test_an_hourly_run_that_is_skipped_is_not_made_up() -> None:
    hourly = Cron("15 * * * *", "Europe/Berlin")
    assert runs(hourly, at("2026-03-29T00:30", "Europe/Berlin"), 2) == [
        "2026-03-29T01:15:00+01:00",
        "2026-03-29T03:15:00+02:00",
    ]


def test_a_date_that_has_passed_is_never_due() -> None:
    once = Cron("0 0 1 1 * 0 2019")
    assert once.wait(Moment(at("2026-01-01"), 0), Moment(at("2026-01-01"), 0)) == math.inf


def test_a_clock_set_back_does_not_hold_cron_up() -> None:
    cron, last = Cron("0 * * * *"), Moment(at("2026-03-01T12:00"), 0)
    now = Moment(at("2026-02-01T11:30"), 5)
    assert cron.wait(now, last) == 1800


@pytest.mark.parametrize("text", ["", "nonsense", "61 * * * *", "* * * *", "0 0 31 2 *", "6x"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match="no cron expression"):
        schedule(text)


def test_what_is_no_time_zone() -> None:
    for zone in ("Mars/Olympus", "../etc/passwd", "", "Europe", "x" * 300, "\0", None, 5):
        with pytest.raises(ValueError, match="there is no time zone"):
            Cron("* * * * *", zone)  # type: ignore[arg-type]


def test_schedules_as_text() -> None:
    assert schedule("90s") == Every(90) and schedule(" 6h ") == Every(21_600)
    assert schedule("1.5d") == Every(129_600)
    assert schedule("0 2 * * *", "Europe/Berlin") == Cron("0 2 * * *", "Europe/Berlin")
    assert [str(Every(seconds)) for seconds in (0.5, 90, 21_600, 86_400)] == [
        "every 0.5s",
        "every 1.5m",
        "every 6h",
        "every 1d",
    ]
    assert str(Cron("0 2 * * *", "Europe/Berlin")) == "cron: 0 2 * * * Europe/Berlin"
