"""cachelib's common tests, on the cachelib cache and on the Flask-Caching backend."""

from __future__ import annotations

from environment import Environment
from outcome import Outcome, pytest

SUITE = """
import pytest
from clear import ClearTests
from common import CommonTests
from has import HasTests

from cachecore.contrib.cachelib import CacheCoreCache
from cachecore.contrib.flask import CacheCoreCache as FlaskCache

@pytest.fixture(autouse=True, params=[CacheCoreCache, FlaskCache])
def cache_factory(request):
    def make(self, *args, **kwargs):
        return request.param(*args, **kwargs)
    request.cls.cache_factory = make

class TestCacheCoreCache(CommonTests, HasTests, ClearTests):
    pass
"""


def run(environment: Environment) -> Outcome:
    environment.pip("install", "cachelib", "flask-caching", "pytest", "pytest-xprocess")
    tests = environment.source("cachelib") / "tests"
    (tests / "test_cachecore.py").write_text(SUITE)
    serializers = {"serializer.py": "for caches that let their serializer be replaced"}
    named = ("--rootdir=.", "test_cachecore.py")
    outcome = pytest(environment, "cachelib", "common tests", tests, *named, excluded={})
    outcome.excluded = serializers
    return outcome
