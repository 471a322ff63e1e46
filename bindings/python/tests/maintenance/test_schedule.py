"""Intervals and cron expressions."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from cachecore.maintenance import Cron, Every, Moment, schedule


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


def test_a_clock_set_back_does_not_hold_cron_up() -> None:
    cron, last = Cron("0 * * * *"), Moment(at("2026-03-01T12:00"), 0)
    now = Moment(at("2026-02-01T11:30"), 5)
    assert cron.wait(now, last) == 1800


@pytest.mark.parametrize("text", ["", "nonsense", "61 * * * *", "* * * *", "0 0 31 2 *", "6x"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match="no cron expression"):
        schedule(text)


def test_what_is_no_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Cron("* * * * *", "Mars/Olympus")
    with pytest.raises(ValueError, match="time zone"):
        Cron("* * * * *", "../etc/passwd")


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
