"""Processes that read through a tier, a writer, a proxy with faults, and an oracle that knows every version.

    python -m tiered.soak MINUTES [SEED] [--redis-py]

With --redis-py the same is asked of redis-py's own client-side cache, through the data's proxy, with its check
of the server's version turned off.  Run in bindings/python/tests, with PYTHONPATH and CACHECORE_LIBRARY set;
``make soak-tier`` does that.

Two processes share a local cache and read through the tier; a third one has a local cache of its own.  A
writer on a connection without faults gives keys new versions, deletes them, or flushes the server, and notes
when the server had acknowledged it.  Each answer bears the times of the call.  The oracle demands that what
was served had not been superseded, at the beginning of the call, for longer than

    what anything took to pass the listener's proxy in those seconds   (the delay of the connection)
    10 ms
    what the machine was late by: the writer's slowest round trip without proxy, and twice the latest
      waking of a thread of the reading process that sleeps 5 ms

or, where the listener's connection was lost in the last ``max_lag``, than that in place of the first line.
Faults are dealt like cards, so that none is rare, and counted.  After every few that lose a connection there
is a while of delays alone, so that both bounds are tried.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

import cachecore

from .proxy import Proxy
from .server import Server, programs

KEYS: Final = 20
MAX_LAG: Final = 0.5
WINDOW: Final = 2.0  # seconds, in which what happens bears on an answer
ALLOWANCE: Final = 0.010

READER: Final = """
import json, logging, random, sys, threading, time
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from cachecore import Cache
from cachecore.tiered import ServerAwayError, TieredCache

logging.getLogger("cachecore.tiered").setLevel(logging.ERROR)
{plant}
place, data, listening, keys = sys.argv[1], *map(int, sys.argv[2:5])
max_lag = float(sys.argv[5])
once = Retry(NoBackoff(), 1)
remote = redis.Redis(port=data, socket_timeout=2, socket_connect_timeout=2, retry=once)
listen_on = redis.Redis(port=listening, retry=once)
local = Cache(10_000, shared=place or None)
tier = TieredCache(local, remote, prefix="k:", max_lag=max_lag, on_error="raise", listen_on=listen_on)
{subject}
late = [0.0]

def watch():
    while True:
        before = time.monotonic()
        time.sleep(0.005)
        late[0] = max(late[0], time.monotonic() - before - 0.005)

def read():
    names = [str(number) for number in range(keys)]
    while True:
        rows = []
        for _ in range(50):
            wanted = random.sample(names, 3) if random.random() < 0.1 else [random.choice(names)]
            begun = time.monotonic()
            try:
                if len(wanted) > 1:
                    found = tier.get_many(wanted)
                else:
                    found = {wanted[0]: tier.get(wanted[0])}
            except ServerAwayError:
                rows.append(None)
                time.sleep(0.002)
                continue
            for name in wanted:
                value = found.get(name)
                rows.append((int(name), None if value is None else int(value), begun))
            time.sleep(0.001)
        lateness, late[0] = late[0], 0.0
        with writing:
            said = [time.monotonic(), lateness, tier.stats()._asdict(), local.stats().hits, rows]
            print(json.dumps(said), flush=True)

writing = threading.Lock()
threading.Thread(target=watch, daemon=True).start()
for _ in range(2):
    threading.Thread(target=read, daemon=True).start()
sys.stdin.read()
"""


OWN_CACHE: Final = """
import types
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection
CacheProxyConnection.connect = lambda self: self._conn.connect()
own = redis.Redis(port=data, socket_timeout=2, socket_connect_timeout=2, retry=once, protocol=3,
                  cache_config=CacheConfig(max_size=10_000))
def asked(call):
    def ask(*arguments):
        try:
            return call(*arguments)
        except redis.RedisError as error:
            raise ServerAwayError from error
    return ask
tier = types.SimpleNamespace(
    get=asked(lambda name: own.get("k:" + name)),
    get_many=asked(lambda names: dict(zip(names, own.mget(["k:" + name for name in names])))),
    stats=tier.stats,
)
"""


class Violation(NamedTuple):
    key: int
    version: int | None
    late: float  #: seconds for which it had been superseded
    allowed: float


class Versions:
    """What each key was, and when that ended.  The writer adds, the oracle asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[int, int | None] = dict.fromkeys(range(KEYS))
        self._ended: dict[tuple[int, int | None], float] = {}
        self._order: deque[tuple[float, tuple[int, int | None]]] = deque()

    def became(self, key: int, version: int | None, acknowledged: float) -> None:
        with self._lock:
            was = (key, self._current[key])
            self._current[key] = version
            if was[1] != version:
                self._ended[was] = acknowledged
                self._order.append((acknowledged, was))
            self._ended.pop((key, version), None)  # an absence that is there again
            while self._order and self._order[0][0] < acknowledged - 60:
                when, old = self._order.popleft()
                if self._ended.get(old) == when:
                    self._ended[old] = 0.0 if old[1] is None else when

    def superseded(self, key: int, version: int | None, at: float) -> float:
        """For how many seconds it had not been what the key was; 0 if it was."""
        with self._lock:
            ended = self._ended.get((key, version))
        return 0.0 if ended is None else max(0.0, at - ended)


class Reader:
    """A process, and the thread that judges what it says."""

    def __init__(self, soak: Soak, place: str) -> None:
        paths = str(Path(cachecore.__file__).parents[1])
        arguments = [place, str(soak.data.port), str(soak.listening.port), str(KEYS), str(MAX_LAG)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", soak.program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self.stats: dict[str, int] = {}
        self.hits = 0
        self._soak = soak
        self._thread = threading.Thread(target=self._judge)
        self._thread.start()

    def _judge(self) -> None:
        late: deque[tuple[float, float]] = deque(maxlen=100)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                now, lateness, self.stats, self.hits, rows = json.loads(line)
            except ValueError:
                break  # it was killed in the middle of a line
            late.append((now, lateness))
            worst = max(amount for when, amount in late if when >= now - WINDOW)
            self._soak.judge(rows, worst)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(60)
        self._thread.join(60)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


class Soak:
    """``run`` returns the report; what is wrong is in its ``violations``."""

    def __init__(self, program: str, seed: int, plant: str = "", own_cache: bool = False) -> None:
        """plant: a mistake, in Python, for the readers to make.  own_cache: of redis-py, in place of a tier."""
        self.plant = plant
        self.program = READER.replace("{plant}", plant).replace("{subject}", OWN_CACHE if own_cache else "")
        self.report: dict[str, Any] = {}
        self.random = random.Random(seed)
        self.server = Server(program)
        self.data, self.listening = Proxy(self.server.port), Proxy(self.server.port)
        self._heard = self.data if own_cache else self.listening  # what messages come through
        self.versions = Versions()
        self.faults: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.answers = self.away = self.old = self.by_cap = 0
        self.worst_excess = 0.0  #: of what was superseded, beyond the connection's delay
        self.lateness: list[float] = []
        self._lost = 0.0  #: when the listener's connection was last lost, or held
        self._round_trips: deque[tuple[float, float]] = deque(maxlen=10_000)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.place = f"/dev/shm/cachecore-soak-{os.getpid()}"

    # -- The oracle ------------------------------------------------------------------------------

    def judge(self, rows: list[Any], lateness: float) -> None:
        now = time.monotonic()
        recent = [took for when, took in list(self._round_trips) if when >= now - WINDOW]
        machine = 2 * lateness + max(recent, default=0.0)
        heard = self._heard
        held = now - heard.oldest if heard.holds or heard.delay > 0 else 0
        under_way = max(heard.worst(now - WINDOW), held)
        with self._lock:
            for row in rows:
                if row is None:
                    self.away += 1
                    continue
                key, version, begun = row
                self.answers += 1
                late = self.versions.superseded(key, version, begun)
                if late == 0:
                    continue
                lost = begun < self._lost + MAX_LAG + ALLOWANCE + machine
                self.by_cap += lost
                delay = max(MAX_LAG, under_way) if lost else under_way
                self.old += 1
                self.lateness.append(late)
                self.worst_excess = max(self.worst_excess, late - delay)
                if late > delay + ALLOWANCE + machine:
                    self.violations.append(Violation(key, version, late, delay + ALLOWANCE + machine))

    # -- The writer ------------------------------------------------------------------------------

    def _write(self) -> None:
        version = 0
        choices = random.Random(self.random.random())
        while not self._stopping.wait(0.004):
            key = choices.randrange(KEYS)
            version += 1
            before = time.monotonic()
            try:
                if choices.random() < 0.1:
                    self.server.client.delete(f"k:{key}")
                    changed: list[tuple[int, int | None]] = [(key, None)]
                elif choices.random() < 0.003:
                    self.server.client.flushall()
                    self.faults["flushed"] += 1
                    changed = [(one, None) for one in range(KEYS)]
                else:
                    self.server.client.set(f"k:{key}", version, px=choices.choice([None, 600_000]))
                    changed = [(key, version)]
            except redis.RedisError:
                continue
            after = time.monotonic()
            self._round_trips.append((after, after - before))
            for one, what in changed:
                self.versions.became(one, what, after)

    # -- The faults ------------------------------------------------------------------------------

    def _lose(self) -> None:
        self._lost = time.monotonic()

    def _fault(self, name: str) -> None:
        self.faults[name] += 1
        if self._heard is self.data and "data" in name:
            self._lose()
        proxies = {"data": self.data, "listener": self.listening}
        if name == "delayed apart":
            self.data.set_delay(self.random.uniform(0, 0.05))
            self.listening.set_delay(self.random.uniform(0, 0.1))
        elif name == "not delayed":
            self.data.set_delay(0)
            self.listening.set_delay(0)
        elif name.startswith("reset "):
            self._lose()
            proxies[name.split()[1]].reset()
        elif name == "listener held, then reset":
            self._hold(lambda: self.listening.reset())
        elif name == "listener held, then released":
            self._hold(lambda: None)
        elif name == "data held":
            self.data.hold()
            time.sleep(self.random.uniform(0.05, 0.3))
            self.data.release()
            if self._heard is self.data:
                self._lose()
        elif name == "data refused":
            self.data.refuses = True
            self.data.reset()
            time.sleep(self.random.uniform(0.1, 0.4))
            self.data.refuses = False
        elif name == "listener refused":
            self.listening.refuses = True
            self._lose()
            self.listening.reset()
            time.sleep(self.random.uniform(0.1, 0.4))
            self._lose()
            self.listening.refuses = False
        elif name == "killed by the server":
            self._lose()
            for one in self.server.client.client_list():
                if "t" in one["flags"]:
                    self.server.client.client_kill_filter(_id=one["id"])
        elif name == "process killed":
            self._lose()
            place = self.readers[0].process.args[3]  # type: ignore[index]  # a list
            self.readers.pop(0).end()
            self.readers.insert(self.random.randrange(2), Reader(self, str(place)))
            self.readers.sort(key=lambda reader: reader.process.args[3] == "")  # type: ignore[index]
        elif name == "process stopped":
            reader = self.random.choice(self.readers)
            self._lose()
            reader.process.send_signal(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.05, 0.8))
            self._lose()
            reader.process.send_signal(signal.SIGCONT)

    def _hold(self, then: Any) -> None:
        self._lose()
        self.listening.hold()
        end = time.monotonic() + self.random.uniform(0.05, 3 * MAX_LAG)
        while time.monotonic() < end:
            time.sleep(0.02)
            self._lose()
        then()
        self.listening.release()
        self._lose()

    DELAYS: Final = ("delayed apart", "delayed apart", "not delayed")
    LOSSES: Final = (
        "reset data",
        "reset listener",
        "listener held, then reset",
        "listener held, then released",
        "data held",
        "data refused",
        "listener refused",
        "killed by the server",
        "process killed",
        "process stopped",
    )

    def _deal(self, end: float) -> None:
        deck: list[str] = []
        while time.monotonic() < end and not (self.plant and self.violations):
            for _ in range(6):  # a second and a half: longer than what was lost bears on answers
                self._fault(self.random.choice(self.DELAYS))
                time.sleep(self.random.uniform(0.1, 0.4))
            for _ in range(5):
                deck = deck or self.random.sample(self.LOSSES, len(self.LOSSES))
                self._fault(deck.pop())
                time.sleep(self.random.uniform(0.05, 0.5))

    def run(self, seconds: float) -> dict[str, Any]:
        self.readers = [Reader(self, self.place), Reader(self, self.place), Reader(self, "")]
        writer = threading.Thread(target=self._write)
        writer.start()
        end = time.monotonic() + seconds
        try:
            self._deal(end)
            assert writer.is_alive()
        finally:
            self._stopping.set()
            writer.join(60)
            for proxy in (self.data, self.listening):
                proxy.release()
            for reader in self.readers:
                reader.end()
            self.data.close()
            self.listening.close()
            self.server.close()
            Path(self.place).unlink(missing_ok=True)
        return self._report()

    def _report(self) -> dict[str, Any]:
        late = sorted(self.lateness) or [0.0]
        return {
            "answers": self.answers,
            "of which superseded by then": self.old,
            "of these judged by the cap": self.by_cap,
            "superseded for, p50 p99 max, ms": [
                round(1000 * late[int(part * (len(late) - 1))], 1) for part in (0.5, 0.99, 1)
            ],
            "most beyond the delay or the cap, ms": round(1000 * self.worst_excess, 1),
            "local hits": sum(reader.hits for reader in self.readers),
            "refused because invalidated meanwhile": sum(r.stats.get("late_refused", 0) for r in self.readers),
            "server away": self.away,
            "violations": len(self.violations),
            "faults": dict(sorted(self.faults.items())),
        }


def main() -> int:
    numbers = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    minutes, own_cache = float(numbers[0]), "--redis-py" in sys.argv
    seed = int(numbers[1]) if len(numbers) > 1 else random.randrange(2**32)
    print(f"seed {seed}", flush=True)
    for name, program in programs().items():
        soak = Soak(program, seed, own_cache=own_cache)
        print(name, json.dumps(soak.run(60 * minutes / len(programs())), indent=1), flush=True)
        if soak.violations:
            print(*soak.violations[:5], sep="\n")
            if not own_cache:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
