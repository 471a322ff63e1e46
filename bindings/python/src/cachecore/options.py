"""The options of a cache: as they are passed on, and as the library takes them."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

from . import _native, durations
from .arguments import bound, natural
from .durations import Duration
from .removals import Listener
from .sharing import Place

_POLICIES: Final = {"lru": _native.POLICY_LRU, "adaptive": _native.POLICY_ADAPTIVE}


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
    read_only: bool


def native_options(
    *,
    max_entries: int | None,
    max_bytes: int | None,
    ttl: Duration | None,
    tti: Duration | None,
    jitter: float | None,
    policy: str,
    no_evict: bool,
    report_removals: bool,
    manual_clock: bool,
    shards: int,
    hash_seed: int,
) -> _native.Options:
    """Those that the library has, checked."""
    if max_entries is None and max_bytes is None:
        raise ValueError("a cache needs a bound: give max_entries or max_bytes")
    if policy not in _POLICIES:
        raise ValueError(f"policy must be 'lru' or 'adaptive', not {policy!r}")
    return _native.Options(
        policy=_POLICIES[policy],
        flags=(_native.NO_EVICT if no_evict else 0)
        | (_native.MANUAL_CLOCK if manual_clock else 0)
        | (_native.REPORT_REMOVALS if report_removals else 0),
        shard_count=natural(shards, "shards", most=256),
        max_entries=bound(max_entries, "max_entries"),
        max_bytes=bound(max_bytes, "max_bytes", least=_native.MAX_BYTES_MIN),
        default_ttl_ms=durations.default_ms(ttl, "ttl"),
        default_tti_ms=durations.default_ms(tti, "tti"),
        hash_seed=natural(hash_seed, "hash_seed"),
        ttl_jitter_permille=durations.jitter_permille(jitter),
    )
