"""The oldest packages that the extras allow: ``python run.py [EXTRA ...]``.

For each extra of libcachecore, and of libcachecore-services as services-EXTRA, a virtual environment
gets just the versions that pyproject.toml names, not one newer, and runs the tests that use them.
What those packages need in turn is whatever pip chooses.  An extra without an entry here, or of
which a test is skipped for want of a package, is a failure.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

PYTHON = Path(__file__).resolve().parents[2]
SERVICES = PYTHON.parents[1] / "services"
sys.path.append(str(PYTHON / "tests" / "compat_frameworks"))

from environment import Environment, environment  # noqa: E402

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[(?P<extras>[\w,]+)\])?(>=(?P<version>[\w.]+))?")
_MISSING = re.compile(r"could not import '(\w+)")


class Suite(NamedTuple):
    tests: tuple[str, ...]  #: in tests/ of the distribution
    needs: tuple[str, ...] = ()  #: what the tests use beside the extra; @ stands for its version
    without: tuple[str, ...] = ()  #: packages whose tests are left out
    select: str = ""  #: only tests with this in their names


def _backend(name: str) -> Suite:
    return Suite((f"contrib/test_{name}.py", "contrib/test_contents.py"), select=name)


#: Test clients of that time pass httpx what newer ones do not take.
_CLIENT = "httpx<0.27"

SUITES = {
    "cli": Suite(("test_tool_tables.py",)),
    "starlette": Suite(("contrib/test_fastapi.py",), (_CLIENT,), without=("fastapi",)),
    "fastapi": Suite(("contrib/test_fastapi.py",), (_CLIENT,)),
    "prometheus": Suite(("contrib/test_prometheus.py",)),
    "opentelemetry": Suite(("contrib/test_opentelemetry.py",), ("opentelemetry-sdk==@",)),
    "django": _backend("django"),
    "flask": _backend("flask"),
    "cachelib": _backend("cachelib"),
    "dogpile": _backend("dogpile"),
    "aiocache": _backend("aiocache"),
    "redis": Suite(("tiered",), ("prometheus-client",), without=("valkey",)),
    "valkey": Suite(("tiered/test_valkey.py",), ("redis",)),
    "services-redis": Suite(("policy",), ("prometheus-client",)),
    "services-prometheus": Suite(("policy/test_prometheus.py",)),
    "services-maintenance": Suite(("maintenance",), ("prometheus-client",)),
    "services-apps": Suite(
        ("apps",), (_CLIENT, "httpx2", "redis", "anyio<4.10"), without=("playwright",)
    ),
}


def minimums(extra: str, declared: dict[str, list[str]]) -> dict[str, str]:
    """The lowest versions that an extra allows, of the packages that it names."""
    found: dict[str, str] = {}
    for requirement in declared[extra]:
        parts = _REQUIREMENT.fullmatch(requirement)
        if parts is None:
            raise SystemExit(f"{requirement!r} names no lowest version")
        if parts["name"] == "libcachecore-services":
            for other in parts["extras"].split(","):
                found |= minimums(f"services-{other}", declared)
        else:
            found[parts["name"]] = parts["version"]
    return found


def check(extra: str, declared: dict[str, list[str]]) -> bool:
    suite, versions = SUITES[extra], minimums(extra, declared)
    pinned = [f"{name}=={version}" for name, version in versions.items()]
    needs = [need.replace("@", next(iter(versions.values()))) for need in suite.needs]
    with environment(f"minimum-{extra}") as made:
        made.pip("install", *pinned, *needs, "pytest>=8,<10", "hypothesis>=6,<7")
        folder = SERVICES if extra.startswith("services-") else PYTHON
        done = _tested(made, suite, folder)
    missing = set(_MISSING.findall(done.stdout)) - set(suite.without)
    good = done.returncode == 0 and not missing
    last = done.stdout.strip().splitlines()[-1]
    print(f"{extra}: {', '.join(pinned)}: {last if good else done.stdout}", flush=True)
    return good


def _tested(made: Environment, suite: Suite, folder: Path) -> subprocess.CompletedProcess[str]:
    tests = [str(folder / "tests" / name) for name in suite.tests]
    # Old packages warn of themselves.
    options = ["-q", "-rs", "-p", "no:cacheprovider", "-o", "filterwarnings=", "-k", suite.select]
    return made.run("-m", "pytest", *options, *tests, path=(SERVICES / "src",))


def _extras(folder: Path) -> dict[str, list[str]]:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return extras


def main(names: list[str]) -> int:
    declared = _extras(PYTHON)
    declared |= {f"services-{name}": needs for name, needs in _extras(SERVICES).items()}
    unknown = declared.keys() ^ SUITES.keys() | {name for name in names if name not in declared}
    if unknown:
        print(f"without requirements or without tests: {', '.join(unknown)}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda extra: check(extra, declared), names or SUITES))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
