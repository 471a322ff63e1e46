"""What the processes of one machine agree on, also when one of them is killed or forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cachecore.maintenance import Workplace

HOLDER = """
import sys
from cachecore.maintenance import Workplace
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
from cachecore.maintenance import Workplace
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


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"last_run": "x"}', '{"last_run": null}'])
def test_a_file_that_makes_no_sense_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "job-sweep.json").write_text(text)
    place = Workplace(tmp_path)
    assert place.last_run("sweep") is None
    place.ran("sweep", 1.0)
    assert place.last_run("sweep") == 1.0
