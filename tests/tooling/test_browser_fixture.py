"""The browser fixtures themselves: they open our pages, and stay inside this machine."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_opens_the_health_page(page, live_site):
    answer = page.goto(f"{live_site.url}/healthz")
    assert answer.status == 200


def test_a_foreign_request_is_stopped_and_reported(page, browser_problems):
    # An empty page has no policy of ours that would stop the request before the fixture does.
    page.goto("about:blank")
    page.evaluate("fetch('http://elsewhere.example/').catch(() => null)")
    assert browser_problems.foreign == ["foreign request: http://elsewhere.example/"]
    assert browser_problems.failed
    browser_problems.clear()


def test_database_can_be_used_beside_the_browser(page, live_site, django_user_model):
    page.goto(f"{live_site.url}/healthz")
    assert django_user_model.objects.count() == 0


def test_what_the_console_complains_about_is_written_down(page, live_site, browser_problems):
    page.goto(f"{live_site.url}/healthz")
    page.evaluate("console.error('broken'); setTimeout(() => { throw new Error('thrown') })")
    page.wait_for_timeout(100)
    assert browser_problems.console[0] == "console error: broken"
    assert "thrown" in browser_problems.console[1]
    browser_problems.clear()
