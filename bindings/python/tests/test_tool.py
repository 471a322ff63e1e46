"""``python -m cachecore``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cachecore import Cache
from cachecore.__main__ import main


def test_it_says_where_the_guide_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide"]) == 0
    folder = Path(capsys.readouterr().out.rstrip("\n"))
    assert (folder / "python.md").read_text().startswith("# cachecore in Python")
    assert (folder / "python-frameworks.md").is_file()


def test_it_looks_into_a_cache_in_use(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    cache = Cache(1000, shared=place)
    cache["user:1"] = b"one\n"
    cache.set("user:2", b"two", ttl=60)
    cache["other\x01"] = b"three"
    assert cache["user:1"]
    assert main(["stat", place]) == 0
    out = capfdbinary.readouterr().out.decode().split()
    assert out[out.index("processes") + 1] == "2"
    assert out[out.index("entries") + 1] == "3"
    assert out[out.index("hit_rate") + 1] == "1.0000"
    assert main(["keys", place, "user:"]) == 0
    lines = sorted(capfdbinary.readouterr().out.decode().splitlines())
    assert [line.split()[0::2] for line in lines] == [["3", "user:2"], ["4", "user:1"]]
    assert main(["keys", place, "other"]) == 0
    assert b"other\\x01" in capfdbinary.readouterr().out
    assert main(["get", place, "user:1"]) == 0
    assert capfdbinary.readouterr().out == b"one\n"
    assert main(["get", place, "nobody"]) == 1
    assert main(["top", place, "--seconds", "0.01", "--count", "2"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 3
    assert main(["delete", place, "user:1"]) == 0
    assert main(["delete", place, "user:1"]) == 1
    assert "user:1" not in cache


def test_it_saves_and_loads(
    place: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    cache = Cache(1000, shared=place, no_evict=True)
    cache["a"] = b"1"
    file = str(tmp_path / "saved")
    assert main(["save", place, file]) == 0
    assert main(["clear", place]) == 0
    assert len(cache) == 0
    assert main(["load", place, file]) == 0
    assert cache["a"] == b"1"
    assert b"1 entries loaded" in capfdbinary.readouterr().out


def test_it_makes_no_cache(place: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["stat", place]) == 1
    assert b"nothing to attach to" in capfdbinary.readouterr().err
    assert not Path(place).exists()
    with pytest.raises(SystemExit):
        main(["nothing"])
