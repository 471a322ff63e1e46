"""How far a revocation and an invalidation reach: processes of one machine, and machines.

A machine is a directory of caches that its processes share; what the machines have in common is a server and the
table, which is read so seldom here that the others can only have been told.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2")
redis = pytest.importorskip("redis")
pytest.importorskip("uvicorn")

from fastapi.testclient import TestClient  # noqa: E402

from cachecore import Cache  # noqa: E402
from cachecore_services.blacklist import Revocations, TokenBlacklist, TokenTable  # noqa: E402
from cachecore_services.blacklist.app import create_app  # noqa: E402
from cachecore_services.blacklist.settings import BlacklistSettings  # noqa: E402
from cachecore_services.decisions.settings import DecisionSettings  # noqa: E402
from cachecore_services.errors import InvalidationError  # noqa: E402
from cachecore_services.generations import Generations  # noqa: E402
from cachecore_services.permissions import PermissionCache  # noqa: E402
from cachecore_services.permissions.app import create_app as create_permissions  # noqa: E402
from cachecore_services.permissions.settings import PermissionSettings  # noqa: E402

from cachecore_services.policy import PolicyCache, decision_key  # noqa: E402
from cachecore_services.policy.native import NativeStore  # noqa: E402
from cachecore_services.policy.tiered import TieredStore  # noqa: E402

from .applications import SECRET  # noqa: E402
from .conftest import eventually  # noqa: E402
from .servers import Server, started  # noqa: E402
from .serving import serving  # noqa: E402
from .test_decisions import race  # noqa: E402
from .test_workers import ask, until  # noqa: E402

#: Where a process finds ``apps.granted``, and the packages.
PATHS = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
NEVER = 3600.0  # seconds between two readings of the table


@pytest.fixture
def server() -> Iterator[Server]:
    with started() as server:
        yield server


@pytest.fixture
def machine() -> Iterator[str]:
    """Where the processes of a machine share caches."""
    with tempfile.TemporaryDirectory(prefix="cachecore-test-", dir="/dev/shm") as folder:
        yield folder


@pytest.fixture
def other_machine() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="cachecore-test-", dir="/dev/shm") as folder:
        yield folder


def tokens(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "TOKEN_BLACKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/tokens.db",
        "TOKEN_BLACKLIST_SYNC_SECONDS": str(NEVER),
        "TOKEN_DEMO_LOGIN": "true",
        "JWT_SECRET_KEY": SECRET,
        **more,
    }


def login(address: str) -> str:
    return str(ask(address, "/api/v1/auth/login", method="POST")[1]["access_token"])


def me(address: str, token: str) -> int:
    return ask(address, "/api/v1/auth/me", token)[0]


# -- Processes -----------------------------------------------------------------------------------


def test_a_token_revoked_in_one_process_is_refused_in_all_of_every_machine(
    tmp_path: Path, server: Server, machine: str, other_machine: str
) -> None:
    environment = tokens(tmp_path, CACHECORE_TIERED="true", REDIS_URL=server.url)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(serving("blacklist", CACHECORE_SHARED=place, **environment))
            for place in (machine, machine, other_machine)
        ]
        for here in processes:
            token = login(here)
            assert [me(process, token) for process in processes] == [200] * 3
            assert ask(here, "/api/v1/auth/logout", token, "POST")[0] == 200
            assert me(here, token) == 401
            until(lambda: {me(process, token) for process in processes} == {401})


def test_without_a_server_in_all_processes_of_the_machine_at_once(tmp_path: Path, machine: str) -> None:
    environment = tokens(tmp_path, CACHECORE_SHARED=machine)
    with ExitStack() as stack:
        here, there = (stack.enter_context(serving("blacklist", **environment)) for _ in "12")
        token = login(here)
        assert me(there, token) == 200
        assert ask(here, "/api/v1/auth/logout", token, "POST")[0] == 200
        assert me(there, token) == 401


def permitted(address: str) -> list[str]:
    permissions: list[str] = ask(address, "/api/permissions/ann")[1]["permissions"]
    return permissions


def test_a_permission_withdrawn_in_one_process_is_gone_in_all_of_every_machine(
    tmp_path: Path, server: Server, machine: str, other_machine: str
) -> None:
    granted = tmp_path / "granted"
    granted.write_text("read write")
    environment = {
        "PYTHONPATH": PATHS,
        "GRANTED": str(granted),
        "CACHECORE_TIERED": "true",
        "REDIS_URL": server.url,
    }
    with ExitStack() as stack:
        here, *others = (
            stack.enter_context(serving("apps.granted:create_app", CACHECORE_SHARED=place, **environment))
            for place in (machine, machine, other_machine)
        )
        everybody = [here, *others]
        for what in ("/api/permissions/ann", "/api/admin/permissions/cache/metrics"):
            granted.write_text("read write")
            ask(here, "/api/permissions/ann", method="DELETE")
            until(lambda: [permitted(process) for process in everybody] == [["read", "write"]] * 3)
            granted.write_text("read")
            assert [permitted(process) for process in everybody] == [["read", "write"]] * 3
            if what.endswith("ann"):
                assert ask(here, what, method="DELETE")[0] == 200
            else:
                assert ask(here, what, method="POST", body={"action": "clear"})[0] == 200
            assert permitted(here) == ["read"]
            until(lambda: [permitted(process) for process in everybody] == [["read"]] * 3)


def test_without_a_server_processes_share_what_was_loaded_and_what_was_withdrawn(
    tmp_path: Path, machine: str
) -> None:
    granted = tmp_path / "granted"
    granted.write_text("read write")
    environment = {
        "PYTHONPATH": PATHS,
        "GRANTED": str(granted),
        "CACHECORE_SHARED": machine,
    }
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(serving("apps.granted:create_app", **environment)) for _ in "12"
        )
        assert permitted(here) == ["read", "write"]
        granted.write_text("read")
        assert permitted(there) == ["read", "write"]  # loaded by the other
        assert ask(there, "/api/permissions/ann", method="DELETE")[1] == {"invalidated": True}
        assert permitted(here) == permitted(there) == ["read"]


# -- The server is away --------------------------------------------------------------------------


def test_a_revocation_that_cannot_be_told_is_no_logout_and_the_table_is_asked(
    tmp_path: Path, server: Server
) -> None:
    options: Any = {
        "database_url": f"sqlite:///{tmp_path}/tokens.db",
        "sync_seconds": NEVER,
        "jwt_secret": SECRET,
        "demo_login": True,
        "tiered": True,
        "redis_url": server.url,
        "max_lag": 0.2,
    }

    with TestClient(create_app(BlacklistSettings(**options))) as here:
        with TestClient(create_app(BlacklistSettings(**options))) as there:

            def asked(client: TestClient, token: str, what: str = "/api/v1/auth/me") -> int:
                headers = {"authorization": f"Bearer {token}"}
                method = "POST" if what.endswith("logout") else "GET"
                return client.request(method, what, headers=headers).status_code

            one, other = (
                here.post(f"/api/v1/auth/login?user={user}").json()["access_token"] for user in "12"
            )
            assert asked(here, one) == asked(there, one) == 200
            until(lambda: there.get("/health").json()["status"] == "healthy")
            server.stop()
            assert asked(here, one, "/api/v1/auth/logout") == 503
            assert here.get("/health").status_code == 503
            until(lambda: asked(there, one) == 401)  # after max_lag: by the table
            until(lambda: asked(there, other) == 200)
            report = there.get("/health").json()
            assert (report["status"], report["problems"]) == (
                "degraded",
                ["the server that tells of other machines is not heard"],
            )

            # Nor can the table be asked: nobody is let in, and nobody told that it is revoked.
            def fail(*_: object) -> bool:
                raise OSError("the database is away, too")

            there.app.state.blacklist.table.contains = fail  # type: ignore[attr-defined]
            assert asked(there, other) == 503
            server.start()
            until(lambda: asked(there, other) == 200)
            until(lambda: there.get("/health").json()["status"] == "healthy")
            assert asked(here, other, "/api/v1/auth/logout") == 200
            until(lambda: asked(there, other) == 401)
            until(lambda: here.get("/health").json()["status"] == "healthy")


def test_an_invalidation_that_cannot_be_told_is_an_error_and_nothing_remembered_is_served(
    server: Server,
) -> None:
    granted = ["read", "write"]

    async def load(user: str) -> list[str]:
        return list(granted)

    settings = PermissionSettings(tiered=True, redis_url=server.url, max_lag=0.2)
    with TestClient(create_permissions(settings, load)) as client:

        def permitted() -> Any:
            return client.get("/api/permissions/ann").json()["permissions"]

        until(lambda: client.get("/health").json() == {"status": "healthy"})
        assert permitted() == permitted() == ["read", "write"]
        granted.remove("write")
        assert permitted() == ["read", "write"]
        server.stop()
        answer = client.delete("/api/permissions/bob")
        assert (answer.status_code, "try again" in answer.json()["detail"]) == (503, True)
        health = client.get("/health")
        assert health.status_code == 503
        assert "the last invalidation could not be told to other machines" in health.json()["problems"]
        until(lambda: permitted() == ["read"])  # nobody has withdrawn it, and nobody can say so
        server.start()
        until(lambda: client.delete("/api/permissions/bob").status_code == 200)
        until(lambda: client.get("/health").json() == {"status": "healthy"})


# -- In one process, as several machines ---------------------------------------------------------


@asynccontextmanager
async def generations(server: Server, count: int) -> AsyncIterator[list[Generations]]:
    """As so many machines have them."""
    settings = PermissionSettings(tiered=True, redis_url=server.url)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            tier = await stack.enter_async_context(settings.open_tier("a-service"))
            assert tier is not None
            made.append(Generations(tier))
            await eventually(lambda: tier.health().synced)
        yield made


@asynccontextmanager
async def permission_caches(server: Server, count: int) -> AsyncIterator[list[PermissionCache]]:
    async with generations(server, count) as each:
        made = [PermissionSettings().open_permissions(one) for one in each]
        yield made
        for permissions in made:
            permissions.close()


async def test_what_is_loaded_before_a_withdrawal_is_not_served_after_it(server: Server) -> None:
    """Whoever began to load before is given that; whoever asks later begins a new load."""
    release, loading = asyncio.Event(), asyncio.Event()

    async def before(user: object) -> list[str]:
        loading.set()
        await release.wait()
        return ["write"]

    async def after(user: object) -> list[str]:
        return ["read"]

    async with permission_caches(server, 2) as (here, there):
        slow = asyncio.create_task(here.get_or_load("ann", before))
        await loading.wait()
        await there.withdraw(["ann"])
        assert (known := here._generations) is not None
        await eventually(lambda: known.seen("ann") is None)
        late = asyncio.create_task(here.get_or_load("ann", after))
        await asyncio.sleep(0.05)
        release.set()
        assert await slow == ["write"] and await late == ["read"]
        assert await here.get_or_load("ann", before) == ["read"]
        entry = here.get("ann")
        assert entry is not None and entry["permissions"] == ["read"] and here.exists("ann")
        assert here.get_ttl("ann") > 0


async def test_a_server_that_loses_its_keys_costs_a_load(server: Server) -> None:
    loads = []

    async def load(user: object) -> list[str]:
        loads.append(user)
        return ["read"]

    async with permission_caches(server, 1) as (here,):
        assert await here.get_or_load("ann", load) == await here.get_or_load("ann", load) == ["read"]
        assert loads == ["ann"]
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        await eventually(lambda: not here.exists("ann"))
        assert here.get("ann") is None and here.get_ttl("ann") == -2
        assert await here.get_or_load("ann", load) == ["read"] and loads == ["ann", "ann"]


async def test_a_server_that_loses_a_revocation(tmp_path: Path, server: Server) -> None:
    """The table has it."""
    settings = BlacklistSettings(
        tiered=True,
        redis_url=server.url,
        jwt_secret=SECRET,
        database_url=f"sqlite:///{tmp_path}/tokens.db",
    )
    here, there = (settings.open_blacklist() for _ in "12")
    async with settings.open_revocations(here) as revoking, settings.open_revocations(there) as asking:
        await revoking.revoke("token", time.time() + 60)
        assert await asking.is_revoked("token")
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        lost = False
        async with asyncio.timeout(20):
            while not lost:
                lost = not await asking.is_revoked("token")
        assert await revoking.is_revoked("token")
        there.sync()
        assert await asking.is_revoked("token")
        # Of two deadlines the later one counts.
        assert not await revoking.revoke("token", time.time() + 30)
    here.close()
    there.close()


async def test_what_forgets_here_alone_is_refused_with_a_tier(server: Server) -> None:
    async with permission_caches(server, 1) as (here,):
        with pytest.raises(RuntimeError, match="withdraw"):
            here.invalidate("ann")
        with pytest.raises(RuntimeError, match="withdraw_all"):
            here.clear_all()


# -- Decisions -----------------------------------------------------------------------------------

KEY = decision_key("ann", "read", "file:1")


@asynccontextmanager
async def policies(server: Server) -> AsyncIterator[list[PolicyCache]]:
    """Those of two machines."""
    async with generations(server, 2) as each:
        made = [PolicyCache(100, 60, store=TieredStore(NativeStore(Cache[Any](100)), one)) for one in each]
        yield made
        for policy in made:
            await policy.close()


async def allow() -> dict[str, bool]:
    return {"allow": True}


async def deny() -> dict[str, bool]:
    return {"allow": False}


@pytest.mark.parametrize(
    "named",
    [{"user_id": "ann"}, {"action": "read"}, {"resource": "file:1"}, {"action": "read", "resource": "file:1"}, {}],
    ids=["user", "action", "resource", "both", "all"],
)
async def test_a_decision_that_is_invalidated_elsewhere(server: Server, named: dict[str, str]) -> None:
    async with policies(server) as (here, there):
        for user in ("ann", "bob"):
            for policy in (here, there):
                assert await policy.get_or_evaluate(user, "read", "file:1", allow) == {"allow": True}
        assert await here.get_or_evaluate("ann", "read", "file:1", deny) == {"allow": True}
        assert await there.invalidate(**named) == (1 if "user_id" in named else 2)
        gone = False
        async with asyncio.timeout(20):
            while not gone:
                gone = await here.get("ann", "read", "file:1") is None
        assert await here.get_or_evaluate("ann", "read", "file:1", deny) == {"allow": False}
        assert await here.get("ann", "read", "file:1") == {"allow": False}
        assert (await here.get("bob", "read", "file:1") is None) is ("user_id" not in named)


async def test_a_pattern_that_is_invalidated_elsewhere_ends_everything(server: Server) -> None:
    async with policies(server) as (here, there):
        assert await here.set("ann", "read", "file:1", {"allow": True})
        await there.invalidate_pattern("policy:*:write:*")
        gone = False
        async with asyncio.timeout(20):
            while not gone:
                gone = await here.get("ann", "read", "file:1") is None


async def test_an_answer_that_is_renewed_while_it_is_invalidated_elsewhere(server: Server) -> None:
    async with policies(server) as (here, there):
        await here.set("ann", "read", "file:1", {"allow": True})
        found = await here.store.find(KEY)
        assert found is not None and b"true" in found.text
        assert await here.store.renew(KEY, b'{"allow": false}', 60, found)
        assert await here.get("ann", "read", "file:1") == {"allow": False}
        found = await here.store.find(KEY)
        assert found is not None
        await there.invalidate("ann")
        await here.store.renew(KEY, b'{"allow": true}', 60, found)  # late
        gone = False
        async with asyncio.timeout(20):
            while not gone:
                gone = await here.get("ann", "read", "file:1") is None
        assert await here.store.find(KEY) is None


async def test_batches_and_deletions_of_decisions(server: Server) -> None:
    async with policies(server) as (here, there):
        other = decision_key("bob", "read", "file:1")
        for policy in (here, there):
            assert await policy.store.set_many({KEY: b"1", other: b"2"}, 60) == 2
        assert await here.store.get_many([KEY, decision_key("x", "y", "z"), other]) == [b"1", None, b"2"]
        assert await there.delete("ann", "read", "file:1")
        gone = False
        async with asyncio.timeout(20):
            while not gone:
                gone = await here.store.get_many([KEY, other]) == [None, b"2"]
        assert await here.get_cache_size() == 2 and await here.health_check()


async def test_an_invalidation_is_stronger_than_an_evaluation_under_way(server: Server) -> None:
    await race(DecisionSettings(tiered=True, redis_url=server.url))


async def test_decisions_while_the_server_is_away(server: Server) -> None:
    """Each is made anew once nobody can say; an invalidation is an error."""
    async with policies(server) as (here, _):
        assert await here.get_or_evaluate("ann", "read", "file:1", allow) == {"allow": True}
        server.stop()
        decision = None
        async with asyncio.timeout(60):
            while decision != {"allow": False}:
                decision = await here.get_or_evaluate("ann", "read", "file:1", deny)
        with pytest.raises(InvalidationError):
            await here.invalidate("ann")


# -- A shared cache that fails -------------------------------------------------------------------


async def test_a_revocation_that_the_shared_cache_cannot_take(
    tmp_path: Path, machine: str
) -> None:
    """It is in the table; whoever revokes is told, and who cannot look asks the table."""
    shared = Cache[Any](100, shared=f"{machine}/tokens")
    tables = [TokenTable(f"sqlite:///{tmp_path}/tokens.db") for _ in "12"]
    here, there = (TokenBlacklist(table) for table in tables)
    revoking, asking = Revocations(here, machine=shared), Revocations(there, machine=shared)
    assert not await asking.is_revoked("token")
    shared.close()
    with pytest.raises(InvalidationError, match="may not know"):
        await revoking.revoke("token", time.time() + 60)
    assert [problem.text for problem in revoking.problems()] == [
        "the last revocation could not be told to other processes"
    ]
    assert await revoking.is_revoked("token") and await asking.is_revoked("token")
    assert not await asking.is_revoked("another")
    here.close()
    there.close()
