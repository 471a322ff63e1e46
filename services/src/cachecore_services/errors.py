"""Failures that a caller has to know of."""

from __future__ import annotations


class InvalidationError(RuntimeError):
    """What was to be forgotten may still be there, and be answered with: to be tried again."""
