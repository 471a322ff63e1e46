"""Every variable of every service: nonsense ends the start, is named, and shows no secret."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("httpx2")

from programs import REPOSITORY  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from cachecore_services.settings import SettingError, naming  # noqa: E402

from .applications import CREATE, SETTINGS, create  # noqa: E402

HIDDEN = "hunter2-hunter2"

#: What none of them can be, by the kind of the variable.
NONSENSE = {
    "float": ["nan", "inf", "-inf", "-1", "1e300", "many", "1,5"],
    "int": ["-1", "99999999999999999999", "1.5", "1e3", "inf", "many"],
    "bool": ["2", "perhaps"],
}
OF_ITS_OWN = {
    "CACHECORE_WORKPLACE": ["/proc/nowhere", "/dev/null/below"],
    "NARRATION_CACHE_DIR": ["/proc/nowhere", "/dev/null/below"],
    "CACHECORE_SHARED": ["/proc/nowhere", "/dev/null/below"],
    "CACHECORE_APPLICATION": ["../shop", "a b", "a.b"],
    "CACHECORE_ALERT_WEBHOOK": [
        "hunter2-hunter2",
        "ftp://h/hunter2-hunter2",
        "https://",
        "http://x y",
        "http://h/hunter2-hunter2/\x7f",
        "http://h/hunter2-hunter2/ü",
    ],
    "CACHECORE_ALLOWED_HOSTS": ["http://example.org", "example.org:80", "a b"],
    "CACHECORE_OPERATOR_TOKEN": ["short", f"short{' ' * 16}", "\udcff" * 16],
    "TOKEN_BLACKLIST_DATABASE_URL": [
        "hunter2-hunter2",
        "nosuch://ann:hunter2-hunter2@host/db",
        "sqlite:////nonexistent/hunter2-hunter2/x.db",
        "postgresql+nosuch://ann:hunter2-hunter2@host/db",
    ],
    "TOKEN_CLEANUP_CRON": ["61 * * * *", "0 0 30 2 *", "hourly", "0s"],
    "TOKEN_CLEANUP_TIMEZONE": ["Mars/Base", "Europe", "../UTC", "A" * 300],
    "JWT_ALGORITHM": ["none", "None", "HS999", "hs256"],
    "PERMISSION_CACHE_CLEANUP_CRON": ["every day", "0 0 31 2 *"],
    "POLICY_CACHE_STORE": ["memcached"],
    "REDIS_URL": [
        "bogus://:hunter2-hunter2@h",
        "redis://",
        "redis://:hunter2-hunter2@h:port",
        "redis://:hunter2-hunter2@h/0?bogus=x",
        "redis://h/0?bogus=hunter2-hunter2",
        "redis://h/0?socket_timeout=soon",
        "redis://h/0?db=first",
        "redis://:hunter2-hunter2@h/first",
        "rediss://:hunter2-hunter2@h/0?bogus=x",
        "unix:///nowhere/socket?bogus=x",
    ],
}
FREE = {"JWT_SECRET_KEY"}  # any text is one


def variables() -> list[tuple[str, str, str]]:
    """The service, the variable, and a value that makes no sense."""
    found = []
    for service, settings in SETTINGS.items():
        for field in settings.model_fields.values():
            name = str(field.validation_alias)
            kind = getattr(field.annotation, "__name__", "")
            if name not in FREE:
                values = OF_ITS_OWN.get(name) or NONSENSE[kind]
                found += [(service, name, value) for value in values]
    return found


@pytest.mark.parametrize(("service", "name", "value"), variables())
def test_nonsense_ends_the_start_and_is_named(
    service: str, name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JWT_SECRET_KEY", HIDDEN * 3)
    if name == "REDIS_URL":
        monkeypatch.setenv(*{"decisions": ("POLICY_CACHE_STORE", "redis")}.get(service, ("CACHECORE_TIERED", "1")))
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError) as caught:
        with TestClient(CREATE[service](SETTINGS[service]())):
            pass
    assert name in str(caught.value) and HIDDEN not in str(caught.value)
    assert caught.value.__cause__ is None and HIDDEN not in repr(caught.value)


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    for service, options, name in (
        ("permissions", {"workplace": tmp_path}, "CACHECORE_WORKPLACE"),
        ("narration", {}, "NARRATION_CACHE_DIR"),
    ):
        with pytest.raises(SettingError, match=f"{name}.*Read-only"):
            with TestClient(create(service, tmp_path, **options)):
                pass


@pytest.mark.parametrize("service", sorted(SETTINGS))
@pytest.mark.parametrize("bound", ["least", "most"])
def test_the_least_and_the_most_that_is_allowed_starts(
    service: str, bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bound is one that the service can live with."""
    monkeypatch.chdir(tmp_path)
    bounded = 0
    for field in SETTINGS[service].model_fields.values():
        for limit in field.metadata:
            least = getattr(limit, "ge", None if getattr(limit, "gt", 1) else 1e-300)
            value = least if bound == "least" else getattr(limit, "le", None)
            if value is not None:
                monkeypatch.setenv(str(field.validation_alias), str(value))
                bounded += 1
    assert bounded > 2
    with TestClient(CREATE[service](SETTINGS[service]())) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/health").json()["status"] in ("healthy", "degraded")


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_a_variable_set_to_nothing_is_not_set(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SETTINGS[service]().model_dump(exclude={"jwt_secret"})
    for field in SETTINGS[service].model_fields.values():
        monkeypatch.setenv(str(field.validation_alias), "")
    assert SETTINGS[service]().model_dump(exclude={"jwt_secret"}) == before


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_no_other_variable_counts(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL, TIMEZONE, OPERATOR_TOKEN and the like may be meant for another program."""
    fields = SETTINGS[service].model_fields
    before = SETTINGS[service]().model_dump(exclude={"jwt_secret"})
    for name in set(map(str.upper, fields)) - {str(field.validation_alias) for field in fields.values()}:
        monkeypatch.setenv(name, "1")
    assert SETTINGS[service]().model_dump(exclude={"jwt_secret"}) == before


def test_services_of_one_kind_with_names_have_a_leader_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHECORE_WORKPLACE", str(tmp_path))
    places = []
    for name in ("shop", "shop", "mail"):
        monkeypatch.setenv("CACHECORE_APPLICATION", name)
        places.append(SETTINGS["blacklist"]().open_workplace())
    assert [place.lead(["token-cleanup"]) for place in places] == [True, False, True]


def test_an_operators_token_without_the_space_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHECORE_OPERATOR_TOKEN", f" {HIDDEN * 2}\n")
    token = SETTINGS["decisions"]().operator_token
    assert token is not None and token.get_secret_value() == HIDDEN * 2


def test_no_secret_where_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("JWT_SECRET_KEY", HIDDEN * 3),
        ("CACHECORE_OPERATOR_TOKEN", HIDDEN * 2),
        ("CACHECORE_ALERT_WEBHOOK", f"https://example.org/{HIDDEN}"),
        ("TOKEN_BLACKLIST_DATABASE_URL", f"postgresql://ann:{HIDDEN}@host/db"),
        ("REDIS_URL", f"redis://:{HIDDEN}@host"),
    ):
        monkeypatch.setenv(name, value)
    for settings in SETTINGS.values():
        assert HIDDEN not in f"{settings()!r} {settings()} {settings().model_dump()}"


def test_a_start_that_fails_writes_no_secret_into_the_log(tmp_path: Path) -> None:
    """Whatever is wrong: pydantic shows what it was given, unless it is told not to."""
    for more in (
        {"TOKEN_CLEANUP_CRON": "bad"},
        {"TOKEN_BLACKLIST_DATABASE_URL": f"nosuch://ann:{HIDDEN}@host/db"},
        {"CACHECORE_ALERT_WEBHOOK": HIDDEN},
        {"CACHECORE_WORKPLACE": "/proc/nowhere"},
        {"JWT_ALGORITHM": "RS256", "JWT_SECRET_KEY": HIDDEN},
    ):
        environment = {"JWT_SECRET_KEY": HIDDEN * 3, "CACHECORE_OPERATOR_TOKEN": HIDDEN * 2, **more}
        app = "cachecore_services.blacklist.app:create_app"
        start = subprocess.run(
            [sys.executable, "-m", "uvicorn", "--factory", "--port", "0", app],
            env={**os.environ, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = start.stdout + start.stderr
        assert start.returncode != 0 and HIDDEN not in said
        assert next(iter(more)) in said or "JWT_SECRET_KEY" in said


def test_keys_that_fit_their_algorithm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cachecore_services.blacklist.settings import BlacklistSettings

    monkeypatch.setenv("JWT_SECRET_KEY", "short")
    with caplog.at_level(logging.WARNING):
        BlacklistSettings()
    assert "JWT_SECRET_KEY is short" in caplog.text and "32 bytes" in caplog.text
    caplog.clear()
    monkeypatch.setenv("JWT_SECRET_KEY", "x" * 64)
    monkeypatch.setenv("JWT_ALGORITHM", "HS512")
    BlacklistSettings()
    assert caplog.text == ""
    monkeypatch.setenv("JWT_SECRET_KEY", "")
    first, second = BlacklistSettings(), BlacklistSettings()
    assert first.jwt_secret != second.jwt_secret and "this process only" in caplog.text


def test_what_fails_late_is_named_without_its_secrets() -> None:
    with pytest.raises(SettingError) as caught:
        with naming("REDIS_URL", "redis://:p%40ss@h", "p%40ss", "p@ss", ""):
            raise OSError("redis://:p%40ss@h refuses p@ss")
    assert str(caught.value) == "REDIS_URL cannot be used: OSError: *** refuses ***"


def test_the_page_lists_every_variable_and_no_other() -> None:
    page = (REPOSITORY / "docs/services.md").read_text()
    table = page[page.index("## The environment") : page.index("## Dashboard")]
    told = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", table))
    known = {
        str(field.validation_alias)
        for settings in SETTINGS.values()
        for field in settings.model_fields.values()
    }
    assert told == known
