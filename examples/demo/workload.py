"""The recording and how it is replayed; replay.c has the same."""

import gzip
import itertools
import struct
from typing import NamedTuple

CAPACITY = 2000
TTL_ALLOWED_MS = 10_000  # 300 s and 60 s, shortened as the build is: one
TTL_ERROR_MS = 2_000     # minute in place of half an hour
SPEED = 16               # of the pass in real time
ROUNDING_MS = 1          # deadlines are rounded up to a millisecond

PASSES = LRU, LRU_TTL, REAL_TIME = "LRU", "LRU+TTL", "real time"


class Recording(NamedTuple):
    note: str             # how it came to be
    keys: list            # bytes, by key id
    decisions: list       # str, by decision id
    requests: list        # (microseconds since the first, key id, decision id)


def varints(data):
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("the recording is damaged")


def read_recording(path):
    """Reads a recording, packed (.gz) or not; examples/data/README.md has the format."""
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    if data[:8] != b"CCDECIS1":
        raise ValueError(f"{path} is not a recording")
    count, keys, decisions, note_size = struct.unpack_from("<4I", data, 8)
    note = data[24 : 24 + note_size].decode()
    *strings, rest = data[24 + note_size :].split(b"\0", decisions + keys)
    if len(strings) != decisions + keys:
        raise ValueError(f"{path} is damaged")
    numbers = list(varints(rest[count:]))
    if len(numbers) != 2 * count:
        raise ValueError(f"{path} is damaged")
    times = itertools.accumulate(numbers[count:])
    return Recording(
        note=note,
        keys=strings[decisions:],
        decisions=[word.decode() for word in strings[:decisions]],
        requests=list(zip(times, numbers[:count], rest[:count])),
    )
