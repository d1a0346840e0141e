"""The frame in a real browser: theme, privacy, keyboard, notes, small screens, and no complaint on the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.support.live_site import LiveSite

pytestmark = pytest.mark.browser

WIDTHS = [390, 820, 1440]


@pytest.fixture
def person(live_site: LiveSite) -> User:
    return User.objects.create_user("ada@example.org", "correct horse battery staple", name="Ada Lovelace")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/", "/help/", "/accounts/login/", "/accounts/signup/"])
def test_open_pages_fit_their_window(
    page: Page, live_site: LiveSite, path: str, width: int, theme: Any
) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{live_site.url}{path}")
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_theme_is_kept_for_a_visitor(page: Page, live_site: LiveSite) -> None:
    page.goto(f"{live_site.url}/help/")
    with page.expect_response("**/settings/display/"):
        page.click("[data-theme-form] button")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_privacy_is_kept_with_the_person(
    page: Page, live_site: LiveSite, log_in_browser: Callable[[Any], None], person: User
) -> None:
    log_in_browser(person)
    page.goto(f"{live_site.url}/help/")
    with page.expect_response("**/settings/display/"):
        page.click("[data-privacy-form] button")
    expect(page.locator("[data-privacy-form] button")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-privacy", "on")
    person.refresh_from_db()
    assert person.hide_amounts


def test_the_first_tab_stop_skips_the_navigation(page: Page, live_site: LiveSite) -> None:
    page.goto(f"{live_site.url}/help/")
    page.keyboard.press("Tab")
    expect(page.locator(".hf-skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_account_menu_works_by_keyboard(
    page: Page, live_site: LiveSite, log_in_browser: Callable[[Any], None], person: User
) -> None:
    log_in_browser(person)
    page.goto(f"{live_site.url}/help/")
    page.locator(".hf-user summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile and preferences")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Profile and preferences")).to_be_hidden()
    expect(page.locator(".hf-user summary")).to_be_focused()


def test_a_note_is_shown_and_announced_as_text(page: Page, live_site: LiveSite) -> None:
    page.goto(f"{live_site.url}/help/")
    page.evaluate(
        "holdfast.toast({level: 'success', title: '<b>Filled</b>', body: '10 AAPL', url: 'javascript:1'})"
    )
    toast = page.locator(".hf-toast")
    expect(toast).to_contain_text("<b>Filled</b>")
    expect(toast.locator("a")).to_have_count(0)
    expect(page.locator("#hf-announce")).to_contain_text("10 AAPL")
    toast.get_by_role("button", name="Close this note").click()
    expect(toast).to_have_count(0)


def test_the_live_line_comes_up(
    page: Page, live_site: LiveSite, log_in_browser: Callable[[Any], None], person: User
) -> None:
    log_in_browser(person)
    page.goto(f"{live_site.url}/help/")
    expect(page.locator("#hf-live")).to_have_attribute("data-state", "on")
