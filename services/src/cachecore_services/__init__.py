"""Services on cachecore and what they are made of: ``pip install "libcachecore-services[apps]"``.

``policy``: policy decisions remembered in the process, or in Redis.  ``cleanup``: one cleanup task
for the process, and advice.  ``maintenance``: named jobs, done when they are due.

``blacklist``: revoked tokens.  ``narration``: generated audio in files.  ``permissions``: a cache
of permissions that audits itself.  Each can be used as a library, included in an application, or
run as one (``cachecore_services.blacklist.app:create_app``); ``dashboard`` shows them.
"""
