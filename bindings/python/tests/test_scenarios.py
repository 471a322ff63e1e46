"""What every binding does: the steps of bindings/scenarios.txt, whose head explains them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from cachecore import KEEP, NEVER, Cache, CacheCoreError, Claim, ClosedError, Lease
from cachecore.claims import Status

FILE = Path(os.environ.get("CACHECORE_SCENARIOS", REPOSITORY / "bindings" / "scenarios.txt"))
ABSENT = object()
STATUSES = {
    Status.FRESH: b"ok",
    Status.STALE: b"stale",
    Status.ABSENT: b"absent",
    Status.CLAIMED: b"claimed",
    Status.PENDING: b"pending",
}


def scenarios() -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """The name of each, and its steps with the numbers of their lines."""
    name, steps = "", list[tuple[int, str]]()
    for number, line in enumerate(FILE.read_text("ascii").splitlines(), 1):
        if line.startswith("scenario "):
            if name:
                yield name, steps
            name, steps = line.removeprefix("scenario "), []
        elif line and not line.startswith("#"):
            steps.append((number, line))
    yield name, steps


def word(escaped: str) -> bytes:
    """The bytes of a word."""
    if escaped == '""':
        return b""
    text, star, times = escaped.rpartition("*")
    content = re.sub(
        rb"\\x([0-9a-f]{2})", lambda code: bytes.fromhex(code[1].decode()), (text or times).encode()
    )
    return content * int(times) if star else content


class Run:
    """One scenario: its caches, and what its steps keep under names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.caches: dict[str, Cache[Any, bytes]] = {}
        self.versions: dict[str, int] = {}
        self.borrowed: dict[str, Lease] = {}
        self.claims: dict[str, Claim] = {}
        self.cache: Cache[Any, bytes]

    def step(self, verb: str, arguments: list[bytes]) -> list[bytes]:
        """The words that the call answered."""
        method: Callable[..., Any] = getattr(self, verb)
        try:
            answer = method(*arguments)
        except CacheCoreError as error:
            status = "E_STATE" if isinstance(error, ClosedError) else error.status
            return [status.removeprefix("CACHECORE_").lower().encode()]
        except ValueError:  # a mistake that the binding finds before the library does
            return [b"e_argument"]
        if answer is ABSENT:
            return [b"miss"]
        return answer if isinstance(answer, list) else [b"ok"]

    # -- Caches ----------------------------------------------------------------------------------

    def open(self, name: bytes, *given: bytes) -> None:
        names = {b"default_ttl_ms": "ttl", b"default_tti_ms": "tti", b"shard_count": "shards"}
        options: dict[str, Any] = {}
        for option in given:
            key, _, value = option.partition(b"=")
            if key == b"shared":
                options["shared"] = self.folder / value.decode()
            elif key == b"policy":
                options["policy"] = value.decode()
            elif key in (b"default_ttl_ms", b"default_tti_ms"):
                options[names[key]] = int(value) / 1000
            else:
                options[names.get(key, key.decode())] = int(value) if value else True
        self.cache = self.caches[name.decode()] = Cache(**options)

    def use(self, name: bytes) -> None:
        self.cache = self.caches[name.decode()]

    def close(self) -> None:
        self.cache.close()

    # -- Entries ---------------------------------------------------------------------------------

    def set(self, key: bytes, value: bytes, lifetime: bytes) -> None:
        self.cache.set(key, value, ttl(lifetime))

    def add(self, key: bytes, value: bytes, lifetime: bytes) -> list[bytes]:
        return [b"ok" if self.cache.add(key, value, ttl(lifetime)) else b"exists"]

    def replace(self, key: bytes, value: bytes, lifetime: bytes) -> list[bytes]:
        return found(self.cache.replace(key, value, ttl(lifetime)))

    def get(self, key: bytes) -> Any:
        value = self.cache.get(key, ABSENT)
        return value if value is ABSENT else [b"ok", value]

    def peek(self, key: bytes) -> Any:
        value = self.cache.peek(key, ABSENT)
        return value if value is ABSENT else [b"ok", value]

    def contains(self, key: bytes) -> list[bytes]:
        return found(key in self.cache)

    def delete(self, key: bytes) -> list[bytes]:
        return found(self.cache.delete(key))

    def touch(self, key: bytes, lifetime: bytes) -> list[bytes]:
        return found(self.cache.touch(key, ttl(lifetime)))

    def ttl(self, key: bytes) -> Any:
        left = self.cache.ttl(key)
        return ABSENT if left is None else [b"ok", ms(left)]

    def inspect(self, key: bytes) -> Any:
        info = self.cache.inspect(key)
        return info and [b"ok", number(info.value_size), ms(info.ttl), ms(info.age)] or ABSENT

    def increment(self, key: bytes, delta: bytes, initial: bytes, lifetime: bytes) -> list[bytes]:
        given = int(delta), int(initial)
        return [b"ok", number(self.cache.increment(key, given[0], initial=given[1], ttl=ttl(lifetime)))]

    def get_with_info(self, key: bytes, name: bytes) -> Any:
        entry = self.cache.get_with_info(key)
        if entry is None:
            return ABSENT
        self.versions[name.decode()] = entry.version
        return [b"ok", entry.value, ms(entry.ttl)]

    def compare_and_set(self, key: bytes, value: bytes, name: bytes, lifetime: bytes) -> list[bytes]:
        version = self.versions[name.decode()]
        if self.cache.compare_and_set(key, value, version, ttl(lifetime)):
            return [b"ok"]
        return [b"conflict" if key in self.cache else b"miss"]

    def acquire(self, key: bytes, name: bytes) -> Any:
        try:
            self.borrowed[name.decode()] = self.cache.acquire(key)
        except KeyError:
            return ABSENT
        return None

    def borrowed_value(self, name: bytes) -> list[bytes]:
        return [b"ok", bytes(self.borrowed[name.decode()].view)]

    def release(self, name: bytes) -> None:
        self.borrowed.pop(name.decode()).release()

    # -- Many at once ----------------------------------------------------------------------------

    def set_many(self, lifetime: bytes, *words: bytes) -> None:
        self.cache.set_many(dict(zip(words[::2], words[1::2], strict=True)), ttl(lifetime))

    def get_many(self, *keys: bytes) -> list[bytes]:
        values = self.cache.get_many(keys)
        results = [[b"ok", values[key]] if key in values else [b"miss"] for key in keys]
        return [b"ok", *sum(results, [])]

    def delete_many(self, *keys: bytes) -> list[bytes]:
        return [b"ok", number(self.cache.delete_many(keys))]

    # -- The whole cache -------------------------------------------------------------------------

    def count(self) -> list[bytes]:
        return [b"ok", number(len(self.cache))]

    def clear(self) -> None:
        self.cache.clear()

    def delete_prefix(self, prefix: bytes) -> list[bytes]:
        return [b"ok", number(self.cache.delete_prefix(prefix))]

    def scan(self, prefix: bytes) -> list[bytes]:
        return [b"ok", *sorted(self.cache.scan(prefix))]

    def scan_values(self, prefix: bytes) -> list[bytes]:
        return [b"ok", *sum(sorted([key, self.cache[key]] for key in self.cache.scan(prefix)), [])]

    def coldest(self, limit: bytes) -> list[bytes]:
        return [b"ok", *self.cache.coldest(int(limit))]

    def hottest(self, limit: bytes) -> list[bytes]:
        return [b"ok", *self.cache.hottest(int(limit))]

    def evict(self, count: bytes) -> list[bytes]:
        return [b"ok", number(self.cache.evict(int(count)))]

    def cleanup_expired(self) -> list[bytes]:
        return [b"ok", number(self.cache.cleanup_expired())]

    def resize(self, entries: bytes, size: bytes) -> None:
        self.cache.resize(int(entries) or None, max_bytes=int(size) or None)

    def stats(self, field: bytes) -> list[bytes]:
        return [b"ok", number(getattr(self.cache.stats(), field.decode()))]

    def reset_stats(self) -> None:
        self.cache.reset_stats()

    def take_removals(self) -> list[bytes]:
        removals = self.cache.take_removals()
        return [b"ok", *sum(([key, value, cause.name.lower().encode()] for key, value, cause in removals), [])]

    def advance(self, step: bytes) -> None:
        self.cache.advance_clock(int(step) / 1000)

    def save(self, file: bytes) -> list[bytes]:
        return [b"ok", number(self.cache.save(self.folder / file.decode()))]

    def load(self, file: bytes) -> list[bytes]:
        return [b"ok", number(self.cache.load(self.folder / file.decode()))]

    def shared_info(self, field: bytes) -> list[bytes]:
        return [b"ok", number(getattr(self.cache.shared_info(), field.decode()))]

    def sweeper_start(self, interval: bytes) -> None:
        self.cache.sweeper.start(int(interval) / 1000)

    def sweeper_trigger(self) -> list[bytes]:
        return [b"ok", number(self.cache.sweeper.trigger())]

    def sweeper_stop(self) -> None:
        self.cache.sweeper.stop()

    # -- Claims ----------------------------------------------------------------------------------

    def get_or_claim(self, key: bytes, name: bytes) -> list[bytes]:
        answer = self.cache.get_or_claim(key)
        self.claims[name.decode()] = answer.claim
        held = [b"held"] if answer.claim.held else []
        value = [] if answer.value is None else [answer.value]
        return [STATUSES[answer.status], *value, *held]

    def claim_wait(self, name: bytes, timeout: bytes) -> list[bytes]:
        return [b"ok" if self.claims[name.decode()].wait(int(timeout) / 1000) else b"e_timeout"]

    def fulfill(self, name: bytes, value: bytes, lifetime: bytes, stale: bytes) -> list[bytes]:
        window = int(stale) / 1000 or None
        done = self.claims[name.decode()].fulfill(value, ttl(lifetime), stale=window)
        return [b"ok" if done else b"conflict"]

    def fulfill_absent(self, name: bytes, lifetime: bytes) -> list[bytes]:
        done = self.claims[name.decode()].fulfill_absent(ttl(lifetime))
        return [b"ok" if done else b"conflict"]

    def abandon(self, name: bytes, retry: bytes) -> None:
        self.claims[name.decode()].abandon(int(retry) / 1000 or None)


def ttl(lifetime: bytes) -> Any:
    named = {b"default": None, b"never": NEVER, b"keep": KEEP}
    return named[lifetime] if lifetime in named else int(lifetime) / 1000


def ms(seconds: float) -> bytes:
    return b"never" if seconds == NEVER else number(round(seconds * 1000))


def number(value: int) -> bytes:
    return str(int(value)).encode()


def found(there: bool) -> list[bytes]:
    return [b"ok" if there else b"miss"]


@pytest.mark.parametrize("steps", [pytest.param(steps, id=name) for name, steps in scenarios()])
def test_scenario(steps: list[tuple[int, str]], tmp_path: Path) -> None:
    run = Run(tmp_path)
    try:
        for line, step in steps:
            call, _, expected = step.partition(" = ")
            verb, *arguments = call.split(" ")
            verb = {"borrowed": "borrowed_value"}.get(verb, verb)
            answer = run.step(verb, [word(argument) for argument in arguments])
            assert answer == [word(result) for result in expected.split(" ")], f"line {line}: {step}"
    finally:
        for borrowed in run.borrowed.values():
            borrowed.release()
        for cache in run.caches.values():
            cache.close()
