"""A real Chromium for tests: the system's, started without anything that calls home.

Playwright runs an event loop in the test's thread for as long as it lives. Its fixtures therefore live as long as
one test module and not as long as the session: after the last browser test of a module, the next test of the same
worker finds a thread without a running loop, as Django and `asyncio.run` expect it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    BrowserType,
    Page,
    Playwright,
    Request,
    sync_playwright,
)

from devkit.system import CHROMIUM, find_chromium, install_line

FLAGS = [
    "--no-sandbox",  # there is no sandbox for root, and the only pages opened are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
OURS = {"127.0.0.1", "localhost", "::1"}

#: What Chromium says when a page is left before its socket is open.
LEFT_EARLY = "WebSocket is closed before the connection is established"


@dataclass
class Problems:
    """What went wrong in the browser during a test; an empty list at the end is part of every browser test."""

    console: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Return every problem as a line."""
        return [*self.console, *self.failed, *self.foreign]

    def clear(self) -> None:
        """Forget what was expected, such as the 403 that a test provoked."""
        for found in (self.console, self.failed, self.foreign):
            found.clear()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Start Playwright for one module; Django may be used beside its event loop meanwhile."""
    if find_chromium() is None:
        pytest.skip(f"no browser: {install_line(CHROMIUM)}")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as running:
            yield running
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture(scope="module")
def browser_type(playwright: Playwright) -> BrowserType:
    """Chromium, whatever is asked for on the command line: no other browser can be had from the system."""
    return playwright.chromium


@pytest.fixture(scope="module")
def launch_browser(browser_type: BrowserType) -> Callable[..., Browser]:
    """Return a function that starts the system's Chromium."""

    def launch(**options: Any) -> Browser:
        return browser_type.launch(executable_path=find_chromium(), args=FLAGS, headless=True, **options)

    return launch


@pytest.fixture(scope="module")
def browser(launch_browser: Callable[..., Browser]) -> Iterator[Browser]:
    """One browser for all tests of a module; each test has a context, and so cookies, of its own."""
    running = launch_browser()
    yield running
    running.close()


@pytest.fixture(scope="module")
def browser_context_args() -> dict[str, Any]:
    """Return how a fresh context looks; override it in a test module for another width or colour scheme."""
    return {
        "viewport": DESKTOP,
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
        "service_workers": "block",
    }


@pytest.fixture
def browser_problems() -> Problems:
    """Return what the browser complained about so far. The test fails in the end if anything is left in it."""
    return Problems()


@pytest.fixture
def context(
    browser: Browser, browser_context_args: dict[str, Any], browser_problems: Problems
) -> Iterator[BrowserContext]:
    """A fresh browser context whose every page is watched, and which reaches nothing but this machine."""
    fresh = browser.new_context(**browser_context_args)
    fresh.set_default_timeout(15_000)
    watch(fresh, browser_problems)
    yield fresh
    fresh.close()
    assert not browser_problems.all()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """One tab."""
    return context.new_page()


def watch(context: BrowserContext, problems: Problems) -> None:
    """Write down errors on the console, requests that fail, and requests to anybody else."""

    def keep_here(route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in {"data", "blob", "about"} or address.hostname in OURS:
            route.continue_()
        else:
            problems.foreign.append(f"foreign request: {route.request.url}")
            route.abort()

    def on_failure(request: Request) -> None:
        # A page that is left takes its open requests with it; that is no failure of the site.
        if request.failure != "net::ERR_ABORTED":
            problems.failed.append(f"failed request: {request.url} ({request.failure})")

    context.route("**/*", keep_here)
    context.on(
        "console",
        lambda message: (
            problems.console.append(f"console {message.type}: {message.text}")
            if message.type in {"error", "warning"} and LEFT_EARLY not in message.text
            else None
        ),
    )
    context.on("weberror", lambda error: problems.console.append(f"exception: {error.error}"))
    context.on("requestfailed", on_failure)


def log_in(context: BrowserContext, user: Any, site_url: str) -> None:
    """Give the browser a session of `user` without walking through the login page."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site_url}])
