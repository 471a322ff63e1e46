"""What goes wrong between here and the server."""

from __future__ import annotations


class ServerAwayError(ConnectionError):
    """The server could not be asked, and the caller wanted to know; ``__cause__`` says why."""
