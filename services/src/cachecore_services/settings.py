"""What every service is told by its environment.

Each service adds its own variables, and no other variable counts: DATABASE_URL may be somebody
else's.  A value that makes no sense ends the start with an error that names the variable.  Errors
end up in logs, so none of them shows a secret.  A variable that is set to nothing counts as not set.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .maintenance import Schedule, Webhook, Workplace, schedule
from .maintenance.job import is_name
from .guard import Guard

#: Upper bounds: a hundred years, and more entries or bytes than a machine has.
YEARS: Final = 100 * 365.25 * 86_400
MANY: Final = 2**40
_TOKEN_SHORTEST: Final = 16


class SettingError(ValueError):
    """A variable's value cannot be used, which showed only when it was."""


@contextmanager
def naming(variable: str, *secrets: str | None) -> Iterator[None]:
    """What fails inside becomes a SettingError that names the variable and no secret."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        for secret in secrets:
            reason = reason.replace(secret, "***") if secret else reason
        raise SettingError(f"{variable} cannot be used: {reason}") from None


def passwords(address: str) -> tuple[str, ...]:
    """The password of an address, as it is written there and as it is meant; none: empty."""
    try:
        written = urlsplit(address).password or ""
    except ValueError:
        written = ""
    return written, unquote(written)


def variable(name: str, default: Any, **limits: Any) -> Any:
    """A field that the environment sets under this name."""
    return Field(default=default, validation_alias=name, **limits)


def checked_schedule(text: str, timezone: str = "UTC") -> Schedule:
    """ValueError for anything that is no interval and no cron expression, whatever is wrong."""
    try:
        return schedule(text, timezone)
    except Exception as error:
        raise ValueError(f"{text!r} is no interval and no cron expression: {error}") from None


def checked_timezone(name: str) -> str:
    """ValueError unless there is such a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a directory of the database is an OSError
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


def ensure_writable(directory: Path) -> None:
    """Makes the directory if it is not there; OSError unless files can be made in it."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory):
        pass


class ServiceSettings(BaseSettings):
    """CACHECORE_WORKPLACE, CACHECORE_APPLICATION, CACHECORE_ALERT_WEBHOOK, CACHECORE_JOB_HISTORY,
    CACHECORE_ALLOWED_HOSTS, CACHECORE_OPERATOR_TOKEN."""

    workplace: Path | None = variable("CACHECORE_WORKPLACE", None)
    #: Tells services of one kind apart that share a workplace.
    application: str | None = variable("CACHECORE_APPLICATION", None)
    #: Secret, because whoever knows it can post there.
    alert_webhook: SecretStr | None = variable("CACHECORE_ALERT_WEBHOOK", None)
    job_history: int = variable("CACHECORE_JOB_HISTORY", 100, ge=1, le=1_000_000)
    #: Names separated by commas, without ports; see guard.py for those that need not be listed.
    allowed_hosts: str = variable("CACHECORE_ALLOWED_HOSTS", "")
    operator_token: SecretStr | None = variable("CACHECORE_OPERATOR_TOKEN", None)

    model_config = SettingsConfigDict(
        populate_by_name=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Not the fields' own names, which pydantic-settings reads beside their variables."""
        assert isinstance(env_settings, EnvSettingsSource)
        ours = {str(field.validation_alias).lower() for field in cls.model_fields.values()}
        found = env_settings.env_vars.items()
        env_settings.env_vars = {name: value for name, value in found if name in ours}
        return init_settings, env_settings

    @field_validator("application")
    @classmethod
    def _check_application(cls, given: str | None) -> str | None:
        if given is not None and not is_name(given):
            raise ValueError("letters, digits, - and _")
        return given

    @field_validator("alert_webhook")
    @classmethod
    def _check_webhook(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None:
            checked_address(given.get_secret_value(), "http", "https")
            Webhook(given.get_secret_value())
        return given

    @field_validator("operator_token")
    @classmethod
    def _check_token(cls, given: SecretStr | None) -> SecretStr | None:
        """Without the space around it: files of secrets often end with a line break."""
        if given is None:
            return None
        token = given.get_secret_value().strip()
        token.encode()  # ValueError for what is no text
        if len(token) < _TOKEN_SHORTEST:
            raise ValueError(f"{_TOKEN_SHORTEST} characters or more")
        return SecretStr(token)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, given: str) -> str:
        for name in _names(given):
            if not re.fullmatch(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*", name):
                raise ValueError("host names without ports, separated by commas, or *")
        return given

    def open_workplace(self) -> Workplace:
        with naming("CACHECORE_WORKPLACE"):
            if self.workplace is not None:
                ensure_writable(self.workplace)
            return Workplace(self.workplace, self.application)

    def alert_hook(self) -> Webhook | None:
        hook = self.alert_webhook
        return None if hook is None else Webhook(hook.get_secret_value())

    def guard(self) -> Guard:
        token = None if self.operator_token is None else self.operator_token.get_secret_value()
        return Guard(_names(self.allowed_hosts), token, token_beyond_loopback=True)


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]


def checked_address(address: str, *schemes: str) -> None:
    """ValueError, without the address, unless it has one of the schemes and a sound host."""
    try:
        parts = urlsplit(address)
        sound = parts.scheme in schemes and (parts.scheme == "unix" or bool(parts.hostname))
        sound = sound and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or any(character <= " " for character in address):
        raise ValueError(f"an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
