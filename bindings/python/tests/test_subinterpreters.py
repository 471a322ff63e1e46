"""Several interpreters in one process, each of which imports the package."""

from __future__ import annotations

import pytest
from conftest import run_python

# What the versions of CPython have in common.  From 3.12 on an isolated one has a GIL of its own, and
# ctypes cannot be imported there before 3.13.
INTERPRETERS = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    KINDS = ({'config': 'legacy'}, {'config': 'isolated'})
else:
    import _xxsubinterpreters as interpreters
    KINDS = ({'isolated': False}, {'isolated': True})[: 1 if sys.version_info >= (3, 12) else 2]

def create(kind):
    return interpreters.create(*kind.values()) if 'config' in kind else interpreters.create(**kind)

def run(interpreter, code):
    failed = interpreters.run_string(interpreter, code)
    assert failed is None, failed
"""

USE = """
import cachecore
for turn in range(3):
    cache = cachecore.Cache(10, serializer='json')
    cache.set('a', (turn, 'x'), ttl=5)
    assert cache.get('a') == [turn, 'x']
    cache.set_many(dict(b=1, c=2), 0.5)
    plain = cachecore.Cache(10)
    plain.set('a', bytearray(b'1'))
    for ttl in (-1, 'x'):
        try:
            plain.set('a', b'', ttl=ttl)
        except (ValueError, TypeError):
            pass
        else:
            raise AssertionError(ttl)
    objects = cachecore.ObjectCache(10, on_removal=lambda *what: None)
    objects.update(a=[], b=objects, c=cache)
    objects.set('d', {}, ttl=0.001)
    objects.popitem()
    @cachecore.cached(ttl=60)
    def double(number):
        return 2 * number
    assert double(2) == double(2) == 4
"""

MANY = """
import gc

USE = {use!r}
exec(USE)
first = cachecore.Cache(10)
kept = create(KINDS[0])
run(kept, USE)
for turn in range(20):
    other = create(KINDS[turn % len(KINDS)])
    run(other, USE)
    interpreters.destroy(other)
    gc.collect()
    filling = [object() for _ in range(10_000)]  # where what has gone was
    exec(USE)
    assert first.set('a', bytearray(b'1'), ttl=5) is None and first['a'] == b'1'
    run(kept, USE)
interpreters.destroy(kept)
exec(USE)
"""

SWEEPER = """
CODE = '''
import cachecore
cache = cachecore.ObjectCache(10)
try:
    cache.sweeper.start(0.001, run_at_once=True)
except cachecore.StateError:  # an isolated one may have no thread
    assert not cache.sweeper.running
else:
    cache.sweeper.trigger()
    cache.sweeper.stop()
'''
for kind in KINDS:
    for _ in range(5):
        other = create(kind)
        run(other, CODE)
        interpreters.destroy(other)
exec(CODE)
cache.sweeper.start()
"""


@pytest.mark.parametrize("pure", ["0", "1"])
@pytest.mark.parametrize("code", [MANY, SWEEPER])
def test_many_of_them(code: str, pure: str) -> None:
    done = run_python(INTERPRETERS + code.replace("{use!r}", repr(USE)), CACHECORE_PURE=pure)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
