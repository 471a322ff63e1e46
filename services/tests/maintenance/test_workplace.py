"""What the processes of one machine agree on, also when one of them is killed or forks."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cachecore_services.maintenance import Workplace

HOLDER = """
import sys
from cachecore_services.maintenance import Workplace
place = Workplace(sys.argv[1])
with place.only_one("sweep") as alone:
    print(place.lead(), alone, flush=True)
    sys.stdin.read()
"""


def holder(directory: Path) -> subprocess.Popen[str]:
    """Another process, which leads and runs the job "sweep"; returned when it does."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None and process.stdout.readline() == "True True\n"
    return process


def test_one_leads_until_it_is_killed(tmp_path: Path) -> None:
    here = Workplace(tmp_path)
    process = holder(tmp_path)
    with process:
        assert not here.lead() and not here.leads
        with here.only_one("sweep") as alone:
            assert not alone
        with here.only_one("other") as alone:
            assert alone
        process.send_signal(signal.SIGKILL)
    assert here.lead() and here.leads
    with here.only_one("sweep") as alone:
        assert alone
    here.step_down()
    assert not here.leads


FORKING = """
import os, sys
from cachecore_services.maintenance import Workplace
place = Workplace(sys.argv[1])
with place.only_one("sweep"):
    assert place.lead()
    child = os.fork()
    if child == 0:
        ok = not place.leads and not place.lead()
        with place.only_one("sweep") as alone:
            ok = ok and not alone
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not Workplace(sys.argv[1]).lead()
"""


def test_a_forked_child_holds_nothing_and_takes_nothing_away(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", FORKING, str(tmp_path)]
    run = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")


def test_no_two_runs_in_one_process(tmp_path: Path) -> None:
    for place in (Workplace(tmp_path), Workplace()):
        with place.only_one("sweep") as first, place.only_one("sweep") as second:
            assert first and not second
        with place.only_one("sweep") as again:
            assert again


def test_when_a_job_was_last_run(tmp_path: Path) -> None:
    Workplace(tmp_path).ran("sweep", 1234.5)
    assert Workplace(tmp_path).last_run("sweep") == 1234.5
    assert Workplace(tmp_path).last_run("other") is None
    alone = Workplace()
    assert alone.last_run("sweep") is None
    alone.ran("sweep", 1.0)
    assert alone.last_run("sweep") == 1.0


def test_applications_that_share_a_directory_have_a_leader_each(tmp_path: Path) -> None:
    one, two = Workplace(tmp_path), Workplace(tmp_path)
    assert one.lead(["sweep", "report"]) and two.lead(["audit"])
    assert one.leads and one.leads_for(["report", "sweep"]) and not one.leads_for(["audit"])
    assert not Workplace(tmp_path).lead(["report", "sweep"])
    named = [Workplace(tmp_path, name) for name in ("shop", "shop", "mail")]
    assert [place.lead(["sweep"]) for place in named] == [True, False, True]
    assert named[0].lead(["sweep", "another"])  # the name counts, whatever it runs
    with named[0].only_one("sweep") as here, named[2].only_one("sweep") as there:
        assert here and there
    named[0].ran("sweep", 1.0)
    assert (named[1].last_run("sweep"), named[2].last_run("sweep")) == (1.0, None)
    named[0].step_down(["sweep"])
    assert named[1].lead(["sweep"]) and not named[0].leads
    with pytest.raises(ValueError, match="application"):
        Workplace(tmp_path, "../mail")


def test_seats_are_taken_in_order_and_again(tmp_path: Path) -> None:
    places = [Workplace(tmp_path) for _ in range(3)]
    seats = [place.take_seat(["audit"]) for place in places]
    assert len(set(seats)) == 3
    places[1].leave_seat(seats[1])
    assert Workplace(tmp_path).take_seat(["audit"]) == seats[1]
    assert Workplace(tmp_path).take_seat(["other"]) not in seats


def test_the_last_outcomes_are_kept(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    for number in range(57):
        place.remember("sweep", {"n": number}, size=10)
        assert place.remembered("sweep", 10)[-1] == {"n": number}
    path = tmp_path / "job-sweep.outcomes"
    assert path.read_text().count("{") <= 21 and path.stat().st_mode & 0o077 == 0
    assert [one["n"] for one in Workplace(tmp_path).remembered("sweep", 10)] == [*range(47, 57)]
    with path.open("ab") as file:
        file.write(b'\n{"n": 5')  # torn, by a crash or a full disk
    place.remember("sweep", {"n": 57}, size=10)
    kept = Workplace(tmp_path).remembered("sweep", 10)
    assert [one["n"] for one in kept][-2:] == [56, 57]
    path.write_bytes(b"\xff\x00garbage\n[[[[\n")
    assert Workplace(tmp_path).remembered("sweep", 10) == []
    assert Workplace().remembered("sweep", 10) == []


def test_a_directory_that_was_removed_is_made_again(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "a")
    (tmp_path / "a").rmdir()
    assert place.lead() and (tmp_path / "a" / "leader.lock").exists()


def test_no_file_stays_open_when_a_lock_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    place = Workplace(tmp_path)
    files = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", fail)
        for _ in range(3):
            with pytest.raises(OSError, match="no locks"):
                place.lead()
    assert len(os.listdir("/proc/self/fd")) == files and not place.leads
    assert place.lead()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"last_run": "x"}',
        '{"last_run": null}',
        '{"last_run": NaN}',
        '{"last_run": -Infinity}',
        '{"last_run": -1e300}',
        '{"last_run": 1' + "0" * 400 + "}",
        "[" * 100_000,
    ],
)
def test_a_file_that_makes_no_sense_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "job-sweep.json").write_text(text)
    place = Workplace(tmp_path)
    assert place.last_run("sweep") is None
    place.ran("sweep", 1.0)
    assert place.last_run("sweep") == 1.0
