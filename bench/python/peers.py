"""The caches that Python has, each behind the calls that one would really make.

A peer is a function that opens a cache of CAPACITY entries and returns its calls; a call that it does
not have is None.
"""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CAPACITY = 10_000
TTL_S = 3600


@dataclass
class Calls:
    get: Callable[[Any], Any] | None = None
    set: Callable[[Any, Any], Any] | None = None
    get_many: Callable[[list], Any] | None = None
    is_bounded: bool = True  # forgets when it is full
    keys_are_bytes: bool = False


def dict_() -> Calls:
    """No cache, but what Python itself costs."""
    cache: dict = {}
    return Calls(cache.get, cache.__setitem__, is_bounded=False)


def cachecore(keys_are_bytes: bool = False) -> Calls:
    from cachecore import Cache

    cache = Cache(max_entries=CAPACITY, ttl=TTL_S)
    return Calls(cache.get, cache.set, cache.get_many, keys_are_bytes=keys_are_bytes)


def cachecore_by_ctypes() -> Calls:
    os.environ["CACHECORE_PURE"] = "1"
    return cachecore()


def cachecore_objects() -> Calls:
    """Holds Python objects, as the caches in Python do, and not copies of bytes."""
    from cachecore import ObjectCache

    cache = ObjectCache(max_entries=CAPACITY, ttl=TTL_S)
    return Calls(cache.get, cache.set, getattr(cache, "get_many", None))


def cachecore_lasting_objects() -> Calls:
    """Without lifetimes, as cachebox LRU."""
    from cachecore import ObjectCache

    cache = ObjectCache(max_entries=CAPACITY)
    return Calls(cache.get, cache.set, cache.get_many)


def cachebox_lru() -> Calls:
    import cachebox

    cache = cachebox.LRUCache(CAPACITY)
    return Calls(cache.get, cache.insert)


def cachebox_vttl() -> Calls:
    import cachebox

    cache = cachebox.VTTLCache(CAPACITY)
    return Calls(cache.get, lambda key, value: cache.insert(key, value, TTL_S))


def moka() -> Calls:
    import moka_py

    cache = moka_py.Moka(CAPACITY, ttl=TTL_S)
    return Calls(cache.get, cache.set)


def theine() -> Calls:
    from datetime import timedelta

    from theine import Cache

    cache, lifetime = Cache(CAPACITY), timedelta(seconds=TTL_S)
    return Calls(lambda key: cache.get(key)[0], lambda key, value: cache.set(key, value, lifetime))


def cachetools_lru() -> Calls:
    import cachetools

    cache = cachetools.LRUCache(CAPACITY)
    return Calls(cache.get, cache.__setitem__)


def cachetools_ttl() -> Calls:
    import cachetools

    cache = cachetools.TTLCache(CAPACITY, TTL_S)
    return Calls(cache.get, cache.__setitem__)


def lru_dict() -> Calls:
    from lru import LRU

    cache = LRU(CAPACITY)
    return Calls(cache.get, cache.__setitem__)


def functools_lru_cache() -> Calls:
    """Has no `set`: a miss calls the function, and that is its insert."""
    value = b"v" * 128
    return Calls(functools.lru_cache(maxsize=CAPACITY)(lambda key: value))


def diskcache() -> Calls:
    import diskcache as disk

    directory = tempfile.mkdtemp(prefix="cachecore-bench-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    cache = disk.Cache(directory)
    # Bounded by bytes, not entries: what it would evict at 10 000 entries is not measured.
    return Calls(cache.get, lambda key, value: cache.set(key, value, expire=TTL_S), is_bounded=False)


def redis_py() -> Calls:
    import redis

    directory = tempfile.mkdtemp(prefix="cachecore-bench-")
    socket = os.path.join(directory, "redis")
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.kill)
    client = redis.Redis(unix_socket_path=socket)
    for _ in range(500):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.01)
    return Calls(client.get, lambda key, value: client.set(key, value, ex=TTL_S), client.mget, is_bounded=False)


# ---- Caches and stores that processes share ----


def directory_in_memory() -> str:
    directory = tempfile.mkdtemp(prefix="cachecore-bench-", dir="/dev/shm")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def cachecore_shared() -> Calls:
    from cachecore import Cache

    place = os.path.join(directory_in_memory(), "cache")
    cache = Cache(max_entries=CAPACITY, ttl=TTL_S, shared=place)
    return Calls(cache.get, cache.set, cache.get_many)


def py_lmdb() -> Calls:
    """No lifetimes and no bound but the file's size. Not synced: that a cache survives a power loss is not asked."""
    import lmdb

    place = directory_in_memory()
    environment = lmdb.open(place, map_size=1 << 28, sync=False, writemap=True, metasync=False)

    def get(key: str) -> bytes | None:
        with environment.begin() as transaction:
            return transaction.get(key.encode())

    def set_(key: str, value: bytes) -> None:
        with environment.begin(write=True) as transaction:
            transaction.put(key.encode(), value)

    return Calls(get, set_, is_bounded=False)


def shared_memory_dict() -> Calls:
    """A pickled dict: each call reads or writes all of it, so it holds a hundredth of the entries."""
    from shared_memory_dict import SharedMemoryDict

    cache = SharedMemoryDict(name=f"cachecore-bench-{os.getpid()}", size=1 << 20)
    atexit.register(cache.shm.unlink)
    few = CAPACITY // 100

    def place(key: str) -> str:
        return str(int(key[5:]) % few)

    return Calls(
        lambda key: cache.get(place(key)), lambda key, value: cache.__setitem__(place(key), value), is_bounded=False
    )


def ultra_dict() -> Calls:
    """A dict in each process and a stream of changes between them."""
    from UltraDict import UltraDict

    cache = UltraDict(name=f"cachecore-bench-{os.getpid()}", buffer_size=1 << 24, auto_unlink=True)
    return Calls(cache.get, cache.__setitem__, is_bounded=False)


def shmedis() -> Calls:
    from shmedis import Shmedis

    cache = Shmedis(name=f"cachecore-bench-{os.getpid()}", size=1 << 28)
    atexit.register(cache.unlink)
    # Its keys as text are not accepted by today's xxhash.
    return Calls(
        cache.get, lambda key, value: cache.set(key, value, ex=TTL_S), is_bounded=False, keys_are_bytes=True
    )


PEERS: dict[str, Callable[[], Calls]] = {
    "dict": dict_,
    "cachecore": cachecore,
    "cachecore (bytes keys)": functools.partial(cachecore, keys_are_bytes=True),
    "cachecore ObjectCache": cachecore_objects,
    "cachecore ObjectCache (no lifetimes)": cachecore_lasting_objects,
    "cachecore (ctypes)": cachecore_by_ctypes,
    "cachebox LRU": cachebox_lru,
    "cachebox VTTL": cachebox_vttl,
    "moka-py": moka,
    "theine": theine,
    "cachetools LRU": cachetools_lru,
    "cachetools TTL": cachetools_ttl,
    "lru-dict": lru_dict,
    "functools.lru_cache": functools_lru_cache,
    "diskcache": diskcache,
    "redis-py": redis_py,
}

#: Beside them in turns.py alone: report.py's table is of caches of one process.
SHARED_PEERS: dict[str, Callable[[], Calls]] = {
    "cachecore shared": cachecore_shared,
    "py-lmdb": py_lmdb,
    "shared-memory-dict": shared_memory_dict,
    "UltraDict": ultra_dict,
    "shmedis": shmedis,
}
