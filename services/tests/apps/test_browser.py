"""The dashboard in a real browser: Debian's Chromium without a screen, driven by Playwright.

CACHECORE_SCREENSHOT names a file, such as docs/dashboard.png, to photograph it for the
documentation.
"""

from __future__ import annotations

import os
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from .serving import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")
if "CACHECORE_BROWSER" not in os.environ:
    pytest.skip("make test-browser runs these, once", allow_module_level=True)
assert CHROMIUM is not None

WAIT = 30_000  # milliseconds; only there to end the test


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def service() -> Iterator[str]:
    with serving("permissions", PERMISSION_CACHE_TTL_SECONDS="0.2") as address:
        yield address


def ask(address: str, users: int) -> None:
    for number in range(users):
        with urllib.request.urlopen(f"{address}/api/permissions/user-{number}", timeout=20) as got:
            got.read()


def figure(page: Any, card: str, name: str) -> Any:
    """Where a card says something."""
    return page.locator(f'[data-key="{card}"] dt', has_text=name).locator("xpath=following::dd[1]")


def opened(browser: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    page = browser.new_page(**options)
    page.set_default_timeout(WAIT)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/dashboard")
    return page, errors


def test_the_button_sweeps(browser: Any, service: str) -> None:
    ask(service, 20)
    page, errors = opened(browser, service)
    waiting = figure(page, "cache-permissions", "Waiting to be swept")
    api.expect(waiting).to_have_text("20", timeout=WAIT)  # they have expired
    api.expect(figure(page, "cache-permissions", "Sweeper")).to_have_text("running, healthy")
    card = page.locator('[data-key="cache-permissions"]')
    card.get_by_role("button", name="Sweep now").click()
    api.expect(card.locator(".buttons .said")).to_have_text("removed 20", timeout=WAIT)
    api.expect(waiting).to_have_text("0", timeout=WAIT)
    swept = figure(page, "cache-permissions", "Sweeps · removed")
    api.expect(swept).to_have_text("1 · 20", timeout=WAIT)
    assert errors == []


def test_the_button_runs_a_job(browser: Any, service: str) -> None:
    page, errors = opened(browser, service)
    card = page.locator('[data-key="job-permission-cache-cleanup"]')
    card.get_by_role("button", name="Dry run").click()
    api.expect(card.locator(".buttons .said")).to_contain_text("dry run succeeded", timeout=WAIT)
    card.get_by_role("button", name="Run now").click()
    api.expect(card.locator("tr").first).to_contain_text("manual", timeout=WAIT)
    api.expect(card.locator("tr")).to_have_count(2, timeout=WAIT)
    api.expect(figure(page, "job-permission-cache-cleanup", "Succeeded")).to_have_text("2 · 0")
    assert errors == []


def test_it_is_live_and_says_when_it_is_not(browser: Any, service: str) -> None:
    page, _ = opened(browser, service)
    reads = page.locator("#latencies td").nth(1)
    api.expect(reads).to_have_text("0", timeout=WAIT)
    ask(service, 7)
    api.expect(reads).to_have_text("7", timeout=WAIT)
    page.route("**/dashboard/data", lambda route: route.abort())
    api.expect(page.locator("#state")).to_contain_text("no answer", timeout=WAIT)
    page.unroute("**/dashboard/data")
    api.expect(page.locator("#state")).not_to_contain_text("no answer", timeout=WAIT)


def test_on_a_phone(browser: Any, service: str) -> None:
    ask(service, 3)
    phone = {"width": 360, "height": 740}
    page, errors = opened(browser, service, viewport=phone, has_touch=True, is_mobile=True)
    api.expect(page.locator("section.card").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box["height"] >= 40 and box["x"] >= 0 and box["x"] + box["width"] <= 360
    page.get_by_role("button", name="Sweep now").tap()
    api.expect(page.locator(".buttons .said").first).to_contain_text("removed", timeout=WAIT)
    assert errors == []


def test_an_operator_gives_the_password_once(browser: Any) -> None:
    with serving("permissions", CACHECORE_OPERATOR_TOKEN="the operators' token") as address:
        known = {"username": "anybody", "password": "the operators' token"}
        page, errors = opened(browser, address, http_credentials=known)
        page.get_by_role("button", name="Sweep now").click()
        api.expect(page.locator(".buttons .said").first).to_contain_text("removed", timeout=WAIT)
        assert errors == []


def test_a_hidden_page_shows_no_spike_afterwards(browser: Any, service: str) -> None:
    """What came while nobody asked is spread over the time that has passed."""
    page, errors = opened(browser, service)
    reads = figure(page, "cache-permissions", "Reads a second")
    api.expect(reads).to_have_text("0", timeout=WAIT)
    hide = "value => Object.defineProperty(document, 'hidden', {value, configurable: true})"
    page.evaluate(hide, True)
    ask(service, 60)
    page.wait_for_timeout(6000)
    page.evaluate(hide, False)
    api.expect(reads).not_to_have_text("0", timeout=WAIT)
    assert int(reads.inner_text()) < 30
    assert errors == []


if "CACHECORE_SCREENSHOT" in os.environ:

    def test_photograph(browser: Any) -> None:
        with serving("permissions", PERMISSION_CACHE_TTL_SECONDS="2") as address:
            page, _ = opened(browser, address, viewport={"width": 1200, "height": 900})
            for _ in range(12):
                ask(address, 60)
                page.wait_for_timeout(700)
            page.get_by_role("button", name="Run now").click()
            page.get_by_role("button", name="Sweep now").click()
            page.wait_for_timeout(1500)
            page.screenshot(path=os.environ["CACHECORE_SCREENSHOT"], full_page=True)
