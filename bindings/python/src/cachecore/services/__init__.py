"""Whole services on a cache and a runner: ``pip install cachecore[services]``.

XX
permissions that audits itself.  Each can be used as a library, included in an application, or run
as one (``cachecore.services.blacklist.app:create_app``); ``dashboard`` shows them.
"""
