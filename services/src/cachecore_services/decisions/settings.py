"""What the decision service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator

from ..settings import MANY, YEARS, ServiceSettings, checked_address, variable


class DecisionSettings(ServiceSettings):
    max_size: int = variable("POLICY_CACHE_MAX_SIZE", 10_000, ge=1, le=MANY)
    ttl_seconds: float = variable("POLICY_CACHE_TTL_SECONDS", 300.0, ge=0.001, le=YEARS)
    sweep_interval: float = variable("POLICY_CACHE_SWEEP_INTERVAL", 60.0, ge=0.01, le=YEARS)
    #: Where decisions are remembered: in the process, in a Redis beside it, or nowhere.
    store: Literal["cachecore", "redis", "none"] = variable("POLICY_CACHE_STORE", "cachecore")
    #: Secret, because a password may be in it.
    redis_url: SecretStr = variable("REDIS_URL", SecretStr("redis://localhost:6379/0"))

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, given: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("store") == "redis":
            url = given.get_secret_value()
            checked_address(url, "redis", "rediss", "unix")
            parts = urlsplit(url)
            if parts.scheme != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path):
                raise ValueError("after the host, an address of Redis has the number of a database")
        return given
