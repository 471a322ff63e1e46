"""Whole services on a cache and a runner: ``pip install cachecore[services]``.

``blacklist``: revoked tokens.  ``narration``: generated audio in files.  ``permissions``: a cache
of permissions that audits itself.  Each can be used as a library, included in an application, or
run as one (``cachecore.services.blacklist.app:create_app``); ``dashboard`` shows them.
"""
