"""redis-py or valkey-py, whichever the caller's client is of: its errors, and connections of our own.

Neither is imported unless the caller has done so.  What the tier reads and writes goes through the caller's
client, with its pool, timeouts and retries.  What listens is a connection by itself with the same address
and credentials, read by a thread also where the client is asynchronous: a loop that is busy must not hold
up invalidations.

Messages come in RESP3 as pushes.  Where the server or the package has no RESP3 they come as messages of a
subscription, to which the connection redirects them itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_LIBRARIES: Final = ("redis", "valkey")
_CHANNEL: Final = b"__redis__:invalidate"

# What makes the address and the credentials of an asynchronous client's connections.
_ADDRESS: Final = {"host", "port", "path", "username", "password", "client_name", "credential_provider", "db"}
# What tells servers and databases apart, and what it is if the caller does not say.
_PLACE: Final = {"host": "localhost", "port": 6379, "path": None, "service_name": None, "db": 0}
# What of a synchronous client's is not for a connection that only listens.
_NOT_OURS: Final = {
    "protocol",
    "decode_responses",
    "health_check_interval",
    "legacy_responses",
    "maint_notifications_config",
    "parser_class",
    "retry",
    "retry_on_error",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_timeout",
}


class Transport:
    """What is to be known of a client."""

    def __init__(self, remote: Any, asynchronous: bool, listen_on: Any = None) -> None:
        """listen_on: a synchronous client whose address the listener takes; None: that of ``remote``."""
        library, module = _origin(remote)
        if "cluster" in module:
            raise TypeError("a cluster's client is not supported: one connection must hear all keys")
        if ("asyncio" in module) != asynchronous:
            name = "AsyncTieredCache" if "asyncio" in module else "TieredCache"
            raise TypeError(f"{type(remote).__name__} of {module} is for a {name}")
        if remote.connection_pool.connection_kwargs.get("decode_responses"):
            raise TypeError("remote must give bytes: make it without decode_responses=True")
        exceptions = import_module(f"{library}.exceptions")
        base = getattr(exceptions, "RedisError", None) or exceptions.ValkeyError
        #: What a client raises.
        self.errors: tuple[type[Exception], ...] = (base, OSError)
        #: What it raises if the server cannot be reached, does not answer, or takes no writes since it
        #: is no primary any more.
        self.away: tuple[type[Exception], ...] = (
            exceptions.ConnectionError,
            exceptions.TimeoutError,
            exceptions.ReadOnlyError,
            OSError,
        )
        self.refused: type[Exception] = exceptions.ResponseError
        self._library = library
        kwargs = remote.connection_pool.connection_kwargs
        place = [kwargs.get(name, default) for name, default in _PLACE.items()]
        #: Which server and database it is, by the name that the caller has for it.
        self.address = repr(place).encode()
        self._pool = (remote if listen_on is None else listen_on).connection_pool
        self._whole = not asynchronous or listen_on is not None

    def connect(self, timeout: float, protocol: int = 2) -> Any:
        """A connection of our own, which ends waits after ``timeout`` seconds; one of ``errors``."""
        given = self._pool.connection_kwargs
        kind = self._pool.connection_class
        if self._whole:
            arguments = {name: value for name, value in given.items() if name not in _NOT_OURS}
        else:
            kind = getattr(import_module(f"{self._library}.connection"), kind.__name__)
            arguments = {
                name: value
                for name, value in given.items()
                if name in _ADDRESS or name.startswith("ssl_")
            }
        connection = kind(
            **arguments, protocol=protocol, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        try:
            connection.connect()
        except BaseException:
            connection.disconnect()
            raise
        return connection

    def track(self, prefix: bytes, timeout: float) -> Tracking:
        """A connection that hears of each change to a key with the prefix."""
        try:
            return Tracking(self.connect(timeout, 3), prefix, pushes=True)
        except (self.refused, NoPushesError):
            return Tracking(self.connect(timeout, 2), prefix, pushes=False)


def _origin(remote: Any) -> tuple[str, str]:
    """The package that a client is of, and the module; also for a subclass of the caller's."""
    for kind in type(remote).__mro__:
        library = kind.__module__.partition(".")[0]
        if library in _LIBRARIES:
            return library, kind.__module__
    raise TypeError(f"remote must be a client of redis-py or valkey-py, not {type(remote).__name__!r}")


class NoPushesError(Exception):
    """The package does not hand out what a server pushes."""


class Invalidations(list[bytes]):
    """Keys that have changed; ``everything``: all, however they are named."""

    everything = False


class Tracking:
    """A connection that hears of changes.  For one thread."""

    def __init__(self, connection: Any, prefix: bytes, pushes: bool) -> None:
        self._connection = connection
        try:
            self._begin(prefix, pushes)
        except BaseException:
            self.close()
            raise

    def _begin(self, prefix: bytes, pushes: bool) -> None:
        names: tuple[bytes, ...] = (b"PREFIX", prefix) if prefix else ()
        if pushes:
            # A handler that fails is logged by redis-py and no more: ours only hands on what came.
            handed = getattr(self._connection._parser, "set_invalidation_push_handler", None)
            if handed is None:
                raise NoPushesError
            handed(lambda response: response)
            self._ask(b"CLIENT", b"TRACKING", b"ON", b"BCAST", *names)
        else:
            number = b"%d" % self._ask(b"CLIENT", b"ID")
            self._ask(b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", number, b"BCAST", *names)
            self._ask(b"SUBSCRIBE", _CHANNEL)

    def _ask(self, *command: Any) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response(disable_decoding=True)

    def ping(self) -> None:
        """Sends one; the answer comes by ``read``."""
        self._connection.send_command(b"PING", check_health=False)

    def read(self, timeout: float) -> Invalidations | str | None:
        """What has come: changes, or "pong"; None: nothing, for so many seconds.

        ConnectionError for what is not understood: then something may be lost.
        """
        if not self._connection.can_read(timeout):
            return None
        answer = self._connection.read_response(disable_decoding=True, push_request=True)
        if answer == b"PONG":
            return "pong"
        if isinstance(answer, list) and answer:
            if answer[0] == b"pong":
                return "pong"
            if answer[0] in (b"invalidate", b"message"):
                return _changes(answer[-1])
        raise ConnectionError(f"the server said something that is not understood: {answer!r:.80}")

    def close(self) -> None:
        self._connection.disconnect()


def _changes(keys: Any) -> Invalidations:
    changes = Invalidations()
    if keys is None:
        changes.everything = True
    elif isinstance(keys, list) and all(isinstance(key, bytes) for key in keys):
        changes.extend(keys)
    else:
        raise ConnectionError(f"the server named keys that are not understood: {keys!r:.80}")
    return changes
