"""The browser fixtures themselves: they open our pages, and stay inside this machine."""

from __future__ import annotations

import asyncio
import os

import pytest

pytestmark = pytest.mark.browser


def test_opens_the_health_page(page, live_site):
    answer = page.goto(f"{live_site.url}/healthz")
    assert answer.status == 200


def test_a_foreign_request_is_stopped_and_reported(page, live_site, browser_problems):
    page.goto(f"{live_site.url}/healthz")
    page.evaluate("fetch('http://elsewhere.example/').catch(() => null)")
    assert browser_problems.foreign == ["foreign request: http://elsewhere.example/"]
    browser_problems.clear()


def test_database_can_be_used_beside_the_browser(page, live_site, django_user_model):
    page.goto(f"{live_site.url}/healthz")
    assert django_user_model.objects.count() == 0


class TestAfterTheModule:
    """The event loop of Playwright is gone when its fixtures are torn down."""

    def test_no_loop_stays_behind(self):
        # The fixtures of this module may be alive here; what counts is that the loop is theirs alone.
        if "DJANGO_ALLOW_ASYNC_UNSAFE" not in os.environ:
            asyncio.run(asyncio.sleep(0))
