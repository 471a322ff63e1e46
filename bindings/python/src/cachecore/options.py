"""The options of a cache, for those who pass them on."""

from __future__ import annotations

from typing import Literal, TypedDict

from .durations import Duration
from .removals import Listener
from .sharing import Place


class Options(TypedDict, total=False):
    """The options of a cache but for its first bound and its serializer; see ``Cache.__init__``."""

    max_bytes: int | None
    ttl: Duration | None
    tti: Duration | None
    jitter: float | None
    policy: Literal["lru", "adaptive"]
    on_removal: Listener | None
    no_evict: bool
    report_removals: bool
    manual_clock: bool
    shards: int
    hash_seed: int
    shared: Place | None
