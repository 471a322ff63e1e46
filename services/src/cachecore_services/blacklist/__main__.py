"""``python -m cachecore_services.blacklist``: one cleanup, and the end.

For cron, a systemd timer, Windows' Task Scheduler or a Kubernetes CronJob, where the application
is not to do it itself.  Exits with 1 if it failed, or is being done by another process.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from pydantic import SecretStr

from ..maintenance import JobRunning, Runner
from .cleanup import CLEANUP, cleanup_job
from .settings import BlacklistSettings


async def main(dry_run: bool) -> int:
    # No token is looked at: whatever the environment says of them must not matter.
    settings = BlacklistSettings(jwt_algorithm="HS256", jwt_secret=SecretStr("x" * 32))
    blacklist = settings.open_blacklist()
    runner = Runner([cleanup_job(blacklist)], workplace=settings.open_workplace())
    try:
        outcome = await runner.run(CLEANUP, dry_run=dry_run, attempts=3)
    except JobRunning as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        blacklist.close()
    print(outcome.error if outcome.error else dict(outcome.report))
    return 0 if outcome.succeeded else 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s - %(message)s")
    parser = argparse.ArgumentParser(description="Removes expired tokens from the blacklist.")
    parser.add_argument("--dry-run", action="store_true", help="count them and remove nothing")
    sys.exit(asyncio.run(main(parser.parse_args().dry_run)))
