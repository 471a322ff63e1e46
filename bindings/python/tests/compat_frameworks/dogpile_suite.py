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

class TestMutex(fixtures._GenericMutexTestSuite):
    backend = "cachecore"
    config_args = {"arguments": {"max_entries": 1000}}
"""


def run(environment: Environment) -> Outcome:
    environment.pip("install", "dogpile.cache", "pytest")
    folder = environment.folder / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_dogpile.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = time_intensive\n")
    return pytest(environment, "dogpile.cache", "generic suites", folder, excluded={})
