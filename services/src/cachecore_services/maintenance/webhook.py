"""Alerts sent to whoever listens at an address: ``Runner(..., on_alert=Webhook(url))``."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

from tenacity import Retrying, stop_after_attempt, wait_exponential

from .alert import Alert


class Webhook:
    """POSTs each alert as JSON: ``rule``, ``job``, ``firing``, ``message``, ``at``, and ``text``.

    "text" is what chat services show.  Tries three times; the runner logs the failure of the last.
    The address may have a user and a password, which are sent as Basic authentication.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, backoff: float = 1.0) -> None:
        # Whoever knows the address can post there, so no error shows it.
        if not re.fullmatch(r"https?://[!-~]+", url, re.IGNORECASE):
            raise ValueError("a webhook needs an http or https address in printable ASCII")
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        self._url = urlunsplit(parts._replace(netloc=host))
        self._basic = base64.b64encode(unquote(user).encode()).decode()
        self._timeout = timeout
        self._retrying = Retrying(
            stop=stop_after_attempt(3), wait=wait_exponential(multiplier=backoff), reraise=True
        )

    def __call__(self, alert: Alert) -> None:
        body = json.dumps({**alert.to_dict(), "text": alert.message}).encode()
        self._retrying(self._post, body)

    def _post(self, body: bytes) -> None:
        request = urllib.request.Request(
            self._url, data=body, headers={"content-type": "application/json"}, method="POST"
        )
        if self._basic:
            request.add_unredirected_header("authorization", f"Basic {self._basic}")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                answer.read()
        except HTTPError as error:
            error.close()  # it holds the connection
            raise
