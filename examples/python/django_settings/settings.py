"""A Django project's settings that have to do with the cache.

Timeouts are seconds; None is for ever.  Every worker process has caches of its own: what all of
them must see at once, such as sessions, belongs in a shared store.
"""

SECRET_KEY = "an example"
USE_TZ = True
INSTALLED_APPS: list[str] = []

CACHES = {
    "default": {
        "BACKEND": "cachecore.contrib.django.CacheCoreCache",
        "LOCATION": "default",
        "TIMEOUT": 300,
        "OPTIONS": {"MAX_ENTRIES": 50_000, "MAX_BYTES": 64 << 20, "POLICY": "adaptive"},
    },
    # Another name for the same memory, with keys of its own.
    "fragments": {
        "BACKEND": "cachecore.contrib.django.CacheCoreCache",
        "LOCATION": "default",
        "KEY_PREFIX": "fragment",
        "TIMEOUT": None,
    },
}
