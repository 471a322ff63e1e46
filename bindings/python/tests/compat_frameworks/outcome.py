"""What came of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from environment import Environment


@dataclass
class Outcome:
    package: str  #: with its version
    suite: str
    passed: int
    failed: int
    excluded: Mapping[str, str] = field(default_factory=dict)  #: reason by test
    output: str = ""

    @property
    def good(self) -> bool:
        return self.passed > 0 and self.failed == 0

    def __str__(self) -> str:
        lines = [
            f"{self.package}, {self.suite}: {self.passed} of {self.passed + self.failed} passed"
        ]
        lines += [f"  not run: {test}: {reason}" for test, reason in self.excluded.items()]
        return "\n".join(lines if self.good else [*lines, self.output])


def pytest(
    environment: Environment,
    package: str,
    suite: str,
    folder: Path,
    *arguments: str,
    excluded: Mapping[str, str],
    path: tuple[Path, ...] = (),
) -> Outcome:
    """Runs pytest there, without the tests excluded, which are named as in ``-k``-free ids."""
    report = environment.folder / f"{suite}.xml"
    deselected = [f"--deselect={test}" for test in excluded]
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}", *deselected]
    run = environment.run("-m", "pytest", *options, *arguments, cwd=folder, path=path)
    failed = passed = 0
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            bad = any(case.find(outcome) is not None for outcome in ("failure", "error"))
            failed += bad
            passed += not bad and case.find("skipped") is None
    failed += run.returncode not in (0, 1)
    named = f"{package} {environment.version(package)}"
    return Outcome(named, suite, passed, failed, excluded, run.stdout)
