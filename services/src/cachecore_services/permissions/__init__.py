"""A cache of permissions that audits itself.

::

    permissions = PermissionCache()
    await permissions.get_or_load("ann", load)
    cleanup = PermissionCacheCleanup(permissions)
    await cleanup.start()
    await cleanup.run_cleanup_now(aggressive_cleanup=True)
"""

from .cache import PermissionCache
from .cleanup import CleanupOptions, PermissionCacheCleanup
from .experiment import TTLExperiment
from .forecast import TTLForecast
from .growth import FollowGrowth

__all__ = [
    "CleanupOptions",
    "FollowGrowth",
    "PermissionCache",
    "PermissionCacheCleanup",
    "TTLExperiment",
    "TTLForecast",
]
