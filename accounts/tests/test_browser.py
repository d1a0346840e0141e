"""Signing in with a passkey, and the settings as they work in a real browser, under the real Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from accounts.tests.support import PASSWORD, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def beside_the_browser(work: Callable[[], User]) -> User:
    """Do database work on a thread of its own: Playwright's loop runs on this one."""

    def run() -> User:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.fixture
def site(live_site: Any) -> str:
    """The site under a name for which browsers give passkeys on plain HTTP."""
    return str(live_site.url).replace("127.0.0.1", "localhost")


def test_passkey_is_added_and_signs_in_without_a_password(
    site: str, page: Page, context: BrowserContext
) -> None:
    person = beside_the_browser(make_user)
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.goto(f"{site}/accounts/login/?next=/accounts/2fa/webauthn/add/")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    page.wait_for_load_state()  # a click before the page's script is there is nobody's
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url("**/recovery-codes/")

    page.goto(f"{site}/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign Out").click()
    page.goto(f"{site}/accounts/login/?next=/settings/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/settings/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile and preferences")


def test_preview_follows_what_is_chosen(
    site: str, page: Page, log_in_browser: Callable[[User], None]
) -> None:
    log_in_browser(beside_the_browser(make_user))
    page.goto(f"{site.replace('localhost', '127.0.0.1')}/settings/")
    preview = page.locator("#preferences-preview")
    expect(preview).to_contain_text("1,234,567.89")
    page.get_by_label("Number and date format").select_option("de")
    expect(preview).to_contain_text("1.234.567,89")
