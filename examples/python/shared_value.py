"""Processes that share a cache by the path of its file, and compute what is missing once among them all.

    python shared_value.py CACHE LOG

reads what another process stored, and computes what is missing unless another one does; it appends its name to LOG
when it computes. The examples named `shared` in other languages do the same with the same cache. Without arguments it
fills a cache and starts three processes like that.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cachecore import Cache


def share(path: str, log: str) -> None:
    def compute() -> bytes:
        time.sleep(0.2)  # what is slow
        with open(log, "a") as file:
            file.write("python\n")
        return b"computed by python"

    with Cache(max_bytes=16 << 20, shared=path) as cache:
        print("greeting:", cache["greeting"].decode())
        print("answer:", cache.get_or_set("answer", compute, ttl=60).decode())


def start_three() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path, log = f"{folder}/cache", f"{folder}/log"
        with Cache(max_bytes=16 << 20, shared=path) as cache:
            cache["greeting"] = b"hello"
        command = [sys.executable, __file__, path, log]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        answers = [process.communicate()[0] for process in processes]
        assert answers == ["greeting: hello\nanswer: computed by python\n"] * 3
        assert Path(log).read_text() == "python\n"
        print("three processes, one computation:", answers[0], sep="\n", end="")


if __name__ == "__main__":
    if sys.argv[1:]:
        share(*sys.argv[1:])
    else:
        start_three()
