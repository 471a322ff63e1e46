"""Other projects' tests on our backends: ``python run.py [django|dogpile|cachelib|aiocache]``.

Prints what passed of what was run, and why the rest was not; fails if anything did.
"""

from __future__ import annotations

import sys

import aiocache_suite
import cachelib_suite
import django_suite
import dogpile_suite
from environment import environment

SUITES = {
    "django": django_suite.run,
    "dogpile": dogpile_suite.run,
    "cachelib": cachelib_suite.run,
    "aiocache": aiocache_suite.run,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"there is {', '.join(SUITES)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    good = True
    for name in names or SUITES:
        with environment(name) as made:
            outcome = SUITES[name](made)
            print(outcome, flush=True)
            good = good and outcome.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
