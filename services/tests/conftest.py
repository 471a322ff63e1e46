"""What pytest does differently for all tests of this folder."""

from pytest_hooks import (
    pytest_make_collect_report,
    pytest_pyfunc_call,
    pytest_runtest_makereport,
)

__all__ = ["pytest_make_collect_report", "pytest_pyfunc_call", "pytest_runtest_makereport"]
