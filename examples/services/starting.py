"""Starts one of the services on this machine: no server, no database but a file.

What the environment says goes before the examples' own settings.
"""

import argparse
import logging
import os
from pathlib import Path


def serve(service: str, port: int, **settings: str) -> None:
    """Until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=f"Starts the {service} service.")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--data", type=Path, default=Path("build/services") / service)
    chosen = parser.parse_args()
    chosen.data.mkdir(parents=True, exist_ok=True)
    settings |= {
        "CACHECORE_WORKPLACE": str(chosen.data / "workplace"),
        "NARRATION_CACHE_DIR": str(chosen.data / "audio"),
        "TOKEN_BLACKLIST_DATABASE_URL": f"sqlite:///{chosen.data}/token_blacklist.db",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s - %(message)s")
    try:
        import uvicorn
    except ImportError as error:
        raise SystemExit(f"the services need libcachecore-services[apps]: {error}") from None
    print(f"http://127.0.0.1:{chosen.port}/dashboard and /docs", flush=True)
    uvicorn.run(
        f"cachecore_services.{service}.app:create_app",
        factory=True,
        port=chosen.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,  # seconds for answers that are under way
    )
