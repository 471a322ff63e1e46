"""What every service is told by its environment.

Each service adds its own variables.  A value that makes no sense ends the start with an error
that names the variable.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from ..maintenance import Webhook, Workplace


class ServiceSettings(BaseSettings):
    """CACHECORE_WORKPLACE, CACHECORE_ALERT_WEBHOOK, CACHECORE_JOB_HISTORY."""

    workplace: Path | None = Field(default=None, validation_alias="CACHECORE_WORKPLACE")
    alert_webhook: str | None = Field(default=None, validation_alias="CACHECORE_ALERT_WEBHOOK")
    job_history: int = Field(default=100, ge=1, validation_alias="CACHECORE_JOB_HISTORY")

    model_config = {"populate_by_name": True}

    def open_workplace(self) -> Workplace:
        return Workplace(self.workplace)

    def alert_hook(self) -> Webhook | None:
        return None if self.alert_webhook is None else Webhook(self.alert_webhook)
