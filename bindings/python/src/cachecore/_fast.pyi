"""The extension module; its classes are typed by byte_store.py and object_store.py."""

from collections.abc import Callable, Mapping
from typing import Any

from .byte_store import ByteStore as ByteStore
from .cached_call import CachedCall as CachedCall
from .object_store import ObjectStore as ObjectStore

def bind(
    addresses: Mapping[str, int | None],
    ttl_ms: Callable[..., int],
    value_bytes: Callable[[Any], bytes],
) -> None: ...
