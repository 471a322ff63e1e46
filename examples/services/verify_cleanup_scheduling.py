"""Verifies, without a test framework, that expired tokens are cleaned up on schedule.

    python examples/services/verify_cleanup_scheduling.py

Starts the application, logs a user out, runs the periodic function on a clock of its own, and says
what passed and what failed; exits with 1 if anything did.
"""

import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from cachecore_services.maintenance import ManualClock
from cachecore_services.blacklist import TokenBlacklist, TokenTable, periodic_token_cleanup
from cachecore_services.blacklist.app import create_app
from cachecore_services.blacklist.settings import BlacklistSettings


def application_startup(directory: Path) -> None:
    """The application starts with its cleanup task, works, and ends it."""
    settings = BlacklistSettings(
        database_url=f"sqlite:///{directory}/app.db", jwt_secret="x" * 32, demo_login=True
    )
    app = create_app(settings)
    with TestClient(app) as client:
        assert app.state.runner.running and "token-cleanup" in app.state.runner.jobs
        assert client.get("/health").json() == {"status": "healthy"}
        token = client.post("/api/v1/auth/login").json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        assert client.get("/api/v1/auth/me", headers=headers).status_code == 200
        assert client.post("/api/v1/auth/logout", headers=headers).status_code == 200
        assert client.get("/api/v1/auth/me", headers=headers).status_code == 401
    assert not app.state.runner.running


def periodic_function(directory: Path) -> None:
    """Every 24 hours, what has expired goes, and what has not stays."""

    async def days() -> None:
        clock = ManualClock(wall=time.time())
        table = TokenTable(f"sqlite:///{directory}/periodic.db")
        blacklist = TokenBlacklist(table, clock=clock)
        for number in range(5):
            blacklist.revoke(f"token-{number}", clock.now().wall + 3600 * (1 + 100 * (number % 2)))
        task = asyncio.create_task(periodic_token_cleanup(blacklist, clock=clock))
        await clock.advance(23 * 3600)
        assert table.count() == 5
        await clock.advance(3601)
        async with asyncio.timeout(20):
            while table.count() != 2:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        blacklist.close()

    asyncio.run(days())


def passes(check: Callable[[Path], None]) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        try:
            check(Path(directory))
        except Exception:
            traceback.print_exc()
            return False
    return True


def main() -> int:
    checks = {
        "Application starts with its cleanup task": application_startup,
        "Periodic cleanup runs and is cancelled": periodic_function,
    }
    results = {name: passes(check) for name, check in checks.items()}
    for name, passed in results.items():
        print("PASS" if passed else "FAIL", name)
    print("All checks passed" if all(results.values()) else "Some checks FAILED")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
