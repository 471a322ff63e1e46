"""Who may ask, who may change something, and who is an operator: one place for every service.

Host
    A page on the web can have its own name resolved to this machine's address (DNS rebinding), and
    is then of the same origin as the service.  Its name is in the Host header.  So a request is
    refused unless its Host is an IP address, a name without a dot (``localhost``, a container's),
    something under ``.localhost``, or listed in CACHECORE_ALLOWED_HOSTS.  A request without one is
    no browser's.  In the services' own applications that holds for every address, the documentation pages
    and those that do not exist included, but for ``/health``, ``/health/cache-cleanup`` and ``/metrics``:
    probes and Prometheus come under whatever name they know.

Origin
    A page of another site can make a browser send a request that it may not read the answer of.
    Whatever is neither GET, HEAD nor OPTIONS is refused if the browser says so in Sec-Fetch-Site
    or, where that is missing, as it is on plain HTTP, if Origin is not what Host says.  A
    request with neither is no browser's.

Operator
    The dashboard, cleanups by hand, and invalidations are for operators.  With
    CACHECORE_OPERATOR_TOKEN they need it: as ``Authorization: Bearer``, or as the password of
    ``Basic``, which browsers ask for.  Without one, the services' own applications take for operators
    only who comes from this machine itself: by a loopback address, and with no header that a proxy adds,
    for then somebody else is asking.  Who comes by a socket file is not: that is how proxies do.

The guard of an application is ``app.state.guard``; without one, ``Guard()`` has the first two rules.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request

from .json_answer import JSONAnswer

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_OURS: Final = "Host is not a name of this service; see CACHECORE_ALLOWED_HOSTS"
_PORTS: Final = {"http": "80", "https": "443"}


class Guard:
    def __init__(
        self,
        hosts: Iterable[str] = (),
        token: str | None = None,
        *,
        token_beyond_loopback: bool = False,
    ) -> None:
        """hosts: ``example.org``, ``*.example.org`` for all below it, ``*`` for any.

        token: what operators know; None: whoever gets here is one, unless
        token_beyond_loopback: without a token there are no operators from outside.
        """
        self._hosts = frozenset(name.lower() for name in hosts)
        self._token = None if token is None else token.encode()
        self._token_beyond_loopback = token_beyond_loopback

    def check_site(self, request: Request) -> None:
        """400 for a Host that is not ours, 403 for a change that another site asks for."""
        host = request.headers.get("host")
        if not self.answers_to(host):
            raise HTTPException(400, _NOT_OURS)
        if request.method not in _READING and _from_another_site(request, host):
            raise HTTPException(403, "another site may not make this request")

    def answers_to(self, host: str | None) -> bool:
        """Whether this may be the Host of a request."""
        return host is None or self._is_ours(_name(host))

    def check_operator(self, request: Request) -> None:
        """401 without the token; 403 where there must be one and none has been set."""
        if self._token is not None:
            given = _token(request.headers.get("authorization", ""))
            if not hmac.compare_digest(given, self._token):
                headers = {"www-authenticate": 'Basic realm="cachecore"'}
                raise HTTPException(401, "this address needs the operator token", headers)
        elif self._token_beyond_loopback and not _from_this_machine(request):
            raise HTTPException(
                403, "only operators may do this: set CACHECORE_OPERATOR_TOKEN to let them in from outside"
            )

    def _is_ours(self, name: str) -> bool:
        if not self._hosts.isdisjoint({"*", name}):
            return True
        _, dot, parents = name.partition(".")
        while parents:
            if f"*.{parents}" in self._hosts or parents == "localhost":
                return True
            parents = parents.partition(".")[2]
        return bool(name) and (not dot or _address(name) is not None)


async def own_site(request: Request) -> None:
    """A dependency: Host and Origin."""
    _guard(request).check_site(request)


async def operator(request: Request) -> None:
    """A dependency: Host, Origin and the operators' token."""
    _guard(request).check_site(request)
    _guard(request).check_operator(request)


class OwnNames:
    """Middleware: 400 for every request under a foreign name, but for some paths."""

    def __init__(self, app: Any, guard: Guard, but_for: Iterable[str] = ()) -> None:
        self._app, self._guard, self._but_for = app, guard, frozenset(but_for)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self._app
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            host = Request(scope).headers.get("host")
            if path not in self._but_for and not self._guard.answers_to(host):
                answer = JSONAnswer({"detail": _NOT_OURS}, 400)
        await answer(scope, receive, send)


FROM_OWN_SITE: Final = (Depends(own_site),)
FOR_OPERATORS: Final = (Depends(operator),)

_DEFAULT: Final = Guard()


def _guard(request: Request) -> Guard:
    found: Guard = getattr(request.app.state, "guard", _DEFAULT)
    return found


def _name(host: str) -> str:
    """Without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _from_another_site(request: Request, host: str | None) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return True
    # The scheme is not compared: behind a proxy that speaks TLS it is another one here.
    if parts.scheme not in _PORTS or not parts.netloc:
        return True
    port = f":{_PORTS[parts.scheme]}"
    return parts.netloc.removesuffix(port) != (host or "").strip().lower().removesuffix(port)


def _token(authorization: str) -> bytes:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip().encode("latin-1")  # the bytes as they came
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


#: What proxies add, and all that begins with ``x-forwarded-``.
_FORWARDED: Final = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-host")
    + ("x-original-url", "x-envoy-external-address", "cf-connecting-ip", "true-client-ip")
    + ("fastly-client-ip", "x-arr-log-id", "x-proxy-user-ip")
)


def _from_this_machine(request: Request) -> bool:
    """Whether whoever asks is here: nobody else's request is handed on, as far as it says so."""
    return _by_loopback(request) and not any(
        name in _FORWARDED or name.startswith("x-forwarded-") for name in request.headers
    )


def _by_loopback(request: Request) -> bool:
    """Whether the connection came in by an address that only this machine reaches."""
    host = str((request.scope.get("server") or ("/",))[0])  # none: a socket file
    address = _address(host)
    if address is None:
        return "/" not in host  # no server has a name: a test, in this process
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
