"""Runs test cases and says on the last line, in JSON, what came of it."""

from __future__ import annotations

import faulthandler
import json
import unittest
from collections.abc import Mapping

import cachecore


def run(name: str, cases: list[type[unittest.TestCase]], excluded: Mapping[str, str]) -> None:
    faulthandler.dump_traceback_later(240, exit=True)
    tests = unittest.TestSuite()
    for case in cases:
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
            if test.id().rpartition(".")[2] not in excluded or case.__name__ == "Alone":
                tests.addTest(test)
    result = unittest.TextTestRunner(verbosity=1).run(tests)
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    count = result.testsRun - len(result.skipped)
    outcome = {
        "suite": name,
        "compiled": cachecore.compiled,
        "run": count,
        "passed": count - bad,
        "excluded": {name: why for name, why in excluded.items() if hasattr(cases[0], name)},
    }
    print(json.dumps(outcome))
