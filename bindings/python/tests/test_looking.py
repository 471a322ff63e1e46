"""Looking at what other threads run, while finalizers let others look, too."""

from __future__ import annotations

from conftest import run_python

CODE = """
import gc, threading, time
from cachecore import flight

class Garbage:
    def __init__(self):
        self.itself = self

    def __del__(self):
        time.sleep(0)  # lets another thread run

def work():
    for _ in range(2000):
        Garbage()
        assert threading.get_ident() in flight.frames()

gc.set_threshold(2)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert gc.isenabled()
"""


def test_no_finalizer_runs_meanwhile() -> None:
    """Else CPython (gh-106883) comes to a standstill, and run_python to the end of its patience."""
    run = run_python(CODE)
    assert (run.returncode, run.stderr) == (0, "")
