"""How long a decision may be trusted, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DEFAULT_TTL_SECONDS: Final = 300

#: Lifetime by the sensitivity of the resource; "default" is for a sensitivity that is not listed.
OPTIMIZED_TTL: Final[Mapping[str, int]] = MappingProxyType(
    {"critical": 60, "confidential": 120, "internal": 180, "public": 300, "default": 120}
)

#: Decisions on these are asked for anew before they expire.
REVALIDATED: Final = frozenset({"critical", "confidential"})

#: ... in the last 30 % of their lifetime.
STALE_THRESHOLD_RATIO: Final = 0.3


def ttl_for_sensitivity(
    sensitivity: str | None, ttl_seconds: float = DEFAULT_TTL_SECONDS, optimized: bool = True
) -> float:
    """``ttl_seconds`` when no sensitivity is given, or the table is not to be used."""
    if not optimized or not sensitivity:
        return ttl_seconds
    return OPTIMIZED_TTL.get(sensitivity, OPTIMIZED_TTL["default"])
