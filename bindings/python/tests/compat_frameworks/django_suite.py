"""Django's BaseCacheTests, the tests that every backend of its own must pass."""

from __future__ import annotations

import re

from environment import Environment
from outcome import Outcome

REASON = "MAX_ENTRIES is kept by forgetting one entry at a time, not by culling a third of them"
EXCLUDED = {
    name: REASON for name in ("test_cull", "test_cull_delete_when_store_empty", "test_zero_cull")
}

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["cache"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
CACHES = {"default": {"BACKEND": "cachecore.contrib.django.CacheCoreCache"}}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""

# "cull" and "zero_cull" are left out of the settings: Django then skips their tests, as it does for
# its own Redis and memcached backends.
SUITE = """
from cache.tests import BaseCacheTests, caches_setting_for_tests
from django.test import TestCase, override_settings

CACHES = caches_setting_for_tests(
    BACKEND="cachecore.contrib.django.CacheCoreCache", exclude={"cull", "zero_cull"}
)

@override_settings(CACHES=CACHES)
class CacheCoreCacheTests(BaseCacheTests, TestCase):
    pass
"""


def run(environment: Environment) -> Outcome:
    environment.pip("install", "Django")
    tests = environment.source("Django") / "tests"
    folder = environment.folder / "project"
    folder.mkdir(exist_ok=True)
    (folder / "suite_settings.py").write_text(SETTINGS)
    (folder / "suite_of_cachecore.py").write_text(SUITE)
    done = environment.run(
        *("-m", "django", "test", "suite_of_cachecore", "--settings=suite_settings"),
        path=(tests, folder),
        cwd=folder,
    )
    ran = int(_number(r"Ran (\d+) tests", done.stdout))
    skipped = int(_number(r"skipped=(\d+)", done.stdout))
    failed = sum(int(_number(rf"{what}=(\d+)", done.stdout)) for what in ("failures", "errors"))
    failed += done.returncode != 0 and not failed
    failed += abs(skipped - len(EXCLUDED))  # nothing else is skipped
    named = f"Django {environment.version('Django')}"
    passed = ran - skipped - failed
    return Outcome(named, "BaseCacheTests", passed, failed, EXCLUDED, done.stdout)


def _number(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"
