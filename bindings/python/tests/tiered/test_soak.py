"""The soak, for some seconds: no answer beyond its bound, no fault rare; and what the oracle is worth."""

from __future__ import annotations

import json
import random

import pytest

from .conftest import PROGRAMS
from .soak import Soak

SECONDS = 20

#: Mistakes that near caches make, each of which the oracle is to find.
PLANTED = {
    "a value is stored though its claim is void": """
from cachecore.claims import Claim
fulfill = Claim.fulfill
def anyway(self, value, ttl=None, *, stale=None):
    if not fulfill(self, value, ttl, stale=stale):
        self._cache.set(self._key, value, ttl)
    return True
Claim.fulfill = anyway
""",
    "a new connection goes on with the old epoch": """
from cachecore.tiered import listener
listener.new_epoch = lambda: b"the same"
""",
    "a connection that is lost is believed on": """
from cachecore.tiered.listener import Listener
renew = Listener._renew
Listener._renew = lambda self, synced_at: renew(self, synced_at + 3600)
""",
    "an absence is not invalidated": """
from cachecore.tiered.listener import Listener
apply = Listener._apply
def without(self, changes):
    size = len(self._prefix)
    if changes.everything or any(self._local.contains(self._epoch + key[size:]) for key in changes):
        apply(self, changes)
Listener._apply = without
""",
}


def soaked(seconds: float, plant: str = "") -> Soak:
    if not PROGRAMS:
        pytest.skip("no redis-server and no valkey-server")
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    soak = Soak(PROGRAMS[random.choice(sorted(PROGRAMS))], seed, plant)
    soak.report = soak.run(seconds)
    print(json.dumps(soak.report, indent=1))
    return soak


def test_no_answer_is_beyond_its_bound() -> None:
    soak = soaked(SECONDS)
    assert not soak.violations, soak.violations[:5]
    report = soak.report
    assert report["answers"] > 1000 and report["local hits"] > 500
    assert report["of which superseded by then"] > report["of these judged by the cap"]  # both bounds were tried
    assert min(soak.faults[fault] for fault in (*Soak.DELAYS, *Soak.LOSSES)) >= 1, soak.faults


@pytest.mark.parametrize("mistake", PLANTED)
def test_the_oracle_finds_a_planted_mistake(mistake: str) -> None:
    assert soaked(120, PLANTED[mistake]).violations
