"""Revoked tokens, never forgotten before they expire.

::

    blacklist = TokenBlacklist(TokenTable("sqlite:///token_blacklist.db"))
    blacklist.revoke(token, claims["exp"], user_id)
    blacklist.is_revoked(token)
    runner = Runner([cleanup_job(blacklist), sync_job(blacklist)])
"""

from ..extras import needs

needs("apps", "sqlalchemy", "croniter", "tenacity")

from .blacklist import TokenBlacklist
from .cleanup import cleanup_expired_tokens, cleanup_job, periodic_token_cleanup, sync_job
from .revocations import Revocations
from .table import TokenExists, TokenTable

__all__ = [
    "Revocations",
    "TokenBlacklist",
    "TokenExists",
    "TokenTable",
    "cleanup_expired_tokens",
    "cleanup_job",
    "periodic_token_cleanup",
    "sync_job",
]
