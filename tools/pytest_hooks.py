"""What pytest does differently in this repository; conftest.py of each test folder takes it from here.

``async def`` tests run, each on a loop of its own.  In CI what a test needs is there: with
CACHECORE_NO_SKIPS in the environment, a test that is skipped has failed.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Generator
from typing import TypeVar

import pytest

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

__all__ = ["pytest_make_collect_report", "pytest_pyfunc_call", "pytest_runtest_makereport"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _failed_if_skipped(report)


def _failed_if_skipped(report: _Report) -> _Report:
    if report.outcome == "skipped" and "CACHECORE_NO_SKIPS" in os.environ:
        if not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"skipped, and CACHECORE_NO_SKIPS is set: {report.longrepr}"
    return report
