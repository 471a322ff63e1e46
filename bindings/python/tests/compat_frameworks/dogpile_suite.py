"""dogpile.cache's generic suites for backends and for serializers, which it ships."""

from __future__ import annotations

from environment import Environment
from outcome import Outcome, pytest

SUITE = """
from dogpile.testing import fixtures

from cachecore.contrib import dogpile

dogpile.register()

class TestBackend(fixtures._GenericBackendTestSuite):
    backend = "cachecore"
    config_args = {"arguments": {"max_entries": 1000}}

class TestSerializer(fixtures._GenericSerializerTestSuite, fixtures._GenericBackendTestSuite):
    backend = "cachecore"
    config_args = {"arguments": {"max_entries": 1000, "ttl": 3600}}
"""

EXCLUDED = {
    "_GenericMutexTestSuite": "the backend leaves mutexes to dogpile: within a process its own do",
}


def run(environment: Environment) -> Outcome:
    environment.pip("install", "dogpile.cache", "pytest")
    folder = environment.folder / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_dogpile.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = time_intensive\n")
    outcome = pytest(environment, "dogpile.cache", "generic suites", folder, excluded={})
    outcome.excluded = EXCLUDED
    return outcome
