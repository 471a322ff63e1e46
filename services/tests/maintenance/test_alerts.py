"""Rules hold, are told once, and are over; webhooks."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cachecore_services.maintenance import (
    Alert,
    ConsecutiveFailures,
    Every,
    History,
    Outcome,
    Status,
    SuccessRate,
    Threshold,
    Webhook,
)

from .conftest import HOUR, bench, scripted


async def test_two_failures_in_a_row_fire_once_and_a_success_ends_it() -> None:
    heard: list[Alert] = []

    async def hear(alert: Alert) -> None:
        heard.append(alert)

    error = OSError("disk")
    job, _ = scripted("sweep", error, error, error, {}, error, {}, schedule=Every(HOUR))
    async with bench(job, on_alert=hear) as at:
        await at.clock.advance(HOUR)
        assert heard == []
        await at.clock.advance(HOUR)
        assert [alert.firing for alert in heard] == [True] and at.runner.alarm.firing
        assert heard[0].message == "sweep failed 2 times in a row: OSError: disk"
        await at.clock.advance(4 * HOUR)
        assert [alert.firing for alert in heard] == [True, False] and not at.runner.alarm.firing


async def test_a_threshold_in_a_report() -> None:
    heard: list[Alert] = []
    counts = ({"staleTTLKeys": n} for n in (10, 11, 12, 0))
    job, _ = scripted("audit", *counts, schedule=Every(HOUR))
    rules = [Threshold("staleTTLKeys", above=10)]
    async with bench(job, rules=rules, on_alert=heard.append) as at:
        await at.clock.advance(HOUR)
        await at.runner.stop()
        assert heard == []
        await at.runner.start()
        await at.clock.advance(3 * HOUR)
        await at.runner.stop()
    assert [(alert.firing, alert.rule) for alert in heard] == [
        (True, "staleTTLKeys-above"),
        (False, "staleTTLKeys-above"),
    ]
    assert heard[0].message == "audit: staleTTLKeys is 11, above 10"


def outcome(hour: float, rate: float | None, **more: Any) -> Outcome:
    report = {} if rate is None else {"hitRate": rate}
    status = more.pop("status", Status.SUCCEEDED)
    return Outcome("audit", "schedule", status, hour * HOUR, 1, report=report, **more)


def told(rule: Any, outcomes: list[Outcome], size: int = 100) -> list[bool]:
    """After each of them, whether the rule holds."""
    history, holds = History(size), False
    found = []
    for one in outcomes:
        history.add(one)
        if rule.judges(one):
            holds = rule.holds(one, history) is not None
        found.append(holds)
    return found


def test_below_a_limit_for_a_whole_day() -> None:
    low = Threshold("hitRate", below=50, for_seconds=24 * HOUR)
    day = [outcome(hour, 40) for hour in (0, 6, 12, 18, 24, 30)]
    assert told(low, day) == [False, False, False, False, True, True]
    day[2] = outcome(12, 60)
    assert told(low, day) == [False] * 6


def test_what_says_nothing_leaves_a_rule_as_it_is() -> None:
    low = Threshold("hitRate", below=50)
    silent = [
        outcome(1, None),
        outcome(2, None, status=Status.FAILED),
        outcome(3, 90, dry_run=True),
        outcome(4, 90, status=Status.CANCELLED),
    ]
    assert told(low, [outcome(0, 40), *silent]) == [True] * 5
    assert told(low, [outcome(0, 60), *silent]) == [False] * 5
    assert told(Threshold("hitRate", below=50, of="other"), [outcome(0, 40)]) == [False]


def test_consecutive_failures_and_success_rates() -> None:
    good, bad = outcome(0, 1), outcome(0, 1, status=Status.TIMED_OUT)
    assert told(ConsecutiveFailures(2), [bad, good, bad, bad, good]) == [False] * 3 + [True, False]
    assert told(SuccessRate(99, after_runs=4), [bad, good, good, good]) == [False] * 3 + [True]
    assert told(SuccessRate(50, after_runs=1), [good, bad, bad]) == [False, False, True]


async def test_a_hook_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(alert: Alert) -> None:
        raise OSError("unreachable")

    job, action = scripted("sweep", OSError("a"), OSError("b"), schedule=Every(HOUR))
    async with bench(job, on_alert=fail) as at:
        await at.clock.advance(3 * HOUR)
    assert "the alert hook failed" in caplog.text and len(action.runs) == 3


class Listener(HTTPServer):
    """Keeps what is posted to it, after refusing as often as it was told to."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), Post)
        self.refusals = refusals
        self.bodies: list[dict[str, Any]] = []
        self.credentials: list[str | None] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts"


class Post(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.refusals:
            self.server.refusals -= 1
            self.send_error(503)
            return
        self.server.bodies.append(body)
        self.server.credentials.append(self.headers["authorization"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    server = Listener(getattr(request, "param", 0))
    yield server
    server.shutdown()
    server.server_close()


async def test_an_alert_reaches_a_webhook(listener: Listener) -> None:
    job, _ = scripted("sweep", OSError("a"), OSError("disk"), schedule=Every(HOUR))
    async with bench(job, on_alert=Webhook(listener.url)) as at:
        await at.clock.advance(2 * HOUR)
        async with asyncio.timeout(20):
            while not listener.bodies:
                await asyncio.sleep(0.001)
    (body,) = listener.bodies
    assert body["rule"] == "consecutive-failures" and body["job"] == "sweep" and body["firing"]
    assert body["text"] == body["message"] == "sweep failed 2 times in a row: OSError: disk"


@pytest.mark.parametrize("listener", [2], indirect=True)
def test_a_webhook_tries_again(listener: Listener) -> None:
    Webhook(listener.url, backoff=0.001)(Alert("rule", "sweep", True, "text", 0.0))
    assert listener.bodies[0]["at"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize("listener", [3], indirect=True)
def test_a_webhook_gives_up(listener: Listener) -> None:
    with pytest.raises(OSError, match="503"):
        Webhook(listener.url, backoff=0.001)(Alert("rule", "sweep", True, "text", 0.0))


def test_a_webhooks_password_is_sent_as_one(listener: Listener) -> None:
    alert = Alert("rule", "sweep", True, "text", 0.0)
    for user in ("", "ann:p%40ss@", "ann@"):
        Webhook(listener.url.replace("//", f"//{user}"))(alert)
    basic = [None, *(f"Basic {b64encode(user).decode()}" for user in (b"ann:p@ss", b"ann"))]
    assert listener.credentials == basic


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://h/ü", "http://h/\x7f", "http://a b"])
def test_what_is_no_webhook(url: str) -> None:
    with pytest.raises(ValueError, match="http") as caught:
        Webhook(url)
    assert url not in str(caught.value)
