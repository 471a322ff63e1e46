"""The application that is loaded: items of a server by MODE, and a watch for withdrawals.

Run by uvicorn with several workers.  MODE is redis, own-cache or tier.
"""

from __future__ import annotations

import os
import threading
import time

import redis
from fastapi import FastAPI, Response
from server import with_own_cache

from cachecore import Cache
from cachecore.tiered import TieredCache

MODE, HOST, PORT = os.environ["MODE"], os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])
app = FastAPI()

if MODE == "own-cache":
    client = with_own_cache(PORT, HOST)
else:
    client = redis.Redis(host=HOST, port=PORT)
if MODE == "tier":
    local = Cache(10_000, shared=os.environ["PLACE"])
    tier = TieredCache(local, client, prefix="item:")


@app.get("/item/{number}")
async def item(number: int) -> Response:
    content = tier.get(f"{number}") if MODE == "tier" else client.get(f"item:{number}")
    return Response(content or b"none")


def watch(path: str) -> None:
    """Writes down when this worker saw each withdrawal: permission 0, then 1, and so on."""
    with open(f"{path}.{os.getpid()}", "w", buffering=1) as log:
        number = 0
        while True:
            if tier.get(f"permission:{number}") is not None:
                print(number, time.monotonic(), file=log)
                number += 1
            else:
                time.sleep(0.0005)


if os.environ.get("WATCH"):
    threading.Thread(target=watch, args=(os.environ["WATCH"],), daemon=True).start()
