"""Finding the library, and one clear sentence where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import LIBRARY, run_python

import cachecore
from cachecore import _library

PACKAGE = Path(cachecore.__file__).parent
SHOW = "import cachecore; print(cachecore._library.releasing_gil._name)"


def test_the_variable_names_the_library() -> None:
    run = run_python(SHOW)
    assert (run.stdout.strip(), run.stderr) == (LIBRARY, "")


def test_the_variable_is_meant(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.so")
    run = run_python(SHOW, CACHECORE_LIBRARY=missing)
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode == 1
    assert last.startswith(
        f"ImportError: cachecore found no usable libcachecore.so; tried: {missing}"
    )
    assert "build/lib" not in last


def test_another_library_is_not_ours() -> None:
    run = run_python(SHOW, CACHECORE_LIBRARY="libc.so.6")
    assert "ImportError" in run.stderr and "cachecore_version" in run.stderr


@pytest.mark.parametrize(
    ("version", "fits"), [("0x000107", True), ("0x000200", False), ("0x010100", False)]
)
def test_versions(version: str, fits: bool, tmp_path: Path) -> None:
    library, source = tmp_path / "libother.so", tmp_path / "other.c"
    source.write_text(f"unsigned cachecore_version(void) {{ return {version}; }}\n")
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", library], check=True)
    run = run_python("from cachecore import _library", CACHECORE_LIBRARY=str(library))
    text = _library.version_text(int(version, 16))
    assert (f"(version {text}, wanted 0.1.0)" in run.stderr) == (not fits)


def test_compatibility_after_version_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "HEADER_VERSION", 0x010200)
    assert _library._compatible(0x010200) and _library._compatible(0x010305)
    assert not _library._compatible(0x010109) and not _library._compatible(0x020200)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "cachecore", ignore=shutil.ignore_patterns("*.so", "__py*"))
    return tmp_path


def test_bundled_beside_the_package(copy: Path) -> None:
    bundled = copy / "cachecore" / "libcachecore.so"
    shutil.copy(LIBRARY, bundled)
    run = run_python(SHOW, CACHECORE_LIBRARY="", PYTHONPATH=str(copy))
    assert (run.stdout.strip(), run.stderr) == (str(bundled), "")


def test_in_the_source_tree(tmp_path: Path) -> None:
    package = tmp_path / "bindings" / "python" / "src" / "cachecore"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.so", "__py*"))
    built = tmp_path / "build" / "lib" / "libcachecore.so"
    built.parent.mkdir(parents=True)
    shutil.copy(LIBRARY, built)
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "cachecore.h").touch()
    run = run_python(SHOW, CACHECORE_LIBRARY="", PYTHONPATH=str(package.parent))
    assert (run.stdout.strip(), run.stderr) == (str(built), "")


def test_found_by_the_system(copy: Path) -> None:
    shutil.copy(LIBRARY, copy / "libcachecore.so.1")
    run = run_python(SHOW, CACHECORE_LIBRARY="", PYTHONPATH=str(copy), LD_LIBRARY_PATH=str(copy))
    assert (run.stdout.strip(), run.stderr) == ("libcachecore.so.1", "")


def test_nowhere(copy: Path) -> None:
    run = run_python(SHOW, CACHECORE_LIBRARY="", PYTHONPATH=str(copy), LD_LIBRARY_PATH="")
    last = run.stderr.strip().splitlines()[-1]
    if run.returncode:  # unless the library is installed on this machine
        assert str(copy / "cachecore" / "libcachecore.so") in last
        assert "libcachecore.so.1" in last


def test_version_of_the_library() -> None:
    major, minor, _ = map(int, cachecore.library_version.split("."))
    assert (major, minor) == (0, 1)


def test_import_starts_no_thread() -> None:
    code = "import cachecore, os; cachecore.Cache(1); print(len(os.listdir('/proc/self/task')))"
    assert run_python(code).stdout == "1\n"
