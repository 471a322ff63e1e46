"""A near cache before Valkey or Redis: values are read from a cache here, and from the server where it has none.

::

    tier = TieredCache(Cache(100_000, shared="shop"), redis.Redis(), prefix="shop:", serializer="json")
    tier.set("price:7", 9.99, ttl=3600)
    tier.get("price:7")

Why nothing is served that the server no longer has
    The server tells one connection of each machine every key that changes (``listener``), and the entry is
    deleted here.  The danger is a value that was read before a change and stored after it.  So a reader
    takes the claim of the key *before* it asks the server, and stores by that claim.  A delete voids the
    claim: if the message comes first, the late value is not stored; if the value was stored first, the
    message deletes it.

    A connection may be lost, and then the messages of a while are.  Each connection that listens has an
    epoch, which every local key begins with.  A new connection begins a new one, so that what was stored
    before is out of reach at once, whatever its amount, also what somebody stores late (``floor``).  And an
    epoch is served only as long as the server goes on answering on that connection.
"""

from .async_tiered_cache import AsyncTieredCache
from .errors import ServerAwayError
from .health import Health, TierStats
from .options import Options
from .tiered_cache import TieredCache

__all__ = ["AsyncTieredCache", "Health", "Options", "ServerAwayError", "TierStats", "TieredCache"]
